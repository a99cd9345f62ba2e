//! What is read of the models every hub needs, and which of their fields make a change worth a message.

/// One model and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(in crate::odoo) struct Preset {
    pub model: &'static str,
    /// Fields read. Those that this Odoo does not have (their module is not installed) are left out.
    pub fields: &'static [&'static str],
    /// Fields whose contact is read in full.
    pub partners: &'static [&'static str],
    pub lines: Option<Lines>,
    /// Records of this model that are nobody's business: `[field, operator, value]`.
    pub only: Option<(&'static str, &'static str, &'static str)>,
    /// Fields whose change writes a row to the outbox.
    pub triggers: &'static [&'static str],
}

/// The lines of a model.
#[derive(Clone, Copy, Debug)]
pub(in crate::odoo) struct Lines {
    pub model: &'static str,
    /// The field of the line that names its record.
    pub link: &'static str,
    pub fields: &'static [(&'static str, Kind)],
    pub only: Option<(&'static str, &'static str, &'static str)>,
    /// Fields of the line whose change is a change of its record; empty when the record shows it itself.
    pub triggers: &'static [&'static str],
}

/// How a value of Odoo is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::odoo) enum Kind {
    /// `false` is false.
    Bool,
    /// A number; never nothing.
    Number,
    /// `[id, name]`, or `false` for nothing.
    Link,
    /// A list of ids.
    Links,
    /// A date-time in UTC without its zone, or `false` for nothing.
    Instant,
    /// Text, date or choice, or `false` for nothing.
    Text,
}

impl Kind {
    /// Of a field's `type` in `fields_get`.
    pub fn of(field_type: &str) -> Self {
        match field_type {
            "boolean" => Kind::Bool,
            "integer" | "float" | "monetary" => Kind::Number,
            "many2one" => Kind::Link,
            "one2many" | "many2many" => Kind::Links,
            "datetime" => Kind::Instant,
            _ => Kind::Text,
        }
    }
}

pub(in crate::odoo) fn of(model: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.model == model)
}

