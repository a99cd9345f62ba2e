//! What a fresh database holds: one company in the US with a generic chart of accounts, one warehouse, one
//! administrator, English. The ids of what callers name by id are those of a real Odoo.

mod places;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::business::manual;
use super::orm::{Env, ROOT, Values, World};
use super::registry::Registry;
use super::xid;

const GROUPS: &[(&str, &str)] = &[
    ("base.group_user", "Role / User"),
    ("base.group_erp_manager", "Access Rights"),
    ("base.group_system", "Role / Administrator"),
    ("base.group_partner_manager", "Creation"),
    ("fleet.fleet_group_user", "Officer: Manage all vehicles"),
    ("fleet.fleet_group_manager", "Administrator"),
    ("product.group_product_manager", "Create"),
    ("sales_team.group_sale_salesman", "User: Own Documents Only"),
    ("sales_team.group_sale_salesman_all_leads", "User: All Documents"),
    ("sales_team.group_sale_manager", "Administrator"),
    ("account.group_account_readonly", "Show Accounting Features - Readonly"),
    ("account.group_account_invoice", "Invoicing"),
    ("account.group_account_manager", "Administrator"),
    ("stock.group_stock_user", "User"),
    ("stock.group_stock_manager", "Administrator"),
    ("purchase.group_purchase_user", "User"),
    ("purchase.group_purchase_manager", "Administrator"),
];

/// External id, name, how many of the one before the bar it holds.
const UNITS: &[(&str, &str, f64, Option<i64>)] = &[
    ("unit", "Units", 1.0, None),
    ("pack_6", "Pack of 6", 6.0, Some(1)),
    ("dozen", "Dozens", 12.0, Some(1)),
    ("hour", "Hours", 1.0, None),
    ("day", "Days", 8.0, Some(4)),
    ("minute", "Minutes", 0.016_666_7, Some(4)),
    ("millimeter", "mm", 1.0, None),
    ("cm", "cm", 10.0, Some(7)),
    ("meter", "m", 100.0, Some(8)),
    ("km", "km", 1000.0, Some(9)),
    ("square_meter", "m²", 1.0, None),
    ("milliliter", "ml", 1.0, None),
    ("litre", "L", 1000.0, Some(12)),
    ("cubic_meter", "m³", 1000.0, Some(13)),
    ("gram", "g", 1.0, None),
    ("kgm", "kg", 1000.0, Some(15)),
    ("ton", "Ton", 1000.0, Some(16)),
];

const ACCOUNTS: &[(&str, &str, &str)] = &[
    ("101401", "Bank", "asset_cash"),
    ("101402", "Bank Suspense Account", "asset_current"),
    ("101403", "Outstanding Receipts", "asset_current"),
    ("101404", "Outstanding Payments", "asset_current"),
    ("121000", "Account Receivable", "asset_receivable"),
    ("131000", "Tax Paid", "asset_current"),
    ("211000", "Account Payable", "liability_payable"),
    ("251000", "Tax Received", "liability_current"),
    ("400000", "Product Sales", "income"),
    ("450000", "Other Income", "income_other"),
    ("500000", "Cost of Goods Sold", "expense_direct_cost"),
    ("600000", "Expenses", "expense"),
];

const JOURNALS: &[(&str, &str, &str, &str)] = &[
    ("account.1_sale", "Sales", "INV", "sale"),
    ("account.1_purchase", "Purchases", "BILL", "purchase"),
    ("account.1_general", "Miscellaneous Operations", "MISC", "general"),
    ("account.1_exch", "Exchange Difference", "EXCH", "general"),
    ("account.1_caba", "Cash Basis Taxes", "CABA", "general"),
    ("account.1_bank", "Bank", "BNK1", "bank"),
    ("account.1_inventory_valuation", "Inventory Valuation", "STJ", "general"),
];

