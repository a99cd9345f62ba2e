//! Who is served, what is sold, what was ordered and what is billed.

use super::{EntityKind, Field, Type, event, field, note};

const MONEY: Type = Type::Decimal;

/// A postal address as a value.
pub(super) const ADDRESS: &[Field] = &[
    field("lines", Type::List(&Type::Text), "Street lines in the order they are printed."),
    field("house_number", Type::Text, "House number where it is kept apart from the street."),
    field("postcode", Type::Text, "Postal code."),
    field("city", Type::Text, "City."),
    field("region", Type::Text, "State or region."),
    field("country", Type::Text, "ISO 3166-1 alpha-2."),
];

/// A party at an address: consignee, consignor.
pub(super) const PARTY: &[Field] = &[
    field("account", Type::Ref("customer_account"), "The commercial party, when it is known."),
    field("location", Type::Ref("location"), "The place, when it is known."),
    field("name", Type::Text, "Name on the label."),
    field("email", Type::Text, "E-mail address."),
    field("phone", Type::Text, "Telephone number, E.164 where possible."),
    field("address", Type::Object(ADDRESS), "Postal address."),
];

pub(super) const CUSTOMER_ACCOUNT: EntityKind = EntityKind {
    name: "customer_account",
    event_word: "account",
    meaning: "The commercial party that is billed or served; not an address.",
    standard: "UBL AccountingCustomerParty; OTM actor; Odoo res.partner (commercial partner)",
    key: &["code"],
    fields: &[
        field("code", Type::Text, "Our code of the account.").required(),
        field("name", Type::Text, "Trading name."),
        field("kind", Type::Code(&["customer", "shipper", "carrier", "supplier", "3pl"]), "Part it plays."),
        field("legal_name", Type::Text, "Registered name."),
        field("vat", Type::Text, "VAT number with country prefix."),
        field("payment_term", Type::Text, "Payment term code."),
        field("currency", Type::Text, "ISO 4217."),
        field("credit_limit", MONEY, "In `currency`."),
        field("email", Type::Text, "E-mail address."),
        field("phone", Type::Text, "Telephone number."),
        field("address", Type::Object(ADDRESS), "Registered address."),
        field("language", Type::Text, "BCP 47."),
        field("attributes", Type::Attributes, "What no field has a name for."),
    ],
    states: &["prospect", "active", "on_hold", "closed"],
    moves: &[("prospect", "active"), ("active", "on_hold"), ("on_hold", "active"), ("active", "closed"), ("on_hold", "closed")],
    events: &[
        event("created", "active", "The account exists."),
        note("updated", "Fields of the account changed."),
        event("put_on_hold", "on_hold", "Nothing may be released for it."),
        event("released", "active", "The hold is over."),
    ],
};

pub(super) const ITEM: EntityKind = EntityKind {
    name: "item",
    event_word: "item",
    meaning: "A sellable or stockable product (SKU) of one owner.",
    standard: "GS1 GTIN; UBL Item; Odoo product.product",
    key: &["sku"],
    fields: &[
        field("sku", Type::Text, "Stock keeping unit.").required(),
        field("gtins", Type::List(&Type::Text), "GS1 GTIN, any packaging level."),
        field("description", Type::Text, "Name of the item."),
        field("base_uom", Type::Text, "UN/ECE Rec 20 code of the unit it is counted in."),
        field("weight_kg", Type::Decimal, "Gross weight of one base unit, kilogram."),
        field("hs_code", Type::Text, "Harmonised System code."),
        field("origin_country", Type::Text, "ISO 3166-1 alpha-2."),
        field("tracking", Type::Code(&["none", "lot", "serial"]), "How pieces are told apart."),
        field("list_price", MONEY, "Price of one base unit."),
        field("attributes", Type::Attributes, "What no field has a name for."),
    ],
    states: &["draft", "active", "blocked", "obsolete"],
    moves: &[("draft", "active"), ("active", "blocked"), ("blocked", "active"), ("active", "obsolete"), ("blocked", "obsolete")],
    events: &[
        event("created", "active", "The item exists."),
        note("updated", "Fields of the item changed."),
        event("blocked", "blocked", "It may not be sold or moved."),
    ],
};

const ORDER_LINE: &[Field] = &[
    field("line", Type::Text, "Line number or id within the order.").required(),
    field("sku", Type::Ref("item"), "The item ordered.").required(),
    field("description", Type::Text, "Text of the line."),
    field("quantity", Type::Decimal, "Quantity ordered, in `uom`.").required(),
    field("uom", Type::Text, "UN/ECE Rec 20 code; C62 (piece) when absent."),
    field("quantity_delivered", Type::Decimal, "Quantity delivered so far, in `uom`."),
    field("unit_price", MONEY, "Price of one `uom` without tax, in the order's currency."),
];

