//! The fleet: vehicles, who drives them, and what their devices tell.

use super::party::{DIMENSIONS, GEO};
use super::table::{
    actual, boolean, code, country, date, event, events, fields, int, link, list, measured, note, object, recorded,
    text, texts,
};
use super::{EntityKind, Field, Type};

const CAPACITY: &[Field] = &[
    measured("weight_kg", "KGM", "Payload, kilogram."),
    measured("volume_m3", "MTQ", "Loading volume, cubic metre."),
    measured("load_meters", "LM", "Length of the loading floor, metre."),
    measured("pallets", "C62", "Pallet places."),
];

const COMPLIANCE: &[Field] =
    &[text("type", "What was inspected or licensed.").required(), date("valid_until", "Last day on which it holds.")];

pub(super) const VEHICLE: EntityKind = EntityKind {
    name: "vehicle",
    event_word: "vehicle",
    meaning: "A vehicle or trailer that carries goods.",
    differs: "A vehicle is the machine. A container on it is a handling unit, its tour is a route, the box that \
              reports its position is a device.",
    standard: "OTM vehicle; Odoo fleet.vehicle",
    key: &["code"],
    fields: fields![
        text("code", "Our code of it: what partners name it by, fleet number or licence plate.").required(),
        text("vin", "Vehicle identification number.").standard("ISO 3779; Odoo vin_sn"),
        text("plate", "Licence plate.").standard("Odoo license_plate"),
        country("country", "Country of registration."),
        code("kind", &["truck", "tractor", "trailer", "semi_trailer", "van", "car", "bike", "other"], "What it is."),
        text("fleet_no", "Fleet number."),
        link("carrier", "customer_account", "Whose it is, when it is not ours."),
        code("fuel", &["diesel", "petrol", "electric", "hybrid", "cng", "lng", "hydrogen", "hvo", "other"], "Energy."),
        text("emission_standard", "Emission class, for example `EURO 6`."),
        object("capacity", CAPACITY, "What it can carry."),
        object("dimensions", DIMENSIONS, "Outer size."),
        measured("odometer_km", "KMT", "Distance driven in its life, kilometre."),
        actual("odometer_at", "When the odometer was read."),
        texts("device_ids", "Devices built into it."),
        texts("telematics_ids", "Its ids at telematics platforms."),
        list("compliance", &Type::Object(COMPLIANCE), "Inspections and licences."),
        link("driver", "driver", "Who is assigned to it."),
        link("route", "route", "The route it is assigned to."),
        text("fault_code", "Code of the latest fault."),
        text("fault", "The latest fault in words."),
        text("reason", "Why it is out of service."),
    ],
    states: &["active", "in_maintenance", "out_of_service", "disposed"],
    moves: &[
        ("active", "in_maintenance"),
        ("in_maintenance", "active"),
        ("active", "out_of_service"),
        ("out_of_service", "active"),
        ("out_of_service", "disposed"),
    ],
    events: events![
        event("registered", "active", "It joined the fleet."),
        note("updated", "Its fields changed."),
        note("assigned", "It got a driver or a route."),
        event("maintenance_started", "in_maintenance", "It is in the workshop."),
        event("taken_out_of_service", "out_of_service", "It may not be used."),
        event("returned_to_service", "active", "It may be used again."),
        event("disposed", "disposed", "It left the fleet."),
        note("fault_raised", "It reported a fault."),
        note("odometer_recorded", "Its odometer was read.").requires(&["odometer_km"]),
    ],
};

const LICENCE: &[Field] = &[
    text("class", "Classes, for example `CE`."),
    date("valid_until", "Last day on which it holds."),
    country("country", "Country that issued it."),
];

const HOURS_LEFT: &[Field] = &[
    measured("drive_min", "MIN", "Driving time left today, minute."),
    measured("shift_min", "MIN", "Shift time left, minute."),
    measured("cycle_min", "MIN", "Time left in the week or cycle, minute."),
    measured("break_min", "MIN", "Driving time left until a break, minute."),
];

