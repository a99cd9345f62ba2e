//! Who takes part and where: accounts, places, and the parts of which addresses are made.

use super::table::{
    amount, boolean, code, country, currency, decimal, event, events, fields, int, link, list, measured, note, object,
    other, planned, text, texts,
};
use super::{EntityKind, Field, Type};

/// A postal address as a value.
pub(super) const ADDRESS: &[Field] = &[
    texts("lines", "Street lines in the order they are printed.").standard("UBL StreetName, AdditionalStreetName"),
    text("house_number", "House number where it is kept apart from the street.").standard("UBL BuildingNumber"),
    text("postcode", "Postal code.").standard("UBL PostalZone"),
    text("city", "City.").standard("UBL CityName"),
    text("region", "State or region.").standard("UBL CountrySubentity"),
    country("country", "Country.").standard("UBL Country/IdentificationCode"),
];

/// A party at an address: consignee, consignor.
pub(super) const PARTY: &[Field] = &[
    link("account", "customer_account", "The commercial party, when it is known."),
    link("location", "location", "The place, when it is known."),
    text("name", "Name on the label.").standard("UBL PartyName"),
    text("email", "E-mail address."),
    text("phone", "Telephone number, E.164 where possible."),
    object("address", ADDRESS, "Postal address."),
];

/// A point on the earth.
pub(super) const GEO: &[Field] = &[
    measured("lat", "DD", "Latitude, degrees, WGS 84; north is positive.").required(),
    measured("lon", "DD", "Longitude, degrees, WGS 84; east is positive.").required(),
    measured("accuracy_m", "MTR", "Radius of uncertainty, metre."),
];

/// A span of time in which something is to happen.
pub(super) const WINDOW: &[Field] = &[planned("from", "Not before."), planned("to", "Not after.")];

/// Length, width and height of one piece.
pub(super) const DIMENSIONS: &[Field] = &[
    measured("length_cm", "CMT", "Length, centimetre."),
    measured("width_cm", "CMT", "Width, centimetre."),
    measured("height_cm", "CMT", "Height, centimetre."),
];

/// A range of temperature.
pub(super) const TEMPERATURE: &[Field] = &[
    measured("min_c", "CEL", "Not colder than, degree Celsius."),
    measured("max_c", "CEL", "Not warmer than, degree Celsius."),
];

/// Dangerous goods.
pub(super) const HAZMAT: &[Field] = &[
    text("un", "UN number, four digits.").standard("UN Model Regulations; eFTI dangerous goods"),
    text("class", "Class or division, for example `3` or `2.1`."),
    text("packing_group", "I, II or III."),
    text("proper_name", "Proper shipping name."),
    text("tunnel_code", "Tunnel restriction code of ADR."),
];

const CONTACT: &[Field] = &[
    text("name", "Name of the person or desk."),
    text("role", "What to call them for."),
    text("email", "E-mail address."),
    text("phone", "Telephone number, E.164 where possible."),
];

const EDI_ID: &[Field] = &[
    text("qualifier", "Kind of id: X12 I05 or EDIFACT 0007, for example `ZZ`, `14`.").required(),
    text("id", "The id itself.").required(),
];