const INCOTERMS: &[(&str, &str)] = &[
    ("EXW", "EX WORKS"),
    ("FCA", "FREE CARRIER"),
    ("FAS", "FREE ALONGSIDE SHIP"),
    ("FOB", "FREE ON BOARD"),
    ("CFR", "COST AND FREIGHT"),
    ("CIF", "COST, INSURANCE AND FREIGHT"),
    ("CPT", "CARRIAGE PAID TO"),
    ("CIP", "CARRIAGE AND INSURANCE PAID TO"),
    ("DPU", "DELIVERED AT PLACE UNLOADED"),
    ("DAP", "DELIVERED AT PLACE"),
    ("DDP", "DELIVERED DUTY PAID"),
];

/// External id (none for some), name, usage, parent, in use.
const PLACES: &[(&str, &str, &str, Option<i64>, bool)] = &[
    ("stock.stock_location_suppliers", "Vendors", "supplier", None, true),
    ("stock.stock_location_customers", "Customers", "customer", None, true),
    ("stock.stock_location_inter_company", "Inter-company transit", "transit", None, false),
    ("", "WH", "view", None, true),
    ("stock.stock_location_stock", "Stock", "internal", Some(4), true),
    ("stock.stock_location_company", "Input", "internal", Some(4), false),
    ("", "Quality Control", "internal", Some(4), false),
    ("stock.stock_location_output", "Output", "internal", Some(4), false),
    ("stock.location_pack_zone", "Packing Zone", "internal", Some(4), false),
    ("", "Inter-warehouse transit", "transit", None, false),
    ("", "Inventory adjustment", "inventory", None, true),
    ("", "Production", "production", None, true),
];

const MODULES: &[&str] = &[
    "account",
    "account_payment",
    "analytic",
    "api_doc",
    "base",
    "base_automation",
    "base_import",
    "base_setup",
    "bus",
    "contacts",
    "delivery",
    "fleet",
    "mail",
    "portal",
    "product",
    "purchase",
    "purchase_stock",
    "resource",
    "rpc",
    "sale",
    "sale_management",
    "sale_purchase",
    "sale_stock",
    "sales_team",
    "sms",
    "stock",
    "stock_account",
    "stock_delivery",
    "stock_fleet",
    "stock_picking_batch",
    "stock_sms",
    "uom",
    "utm",
    "web",
];

/// Makes the database.
pub(super) fn plant() -> World {
    let mut world = World { registry: Arc::new(Registry::standard()), ..World::default() };
    let registry = world.registry.clone();
    for model in registry.iter() {
        world.tables.prepare(model);
    }
    let mut context = Values::new();
    context.insert("seeding".into(), true.into());
    context.insert("active_test".into(), false.into());
    let long_ago = Timestamp::from_second(1_735_689_600).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut env = Env::new(&mut world, ROOT, context, long_ago);
    env.sudo = true;
    let mut garden = Garden { env };
    garden.places();
    garden.people();
    garden.books();
    garden.goods();
    garden.warehouse();
    garden.sayings();
    garden.models(&registry);
    world.tables.commit();
    world
}

struct Garden<'w> {
    env: Env<'w>,
}