pub(super) const ORDER: EntityKind = EntityKind {
    name: "order",
    event_word: "order",
    meaning: "A demand for goods: sales, return or transfer.",
    standard: "UBL Order; X12 850/940; Odoo sale.order (accepted = `sale`)",
    key: &["number"],
    fields: &[
        field("number", Type::Text, "Order number in the system of record.").required(),
        field("type", Type::Code(&["sales", "purchase", "transfer", "return"]), "Kind of demand."),
        field("customer", Type::Ref("customer_account"), "Who ordered."),
        field("customer_reference", Type::Text, "The customer's own order number."),
        field("ship_to", Type::Object(PARTY), "Consignee."),
        field("bill_to", Type::Object(PARTY), "Who is invoiced."),
        field("ordered_at", Type::Time, "When it was placed."),
        field("promised_at", Type::Time, "Delivery promised for."),
        field("currency", Type::Text, "ISO 4217."),
        field("total", MONEY, "Total with tax, in `currency`."),
        field("lines", Type::List(&Type::Object(ORDER_LINE)), "What is ordered."),
        field("channel", Type::Text, "Where the order came from."),
        field("attributes", Type::Attributes, "What no field has a name for."),
    ],
    states: &[
        "draft", "submitted", "accepted", "rejected", "on_hold", "allocated", "released", "in_fulfilment",
        "partially_shipped", "shipped", "delivered", "closed", "cancelled",
    ],
    moves: &[
        ("draft", "submitted"), ("submitted", "accepted"), ("submitted", "rejected"), ("accepted", "on_hold"),
        ("on_hold", "accepted"), ("accepted", "allocated"), ("allocated", "released"), ("accepted", "released"),
        ("released", "in_fulfilment"), ("in_fulfilment", "partially_shipped"), ("in_fulfilment", "shipped"),
        ("partially_shipped", "shipped"), ("shipped", "delivered"), ("partially_shipped", "delivered"),
        ("delivered", "closed"), ("draft", "cancelled"), ("submitted", "cancelled"), ("accepted", "cancelled"),
        ("on_hold", "cancelled"), ("allocated", "cancelled"), ("released", "cancelled"), ("in_fulfilment", "cancelled"),
    ],
    events: &[
        event("received", "submitted", "The order came in."),
        event("accepted", "accepted", "We promise to fulfil it.").requires(&["lines"]),
        event("rejected", "rejected", "We do not fulfil it."),
        event("held", "on_hold", "It waits, for example for credit."),
        event("allocated", "allocated", "Stock is reserved for it."),
        event("released", "released", "The warehouse may work on it."),
        note("changed", "Lines, dates or parties changed."),
        event("partially_shipped", "partially_shipped", "Part of it has left."),
        event("shipped", "shipped", "All of it has left."),
        event("delivered", "delivered", "All of it has arrived."),
        event("closed", "closed", "Nothing more will happen to it."),
        event("cancelled", "cancelled", "It is withdrawn."),
    ],
};

const INVOICE_LINE: &[Field] = &[
    field("line", Type::Text, "Line number."),
    field("description", Type::Text, "Text of the line."),
    field("sku", Type::Ref("item"), "The item invoiced."),
    field("quantity", Type::Decimal, "Quantity invoiced."),
    field("unit_price", MONEY, "Price of one unit, net."),
    field("net", MONEY, "Net amount of the line."),
];

pub(super) const INVOICE: EntityKind = EntityKind {
    name: "invoice",
    event_word: "invoice",
    meaning: "A demand for payment for goods or services.",
    standard: "UBL Invoice; Peppol BIS 3; X12 810; Odoo account.move (released = `posted`)",
    key: &["number"],
    fields: &[
        field("number", Type::Text, "Invoice number of the issuer.").required(),
        field("kind", Type::Code(&["invoice", "credit_note", "self_billed"]), "Kind of document."),
        field("direction", Type::Code(&["AR", "AP"]), "Receivable or payable."),
        field("order", Type::Ref("order"), "The order invoiced."),
        field("shipment", Type::Ref("shipment"), "The shipment invoiced."),
        field("payer", Type::Ref("customer_account"), "Who pays."),
        field("issued_on", Type::Date, "Invoice date."),
        field("due_on", Type::Date, "Payment due date."),
        field("currency", Type::Text, "ISO 4217."),
        field("net", MONEY, "Total without tax, in `currency`."),
        field("tax", MONEY, "Tax, in `currency`."),
        field("gross", MONEY, "Total with tax, in `currency`."),
        field("lines", Type::List(&Type::Object(INVOICE_LINE)), "What is invoiced."),
        field("attributes", Type::Attributes, "What no field has a name for."),
    ],
    states: &[
        "draft", "blocked", "released", "sent", "acknowledged", "rejected", "partially_paid", "paid", "disputed",
        "credited", "cancelled",
    ],
    moves: &[
        ("draft", "blocked"), ("blocked", "draft"), ("draft", "released"), ("released", "sent"),
        ("sent", "acknowledged"), ("sent", "rejected"), ("released", "partially_paid"), ("released", "paid"),
        ("partially_paid", "paid"), ("released", "disputed"), ("disputed", "credited"), ("disputed", "released"),
        ("draft", "cancelled"), ("sent", "paid"), ("sent", "partially_paid"), ("acknowledged", "paid"),
    ],
    events: &[
        event("drafted", "draft", "The invoice exists and binds nobody yet."),
        event("blocked", "blocked", "It may not be released, for example without proof of delivery."),
        event("released", "released", "It is posted and binding."),
        event("sent", "sent", "It went to the payer."),
        event("paid", "paid", "Nothing is owed on it any more."),
        event("cancelled", "cancelled", "It is void."),
    ],
};