pub(super) const CUSTOMER_ACCOUNT: EntityKind = EntityKind {
    name: "customer_account",
    event_word: "account",
    meaning: "The commercial party that is billed or served; not an address.",
    differs: "An account is who owes and who is owed. Where its goods go are locations, of which one account may have \
              hundreds; a driver or a contact person is no account.",
    standard: "UBL AccountingCustomerParty; OTM actor; Odoo res.partner (commercial partner)",
    key: &["code"],
    fields: fields![
        text("code", "Our code of the account.").required(),
        text("name", "Trading name.").standard("UBL PartyName"),
        code("kind", &["customer", "shipper", "carrier", "supplier", "3pl"], "Part it plays."),
        text("legal_name", "Registered name.").standard("UBL PartyLegalEntity/RegistrationName"),
        text("vat", "VAT number with country prefix.").standard("UBL PartyTaxScheme/CompanyID"),
        text("eori", "Economic Operators Registration and Identification number of the EU."),
        text("gln", "Global Location Number of the party.").standard("GS1 GLN"),
        text("duns", "D-U-N-S number."),
        text("scac", "Standard Carrier Alpha Code, of a carrier."),
        text("payment_term", "Payment term code."),
        currency("The currency it is billed in."),
        amount("credit_limit", "What it may owe at most."),
        text("price_list", "Price list or rate card it is billed by."),
        link("bill_to", "customer_account", "Who is billed, when it is somebody else."),
        list("edi_ids", &Type::Object(EDI_ID), "Its ids in EDI envelopes."),
        list("contacts", &Type::Object(CONTACT), "People and desks."),
        text("email", "E-mail address."),
        text("phone", "Telephone number."),
        object("address", ADDRESS, "Registered address."),
        text("language", "Language it is written to in, BCP 47."),
        link("merged_into", "customer_account", "The account that took its place."),
        text("reason", "Why it was put on hold, released or closed."),
    ],
    states: &["prospect", "active", "on_hold", "closed"],
    moves: &[
        ("prospect", "active"),
        ("active", "on_hold"),
        ("on_hold", "active"),
        ("active", "closed"),
        ("on_hold", "closed"),
    ],
    events: events![
        event("created", "active", "The account exists."),
        note("updated", "Fields of the account changed."),
        event("put_on_hold", "on_hold", "Nothing may be released for it."),
        event("released", "active", "The hold is over."),
        event("merged", "closed", "It was a double; another account took its place.").requires(&["merged_into"]),
        event("closed", "closed", "No business is done with it any more."),
    ],
};

const OPENING: &[Field] = &[
    code("day", &["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "Day of the week.").required(),
    text("opens", "Local time, `HH:MM`.").required(),
    text("closes", "Local time, `HH:MM`.").required(),
];

const ACCESS: &[Field] = &[
    int("dock_count", "Number of docks."),
    measured("max_height_m", "MTR", "Highest vehicle that can enter, metre."),
    measured("max_weight_kg", "KGM", "Heaviest vehicle that can enter, kilogram."),
    boolean("tail_lift_required", "There is no dock: the vehicle needs a tail lift."),
    boolean("appointment_required", "A slot must be booked before arrival."),
];

const VALIDATION: &[Field] = &[
    text("provider", "Who checked the address."),
    decimal("score", "How sure the provider is, 0 to 1."),
    object("normalised", ADDRESS, "The address as the provider writes it."),
];

pub(super) const LOCATION: EntityKind = EntityKind {
    name: "location",
    event_word: "location",
    meaning: "A place with an identity of its own; the address is a value inside it.",
    differs: "A location stays the same place when its address is corrected or its owner changes. It is not the party \
              that works there (customer_account), and a visit to it is a stop.",
    standard: "OTM location; GS1 GLN; Odoo res.partner (type delivery), stock.location",
    key: &["code"],
    fields: fields![
        text("code", "Our code of the place.").required(),
        text("name", "Name of the place."),
        code(
            "kind",
            &["warehouse", "store", "customer", "depot", "port", "cross_dock", "parcel_shop", "other"],
            "What it is used for.",
        ),
        link("account", "customer_account", "Whose place it is."),
        text("gln", "Global Location Number.").standard("GS1 GLN; EPCIS bizLocation"),
        other("unlocode", Type::Unlocode, "Code of the town, port or terminal."),
        object("address", ADDRESS, "Postal address."),
        object("geo", GEO, "Position."),
        texts("geofence", "Corners of the area that counts as being there, each `lat,lon`, in order."),
        other("timezone", Type::Zone, "Time zone whose local time is spoken there."),
        list("opening_windows", &Type::Object(OPENING), "When it takes or gives goods."),
        object("access", ACCESS, "What a vehicle must fit."),
        object("validation", VALIDATION, "What an address check found."),
        text("reason", "Why the address was rejected."),
    ],
    states: &["unverified", "ambiguous", "invalid", "verified"],
    moves: &[
        ("unverified", "verified"),
        ("unverified", "invalid"),
        ("unverified", "ambiguous"),
        ("invalid", "verified"),
        ("ambiguous", "verified"),
    ],
    events: events![
        event("created", "unverified", "The place is known."),
        note("updated", "Fields of the place changed."),
        event("validated", "verified", "The address was found to exist."),
        event("found_ambiguous", "ambiguous", "The address fits several places; somebody must choose."),
        event("rejected", "invalid", "The address was found not to exist."),
    ],
};