impl Garden<'_> {
    /// Makes a record, and names it unless the name is empty.
    fn put(&mut self, name: &str, model: &str, values: Json) -> i64 {
        let id = self.env.create(model, values).unwrap_or_else(|fault| panic!("seed {model}: {}", fault.message));
        if !name.is_empty() {
            xid::assign(&mut self.env, name, model, id, false, false)
                .unwrap_or_else(|fault| panic!("seed {name}: {}", fault.message));
        }
        id
    }

    fn places(&mut self) {
        self.put(
            "base.USD",
            "res.currency",
            json!({"name": "USD", "symbol": "$", "full_name": "United States dollar", "decimal_places": 2}),
        );
        self.put(
            "base.EUR",
            "res.currency",
            json!({"name": "EUR", "symbol": "€", "full_name": "Euro", "decimal_places": 2, "active": false}),
        );
        let mut home = 0;
        for entry in places::COUNTRIES.split(';') {
            let (code, name) = entry.trim().split_once(' ').expect("a code and a name");
            let xid = if code == "GB" { "base.uk".to_owned() } else { format!("base.{}", code.to_lowercase()) };
            let id = self.put(&xid, "res.country", json!({"code": code, "name": name}));
            if code == "US" {
                home = id;
            }
        }
        for (place, entry) in places::STATES_OF_THE_US.split(';').enumerate() {
            let (code, name) = entry.trim().split_once(' ').expect("a code and a name");
            let values = json!({"code": code, "name": name, "country_id": home});
            self.put(&format!("base.state_us_{}", place + 1), "res.country.state", values);
        }
        self.put("base.lang_en", "res.lang", json!({"name": "English (US)", "code": "en_US"}));
    }

    fn people(&mut self) {
        for (name, label) in GROUPS {
            self.put(name, "res.groups", json!({"name": label}));
        }
        let home = super::business::partner::country(&self.env, "US");
        let company = json!({"name": "My Company", "is_company": true, "country_id": home});
        let company = self.put("base.main_partner", "res.partner", company);
        self.put("base.main_company", "res.company", json!({"partner_id": company, "currency_id": 1}));
        for (name, login, label, active) in [
            ("root", "__system__", "OdooBot", false),
            ("admin", "admin", "Administrator", true),
            ("public", "public", "Public user", false),
        ] {
            let partner =
                self.put(&format!("base.partner_{name}"), "res.partner", json!({"name": label, "active": active}));
            let user = json!({"login": login, "partner_id": partner, "company_ids": [[6, 0, [1]]]});
            let user = self.put(&format!("base.user_{name}"), "res.users", user);
            self.env.store("res.users", user, &[("active", active.into())]).expect("no rule against it");
        }
        let portal = json!({"name": "Portal User Template", "active": false});
        self.put("base.template_portal_user_id_res_partner", "res.partner", portal);
        let all: Vec<i64> = self.env.all("res.groups", json!([]));
        self.env.store("res.users", 2, &[("group_ids", super::orm::Cell::ids(all))]).expect("no rule against it");
    }

    fn books(&mut self) {
        for (code, name, kind) in ACCOUNTS {
            self.put("", "account.account", json!({"code": code, "name": name, "account_type": kind}));
        }
        for (sequence, (xid, name, code, kind)) in JOURNALS.iter().enumerate() {
            let values = json!({"name": name, "code": code, "type": kind, "sequence": sequence});
            self.put(xid, "account.journal", values);
        }
        for (xid, name, amount, purpose) in [
            ("account.1_sale_tax_template", "15%", 15.0, "sale"),
            ("account.1_purchase_tax_template", "15%", 15.0, "purchase"),
            ("account.1_sale_export_tax_template", "0% Exports", 0.0, "sale"),
            ("account.1_purchase_import_tax_template", "0% Imports", 0.0, "purchase"),
        ] {
            self.put(xid, "account.tax", json!({"name": name, "amount": amount, "type_tax_use": purpose}));
        }
        for (code, name) in INCOTERMS {
            self.put(&format!("account.incoterm_{code}"), "account.incoterms", json!({"code": code, "name": name}));
        }
        let home = super::business::partner::country(&self.env, "US");
        let domestic = json!({"name": "Domestic", "auto_apply": true, "country_id": home, "sequence": 1});
        self.put("account.1_fiscal_position_domestic", "account.fiscal.position", domestic);
        let foreign = json!({"name": "Foreign Trade", "auto_apply": true, "sequence": 2});
        self.put("account.1_fiscal_position_foreign", "account.fiscal.position", foreign);
        for (xid, name) in [
            ("account.account_payment_term_immediate", "Immediate Payment"),
            ("account.account_payment_term_15days", "15 Days"),
            ("account.account_payment_term_21days", "21 Days"),
            ("account.account_payment_term_30days", "30 Days"),
            ("account.account_payment_term_45days", "45 Days"),
        ] {
            self.put(xid, "account.payment.term", json!({"name": name}));
        }
    }

    fn goods(&mut self) {
        for (xid, name, factor, of) in UNITS {
            let values = json!({"name": name, "relative_factor": factor, "relative_uom_id": of});
            self.put(&format!("uom.product_uom_{xid}"), "uom.uom", values);
        }
        for (xid, name, digits) in [
            ("uom.decimal_product_uom", "Product Unit", 2),
            ("product.decimal_price", "Product Price", 2),
            ("product.decimal_discount", "Discount", 2),
        ] {
            self.put(xid, "decimal.precision", json!({"name": name, "digits": digits}));
        }
        for (xid, name) in [
            ("product.product_category_goods", "Goods"),
            ("product.product_category_expenses", "Expenses"),
            ("product.product_category_services", "Services"),
            ("delivery.product_category_deliveries", "Deliveries"),
        ] {
            self.put(xid, "product.category", json!({"name": name}));
        }
        let service = json!({
            "name": "Standard delivery", "default_code": "Delivery_007", "type": "service", "list_price": 0,
            "sale_ok": false, "purchase_ok": false, "taxes_id": [[5]], "supplier_taxes_id": [[5]], "categ_id": 4,
        });
        let service = self.put("delivery.product_product_delivery", "product.product", service);
        self.put(
            "delivery.free_delivery_carrier",
            "delivery.carrier",
            json!({"name": "Standard delivery", "product_id": service, "fixed_price": 0}),
        );
        self.put("sales_team.team_sales_department", "crm.team", json!({"name": "Sales"}));
    }

    fn warehouse(&mut self) {
        for (xid, name, usage, parent, active) in PLACES {
            let values = json!({"name": name, "usage": usage, "location_id": parent, "active": active});
            self.put(xid, "stock.location", values);
        }
        let house =
            json!({"name": "My Company", "code": "WH", "view_location_id": 4, "lot_stock_id": 5, "partner_id": 1});
        let house = self.put("stock.warehouse0", "stock.warehouse", house);
        let mut types = Vec::new();
        for (xid, name, code, short, from, to, active) in [
            ("stock.picking_type_in", "Receipts", "incoming", "IN", 1, 5, true),
            ("stock.picking_type_out", "Delivery Orders", "outgoing", "OUT", 5, 2, true),
            ("stock.picking_type_internal", "Internal Transfers", "internal", "INT", 5, 5, false),
        ] {
            types.push(self.put(
                xid,
                "stock.picking.type",
                json!({
                    "name": name, "code": code, "sequence_code": short, "warehouse_id": house, "active": active,
                    "default_location_src_id": from, "default_location_dest_id": to,
                    "use_existing_lots": code != "incoming",
                }),
            ));
        }
        let [incoming, outgoing, internal] = types[..] else { unreachable!("three were made") };
        let links = [("in_type_id", incoming), ("out_type_id", outgoing), ("int_type_id", internal)];
        for (field, id) in links {
            self.env.store("stock.warehouse", house, &[(field, id.into())]).expect("no rule against it");
        }
        for (id, back) in [(incoming, outgoing), (outgoing, incoming)] {
            let change = [("return_picking_type_id", back.into())];
            self.env.store("stock.picking.type", id, &change).expect("no rule against it");
        }
    }

    fn sayings(&mut self) {
        for (xid, name, internal) in [
            ("mail.mt_comment", "Discussions", false),
            ("mail.mt_note", "Note", true),
            ("mail.mt_activities", "Activities", true),
        ] {
            self.put(xid, "mail.message.subtype", json!({"name": name, "internal": internal}));
        }
        for name in MODULES {
            let values = json!({"name": name, "shortdesc": name, "state": "installed", "latest_version": "19.0.1.0"});
            self.put(&format!("base.module_{name}"), "ir.module.module", values);
        }
    }

    /// The models tell about themselves.
    fn models(&mut self, registry: &Registry) {
        for model in registry.iter() {
            let values = json!({
                "name": *model.label, "model": *model.name, "state": "base", "transient": model.transient,
            });
            let module = match model.name.split('.').next().unwrap_or_default() {
                "res" | "ir" => "base",
                other => other,
            };
            let xid = format!("{module}.model_{}", model.name.replace('.', "_"));
            let id = self.put(&xid, "ir.model", values);
            manual::describe(&mut self.env, model, id, false)
                .unwrap_or_else(|fault| panic!("seed {}: {}", model.name, fault.message));
        }
    }
}