pub(super) const DRIVER: EntityKind = EntityKind {
    name: "driver",
    event_word: "driver",
    meaning: "A person who drives; personal data, kept only as long as its retention rule says.",
    differs: "A driver is a person, a carrier is a company (customer_account). Shipments and stops carry the driver's \
              name as it was told; the person behind it is this entity.",
    standard: "OTM actor (person); Motive and Samsara hours of service",
    key: &["code"],
    fields: fields![
        text("code", "Employee number or the carrier's number of the person.").required(),
        text("name", "Name. Personal data."),
        text("phone", "Telephone number, E.164. Personal data."),
        object("licence", LICENCE, "Driving licence, without its number."),
        link("carrier", "customer_account", "Employer, when it is not we."),
        code("duty_status", &["off", "sleeper", "driving", "on_duty"], "What the logbook says.")
            .standard("FMCSA 395 duty status"),
        actual("duty_since", "Since when."),
        object("hours_left", HOURS_LEFT, "What the rules still allow."),
        link("vehicle", "vehicle", "The vehicle of the moment."),
        link("route", "route", "The route of the moment."),
        text("violation", "Which rule was broken."),
        text("reason", "Why the person was suspended."),
    ],
    states: &["active", "suspended", "left"],
    moves: &[("active", "suspended"), ("suspended", "active"), ("active", "left"), ("suspended", "left")],
    events: events![
        event("registered", "active", "The person drives for us."),
        note("updated", "Fields changed."),
        note("assigned", "The person got a vehicle or a route."),
        note("duty_status_changed", "The logbook changed.").requires(&["duty_status"]),
        note("hos_violation", "A rule on hours of service was broken."),
        event("suspended", "suspended", "The person may not drive."),
        event("reinstated", "active", "The person may drive again."),
        event("left", "left", "The person does not drive for us any more."),
    ],
};

const SENSOR: &[Field] = &[
    text("name", "What is measured, for example `cargo_temperature`.").required(),
    measured("value_c", "CEL", "A temperature, degree Celsius."),
    measured("value_pct", "P1", "A level or humidity, percent."),
    boolean("value_on", "A switch or a door: on, open."),
];

pub(super) const TELEMETRY_POSITION: EntityKind = EntityKind {
    name: "telemetry_position",
    event_word: "telemetry",
    meaning: "One thing one device told at one moment; never changed afterwards.",
    differs: "Telemetry says where a device was. That a vehicle arrived at a stop is said by the stop's own event, \
              which somebody concluded.",
    standard: "OTM locationUpdateEvent, sensorUpdateEvent; DCSA EQUIPMENT events with position",
    key: &["device", "fix_at"],
    fields: fields![
        text("device", "Id of the device.").required(),
        actual("fix_at", "When the position was fixed, by the device's clock.").required(),
        recorded("received_at", "When the platform got it."),
        link("vehicle", "vehicle", "The vehicle it is in."),
        link("route", "route", "The route being driven."),
        measured("lat", "DD", "Latitude, degrees, WGS 84; north is positive."),
        measured("lon", "DD", "Longitude, degrees, WGS 84; east is positive."),
        measured("alt_m", "MTR", "Height above the ellipsoid, metre."),
        measured("accuracy_m", "MTR", "Radius of uncertainty, metre."),
        measured("speed_kmh", "KMH", "Speed, kilometre per hour (Traccar tells knots)."),
        measured("heading_deg", "DD", "Direction, degrees clockwise from north."),
        boolean("ignition", "The engine is on."),
        boolean("motion", "It moves."),
        measured("odometer_m", "MTR", "Distance driven in its life, metre."),
        measured("fuel_pct", "P1", "Fuel left, percent."),
        measured("battery_pct", "P1", "Battery left, percent."),
        link("geofence", "location", "The area entered or left."),
        list("geofences", &Type::Ref("location"), "The areas it is in."),
        list("sensors", &Type::Object(SENSOR), "Other measurements."),
        code("harsh", &["braking", "acceleration", "cornering", "impact", "speeding"], "What was harsh."),
        object("position", GEO, "Position, where a partner sends it as one object."),
        int("sequence", "Number within the same second, when a device tells several."),
    ],
    states: &["received", "duplicate", "implausible", "late", "accepted"],
    moves: &[("received", "accepted"), ("received", "late"), ("received", "duplicate"), ("received", "implausible")],
    events: events![
        event("position_recorded", "received", "The device told where it is.").requires(&["lat", "lon"]),
        note("geofence_entered", "It came into an area.").requires(&["geofence"]),
        note("geofence_exited", "It left an area.").requires(&["geofence"]),
        note("sensor_recorded", "It told a measurement.").requires(&["sensors"]),
        note("harsh_event", "It noticed harsh driving or an impact.").requires(&["harsh"]),
        note("device_offline", "It has not been heard of for too long."),
        event("accepted", "accepted", "The position is believed."),
        event("late", "late", "It came after a later one."),
        event("duplicate", "duplicate", "It was told before."),
        event("implausible", "implausible", "Nothing can have been there."),
    ],
};
