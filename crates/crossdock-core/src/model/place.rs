//! Where things are.

use super::commerce::ADDRESS;
use super::{EntityKind, Field, Type, event, field, note};

/// A point on the earth.
pub(super) const GEO: &[Field] = &[
    field("lat", Type::Decimal, "Latitude, degrees, WGS 84.").required(),
    field("lon", Type::Decimal, "Longitude, degrees, WGS 84.").required(),
    field("accuracy_m", Type::Decimal, "Radius of uncertainty, metre."),
];

pub(super) const LOCATION: EntityKind = EntityKind {
    name: "location",
    event_word: "location",
    meaning: "A place with an identity of its own; the address is a value inside it.",
    standard: "OTM location; GS1 GLN; Odoo res.partner (type delivery), stock.location",
    key: &["code"],
    fields: &[
        field("code", Type::Text, "Our code of the place.").required(),
        field("name", Type::Text, "Name of the place."),
        field(
            "kind",
            Type::Code(&["warehouse", "store", "customer", "depot", "port", "cross_dock", "parcel_shop", "other"]),
            "What it is used for.",
        ),
        field("account", Type::Ref("customer_account"), "Whose place it is."),
        field("gln", Type::Text, "GS1 Global Location Number."),
        field("unlocode", Type::Text, "UN/LOCODE."),
        field("address", Type::Object(ADDRESS), "Postal address."),
        field("geo", Type::Object(GEO), "Position."),
        field("timezone", Type::Text, "IANA time zone."),
        field("attributes", Type::Attributes, "What no field has a name for."),
    ],
    states: &["unverified", "verified", "invalid", "ambiguous"],
    moves: &[
        ("unverified", "verified"),
        ("unverified", "invalid"),
        ("unverified", "ambiguous"),
        ("invalid", "verified"),
        ("ambiguous", "verified"),
    ],
    events: &[
        event("created", "unverified", "The place is known."),
        note("updated", "Fields of the place changed."),
        event("validated", "verified", "The address was found to exist."),
        event("rejected", "invalid", "The address was found not to exist."),
    ],
};