pub(in crate::odoo) const PRESETS: &[Preset] = &[
    Preset {
        model: "sale.order",
        fields: &[
            "name",
            "state",
            "locked",
            "client_order_ref",
            "origin",
            "reference",
            "date_order",
            "commitment_date",
            "partner_id",
            "partner_shipping_id",
            "partner_invoice_id",
            "warehouse_id",
            "carrier_id",
            "incoterm",
            "payment_term_id",
            "company_id",
            "currency_id",
            "amount_untaxed",
            "amount_tax",
            "amount_total",
            "invoice_status",
            "delivery_status",
            "note",
        ],
        partners: &["partner_id", "partner_shipping_id"],
        lines: Some(Lines {
            model: "sale.order.line",
            link: "order_id",
            fields: &[
                ("sequence", Kind::Number),
                ("display_type", Kind::Text),
                ("product_id", Kind::Link),
                ("name", Kind::Text),
                ("product_uom_qty", Kind::Number),
                ("product_uom_id", Kind::Link),
                ("price_unit", Kind::Number),
                ("discount", Kind::Number),
                ("price_subtotal", Kind::Number),
                ("price_total", Kind::Number),
                ("qty_delivered", Kind::Number),
                ("qty_invoiced", Kind::Number),
            ],
            only: None,
            triggers: &["product_id", "product_uom_qty", "price_unit"],
        }),
        only: None,
        triggers: &[
            "state",
            "locked",
            "client_order_ref",
            "commitment_date",
            "partner_id",
            "partner_shipping_id",
            "partner_invoice_id",
            "carrier_id",
            "warehouse_id",
            "amount_total",
            "invoice_status",
            "delivery_status",
        ],
    },
    Preset {
        model: "stock.picking",
        fields: &[
            "name",
            "state",
            "origin",
            "picking_type_code",
            "picking_type_id",
            "partner_id",
            "scheduled_date",
            "date_deadline",
            "date_done",
            "carrier_id",
            "carrier_tracking_ref",
            "backorder_id",
            "return_id",
            "sale_id",
            "location_id",
            "location_dest_id",
            "company_id",
            "priority",
            "note",
        ],
        partners: &["partner_id"],
        lines: Some(Lines {
            model: "stock.move",
            link: "picking_id",
            fields: &[
                ("product_id", Kind::Link),
                ("state", Kind::Text),
                ("product_uom_qty", Kind::Number),
                ("quantity", Kind::Number),
                ("picked", Kind::Bool),
                ("product_uom", Kind::Link),
            ],
            only: None,
            triggers: &[],
        }),
        only: None,
        triggers: &[
            "state",
            "partner_id",
            "scheduled_date",
            "carrier_id",
            "carrier_tracking_ref",
            "backorder_id",
            "location_id",
            "location_dest_id",
        ],
    },
    Preset {
        model: "account.move",
        fields: &[
            "name",
            "state",
            "move_type",
            "payment_state",
            "invoice_date",
            "invoice_date_due",
            "partner_id",
            "partner_shipping_id",
            "ref",
            "invoice_origin",
            "payment_reference",
            "reversed_entry_id",
            "company_id",
            "currency_id",
            "amount_untaxed",
            "amount_tax",
            "amount_total",
            "amount_residual",
        ],
        partners: &["partner_id"],
        lines: Some(Lines {
            model: "account.move.line",
            link: "move_id",
            fields: &[
                ("product_id", Kind::Link),
                ("name", Kind::Text),
                ("quantity", Kind::Number),
                ("product_uom_id", Kind::Link),
                ("price_unit", Kind::Number),
                ("discount", Kind::Number),
                ("price_subtotal", Kind::Number),
                ("price_total", Kind::Number),
            ],
            only: Some(("display_type", "=", "product")),
            triggers: &[],
        }),
        only: Some(("move_type", "!=", "entry")),
        triggers: &[
            "state",
            "payment_state",
            "partner_id",
            "invoice_date",
            "invoice_date_due",
            "ref",
            "amount_total",
            "amount_residual",
        ],
    },
    Preset {
        model: "res.partner",
        fields: &[
            "name",
            "ref",
            "active",
            "is_company",
            "type",
            "parent_id",
            "commercial_partner_id",
            "email",
            "phone",
            "vat",
            "street",
            "street2",
            "city",
            "zip",
            "state_id",
            "country_id",
            "lang",
            "company_id",
        ],
        partners: &[],
        lines: None,
        only: None,
        triggers: &[
            "name",
            "ref",
            "active",
            "is_company",
            "type",
            "parent_id",
            "email",
            "phone",
            "vat",
            "street",
            "street2",
            "city",
            "zip",
            "state_id",
            "country_id",
        ],
    },
    Preset {
        model: "product.product",
        fields: &[
            "name",
            "default_code",
            "barcode",
            "active",
            "type",
            "is_storable",
            "tracking",
            "weight",
            "volume",
            "list_price",
            "uom_id",
            "categ_id",
            "invoice_policy",
            "company_id",
        ],
        partners: &[],
        lines: None,
        only: None,
        triggers: &[
            "name",
            "default_code",
            "barcode",
            "active",
            "type",
            "is_storable",
            "tracking",
            "weight",
            "volume",
            "list_price",
            "uom_id",
        ],
    },
];

/// Read of every model, whatever its preset.
pub(in crate::odoo) const COMMON: &[&str] = &["create_date", "write_date", "write_uid"];

/// Read of a contact that another record names.
pub(in crate::odoo) const PARTNER: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("ref", Kind::Text),
    ("is_company", Kind::Bool),
    ("type", Kind::Text),
    ("email", Kind::Text),
    ("phone", Kind::Text),
    ("vat", Kind::Text),
    ("street", Kind::Text),
    ("street2", Kind::Text),
    ("city", Kind::Text),
    ("zip", Kind::Text),
    ("state_id", Kind::Link),
    ("country_id", Kind::Link),
    ("parent_id", Kind::Link),
];

/// Read of a product that a line names.
pub(in crate::odoo) const PRODUCT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("default_code", Kind::Text),
    ("barcode", Kind::Text),
    ("type", Kind::Text),
    ("weight", Kind::Number),
];
