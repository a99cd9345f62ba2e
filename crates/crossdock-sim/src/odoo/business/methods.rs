//! The methods a caller can name, with the arguments each takes.

use serde_json::{Value as Json, json};

use super::super::fault::{Fault, Outcome};
use super::super::load;
use super::super::orm::read::names_in;
use super::super::orm::{Env, Listing, Values, python};
use super::super::xid;
use super::access::Right;
use super::{
    batch, invoice, messages, payment, picking, purchase, quant, returns, reversal, sale, sale_invoice, transfer,
};

/// A call of a method.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub model: &'a str,
    pub ids: Vec<i64>,
    pub arguments: &'a Values,
}

/// A method and its signature.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    pub name: &'static str,
    /// It is not about given records, so it takes no ids.
    pub on_model: bool,
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
    pub run: fn(&mut Env<'_>, &Call<'_>) -> Outcome<Json>,
}

const fn on_model(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    run: fn(&mut Env<'_>, &Call<'_>) -> Outcome<Json>,
) -> Method {
    Method { name, on_model: true, required, optional, run }
}

const fn on_records(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    run: fn(&mut Env<'_>, &Call<'_>) -> Outcome<Json>,
) -> Method {
    Method { name, on_model: false, required, optional, run }
}

/// What every model has.
const GENERIC: &[Method] = &[
    on_model("create", &["vals_list"], &[], create),
    on_records("read", &[], &["fields", "load"], |env, call| {
        let fields = names_in(call.arguments.get("fields"));
        Ok(env.read(call.model, &call.ids, fields.as_deref())?.into())
    }),
    on_model("search", &["domain"], &["offset", "limit", "order"], |env, call| {
        Ok(json!(env.search(call.model, &call.arguments["domain"], &listing(call))?))
    }),
    on_model("search_read", &[], &["domain", "fields", "offset", "limit", "order", "load"], |env, call| {
        let domain = call.arguments.get("domain").cloned().unwrap_or_default();
        let ids = env.search(call.model, &domain, &listing(call))?;
        let fields = names_in(call.arguments.get("fields"));
        Ok(env.read(call.model, &ids, fields.as_deref())?.into())
    }),
    on_model("search_count", &["domain"], &["limit"], |env, call| {
        let ids = env.search(call.model, &call.arguments["domain"], &Listing::default())?;
        Ok(listing(call).limit.map_or(ids.len(), |limit| ids.len().min(limit)).into())
    }),
    on_records("write", &["vals"], &[], write),
    on_records("unlink", &[], &[], unlink),
    on_model("load", &["fields", "data"], &[], load_rows),
    on_model("fields_get", &[], &["allfields", "attributes"], |env, call| {
        let only = names_in(call.arguments.get("allfields"));
        let attributes = names_in(call.arguments.get("attributes"));
        Ok(env.fields_get(call.model, only.as_deref(), attributes.as_deref()))
    }),
    on_records("get_external_id", &[], &[], |env, call| {
        let names = call.ids.iter().map(|id| (id.to_string(), Json::from(xid::name_of(env, call.model, *id))));
        Ok(Json::Object(names.collect()))
    }),
    on_model("name_search", &[], &["name", "domain", "args", "operator", "limit"], name_search),
    on_model("name_create", &["name"], &[], |env, call| {
        let field = env.model(call.model).rec_name.clone();
        let Some(field) = field else { return Ok(false.into()) };
        let id = env.create(call.model, json!({ &*field: call.arguments["name"] }))?;
        Ok(json!([id, env.text(call.model, id, "display_name")]))
    }),
    on_records("action_archive", &[], &[], |env, call| archive(env, call, false)),
    on_records("action_unarchive", &[], &[], |env, call| archive(env, call, true)),
    on_model("has_access", &["operation"], &[], |env, call| {
        let right = right(call.arguments["operation"].as_str().unwrap_or_default())?;
        Ok(env.allow(call.model, right).is_ok().into())
    }),
    on_model("check_access", &["operation"], &[], |env, call| {
        env.allow(call.model, right(call.arguments["operation"].as_str().unwrap_or_default())?)?;
        Ok(Json::Null)
    }),
];

/// What certain models have.
const SPECIAL: &[(&str, &[Method])] = &[
    (
        "res.users",
        &[on_model("context_get", &[], &[], |env, _| {
            Ok(
                json!({"lang": "en_US", "tz": env.get("res.users", env.uid, "tz").as_text().map_or(Json::from(false), Json::from), "uid": env.uid}),
            )
        })],
    ),
    (
        "stock.quant",
        &[on_records("action_apply_inventory", &[], &["date"], |env, call| {
            env.as_root(|env| quant::apply(env, &call.ids))?;
            Ok(Json::Null)
        })],
    ),
    (
        "sale.order",
        &[
            on_records("action_confirm", &[], &[], |env, call| done(env.as_root(|env| sale::confirm(env, &call.ids)))),
            on_records("action_cancel", &[], &[], |env, call| done(env.as_root(|env| sale::cancel(env, &call.ids)))),
            on_records("action_draft", &[], &[], |env, call| done(env.as_root(|env| sale::draft(env, &call.ids)))),
        ],
    ),
    (
        "sale.advance.payment.inv",
        &[on_records("create_invoices", &[], &[], |env, call| env.as_root(|env| sale_invoice::create(env, &call.ids)))],
    ),
    (
        "stock.picking",
        &[
            on_records("action_confirm", &[], &[], |env, call| {
                done(env.as_root(|env| picking::confirm(env, &call.ids)))
            }),
            on_records("action_assign", &[], &[], |env, call| done(env.as_root(|env| picking::assign(env, &call.ids)))),
            on_records("action_cancel", &[], &[], |env, call| done(env.as_root(|env| picking::cancel(env, &call.ids)))),
            on_records("do_unreserve", &[], &[], |env, call| {
                nothing(env.as_root(|env| picking::unreserve(env, &call.ids)))
            }),
            on_records("button_validate", &[], &[], |env, call| env.as_root(|env| transfer::validate(env, &call.ids))),
        ],
    ),
    (
        "stock.backorder.confirmation",
        &[
            on_records("process", &[], &[], |env, call| env.as_root(|env| transfer::process(env, one(call)?))),
            on_records("process_cancel_backorder", &[], &[], |env, call| {
                env.as_root(|env| transfer::process_without_backorder(env, one(call)?))
            }),
        ],
    ),
    (
        "stock.return.picking",
        &[on_records("action_create_returns", &[], &[], |env, call| {
            env.as_root(|env| returns::create(env, &call.ids))
        })],
    ),
    (
        "stock.picking.batch",
        &[
            on_records("action_confirm", &[], &[], |env, call| done(env.as_root(|env| batch::confirm(env, &call.ids)))),
            on_records("action_done", &[], &[], |env, call| env.as_root(|env| batch::done(env, &call.ids))),
            on_records("action_cancel", &[], &[], |env, call| done(env.as_root(|env| batch::cancel(env, &call.ids)))),
        ],
    ),
    (
        "account.move",
        &[
            on_records("action_post", &[], &[], |env, call| {
                env.as_root(|env| invoice::post(env, &call.ids)).map(|()| false.into())
            }),
            on_records("button_draft", &[], &[], |env, call| {
                nothing(env.as_root(|env| invoice::draft(env, &call.ids)))
            }),
            on_records("button_cancel", &[], &[], |env, call| {
                nothing(env.as_root(|env| invoice::cancel(env, &call.ids)))
            }),
            on_records("js_assign_outstanding_line", &["line_id"], &[], |env, call| {
                let line = call.arguments["line_id"].as_i64().unwrap_or(0);
                nothing(env.as_root(|env| payment::assign(env, &call.ids, line)))
            }),
        ],
    ),
    (
        "account.payment",
        &[
            on_records("action_post", &[], &[], |env, call| nothing(env.as_root(|env| payment::post(env, &call.ids)))),
            on_records("action_cancel", &[], &[], |env, call| {
                nothing(env.as_root(|env| payment::cancel(env, &call.ids)))
            }),
        ],
    ),
    (
        "account.payment.register",
        &[on_records("action_create_payments", &[], &[], |env, call| {
            env.as_root(|env| payment::register(env, &call.ids))
        })],
    ),
    (
        "account.move.reversal",
        &[on_records("refund_moves", &[], &[], |env, call| env.as_root(|env| reversal::refund(env, &call.ids)))],
    ),
    (
        "purchase.order",
        &[
            on_records("button_confirm", &[], &[], |env, call| {
                done(env.as_root(|env| purchase::confirm(env, &call.ids)))
            }),
            on_records("button_cancel", &[], &[], |env, call| {
                nothing(env.as_root(|env| purchase::cancel(env, &call.ids)))
            }),
            on_records("button_draft", &[], &[], |env, call| {
                nothing(env.as_root(|env| purchase::draft(env, &call.ids)))
            }),
        ],
    ),
];

/// Models one can talk about.
const THREADS: &[&str] = &[
    "res.partner",
    "sale.order",
    "stock.picking",
    "stock.picking.batch",
    "account.move",
    "account.payment",
    "purchase.order",
    "product.product",
    "product.template",
    "fleet.vehicle",
    "stock.lot",
];

const MESSAGE_POST: Method = on_records(
    "message_post",
    &[],
    &[
        "body",
        "subject",
        "message_type",
        "email_from",
        "author_id",
        "parent_id",
        "subtype_xmlid",
        "subtype_id",
        "partner_ids",
        "attachments",
        "attachment_ids",
        "body_is_html",
    ],
    |env, call| Ok(json!([messages::post(env, call.model, &call.ids, call.arguments)?])),
);

/// Methods that are there but that nobody may call from outside.
const PRIVATE: &[&str] = &[
    "exists",
    "browse",
    "sudo",
    "with_context",
    "with_user",
    "with_company",
    "with_env",
    "filtered",
    "filtered_domain",
    "mapped",
    "sorted",
    "grouped",
    "flush_model",
    "flush_recordset",
    "invalidate_model",
    "invalidate_recordset",
    "ensure_one",
    "concat",
    "union",
    "fetch",
    "modified",
    "new",
    "init",
];

/// Methods that every model of a real Odoo has and the stand-in does not.
const BEYOND: &[&str] = &[
    "copy",
    "copy_data",
    "default_get",
    "get_metadata",
    "web_read",
    "web_save",
    "web_search_read",
    "read_group",
    "formatted_read_group",
    "export_data",
    "onchange",
    "check_access_rights",
    "check_access_rule",
    "search_fetch",
    "update_field_translations",
    "get_views",
    "get_view",
];

/// Records that need no reading before they go: asking for ones that are gone is no error there.
const UNLINKED_SILENTLY: &[&str] = &[
    "res.partner.category",
    "res.country",
    "res.country.state",
    "res.currency",
    "ir.model.data",
    "uom.uom",
    "product.category",
    "product.product",
    "ir.actions.server",
    "stock.location",
];

/// Finds a method.
///
/// # Errors
/// Private methods, and ones that do not exist.
pub fn find(env: &Env<'_>, model: &str, name: &str) -> Outcome<Method> {
    if name.starts_with('_') || PRIVATE.contains(&name) {
        return Err(Fault::access(format!("Private methods (such as '{model}.{name}') cannot be called remotely.")));
    }
    let special = SPECIAL.iter().filter(|(of, _)| *of == model).flat_map(|(_, methods)| methods.iter());
    if let Some(method) = special.chain(GENERIC).find(|method| method.name == name) {
        return Ok(*method);
    }
    if name == "message_post" && THREADS.contains(&model) && env.world.registry.get(model).is_some() {
        return Ok(MESSAGE_POST);
    }
    if BEYOND.contains(&name) {
        return Err(Fault::beyond_the_stand_in(format!("{model}.{name}")));
    }
    Err(Fault::not_found(format!("The method '{model}.{name}' does not exist")))
}

impl Method {
    /// Checks a call against the signature, and the caller's rights for what changes documents.
    ///
    /// # Errors
    /// `UnprocessableEntity`, `AccessError`.
    pub fn admit(&self, env: &Env<'_>, call: &Call<'_>) -> Outcome<()> {
        if self.on_model && !call.ids.is_empty() {
            return Err(Fault::unprocessable(format!("cannot call {}.{} with ids", call.model, self.name)));
        }
        if let Some(missing) = self.required.iter().find(|name| !call.arguments.contains_key(**name)) {
            return Err(Fault::unprocessable(format!("missing a required argument: '{missing}'")));
        }
        let known = |name: &str| self.required.contains(&name) || self.optional.contains(&name);
        if let Some(odd) = call.arguments.keys().find(|name| !known(name)) {
            return Err(Fault::unprocessable(format!("got an unexpected keyword argument '{odd}'")));
        }
        let generic = GENERIC.iter().any(|method| method.name == self.name);
        if generic || self.name == "context_get" { Ok(()) } else { env.allow(call.model, Right::Write) }
    }
}

fn listing<'a>(call: &'a Call<'_>) -> Listing<'a> {
    let number = |name: &str| call.arguments.get(name).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    Listing {
        order: call.arguments.get("order").and_then(Json::as_str),
        offset: number("offset").unwrap_or(0),
        limit: number("limit").filter(|limit| *limit != 0),
    }
}

fn archive(env: &mut Env<'_>, call: &Call<'_>, active: bool) -> Outcome<Json> {
    if env.model(call.model).has_active() {
        env.write(call.model, &call.ids, json!({"active": active}))?;
    }
    Ok(true.into())
}

fn done(result: Outcome<()>) -> Outcome<Json> {
    result.map(|()| true.into())
}

fn nothing(result: Outcome<()>) -> Outcome<Json> {
    result.map(|()| Json::Null)
}

fn one(call: &Call<'_>) -> Outcome<i64> {
    match call.ids[..] {
        [id] => Ok(id),
        _ => {
            let ids: Vec<String> = call.ids.iter().map(i64::to_string).collect();
            Err(Fault::value_error(format!("Expected singleton: {}({})", call.model, ids.join(", "))))
        }
    }
}

fn right(word: &str) -> Outcome<Right> {
    match word {
        "read" => Ok(Right::Read),
        "write" => Ok(Right::Write),
        "create" => Ok(Right::Create),
        "unlink" => Ok(Right::Unlink),
        other => Err(Fault::value_error(format!("'{other}' is not a valid operation"))),
    }
}

fn create(env: &mut Env<'_>, call: &Call<'_>) -> Outcome<Json> {
    let list = match &call.arguments["vals_list"] {
        Json::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let mut ids = Vec::new();
    for values in list {
        let Json::Object(values) = values else { return Err(no_dictionary(&values)) };
        ids.push(if call.model == "stock.quant" {
            quant::count(env, values)?
        } else {
            env.create_record(call.model, values)?
        });
    }
    Ok(json!(ids))
}

fn write(env: &mut Env<'_>, call: &Call<'_>) -> Outcome<Json> {
    let values = match &call.arguments["vals"] {
        Json::Object(values) => values.clone(),
        Json::Null => return Err(Fault::type_error("argument of type 'NoneType' is not iterable")),
        other => return Err(no_dictionary(other)),
    };
    let strict = matches!(call.model, "res.partner" | "account.move" | "account.move.line" | "ir.model.fields");
    if strict && let Some(name) = values.keys().find(|name| env.model(call.model).field(name).is_none()) {
        return Err(Fault::key_error(name.clone()));
    }
    env.write_record(call.model, &call.ids, values)?;
    Ok(true.into())
}

fn unlink(env: &mut Env<'_>, call: &Call<'_>) -> Outcome<Json> {
    let silent = UNLINKED_SILENTLY.contains(&call.model) || env.model(call.model).manual;
    if !silent {
        for id in &call.ids {
            env.must_exist(call.model, *id)?;
        }
    }
    env.unlink(call.model, &call.ids)?;
    Ok(true.into())
}

fn no_dictionary(value: &Json) -> Fault {
    let class = match value {
        Json::String(_) => "str",
        Json::Bool(_) => "bool",
        Json::Number(_) => "int",
        Json::Array(_) => "list",
        _ => "NoneType",
    };
    Fault::attribute_error(format!("'{class}' object has no attribute 'get'"))
}

fn load_rows(env: &mut Env<'_>, call: &Call<'_>) -> Outcome<Json> {
    let fields = names_in(call.arguments.get("fields")).unwrap_or_default();
    let mut rows = Vec::new();
    for row in call.arguments["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
        match row {
            Json::Array(cells) => rows.push(cells.clone()),
            other => return Err(Fault::type_error(format!("a row is a list, not {}", python(other)))),
        }
    }
    load::load(env, call.model, &fields, &rows)
}

fn name_search(env: &mut Env<'_>, call: &Call<'_>) -> Outcome<Json> {
    let name = call.arguments.get("name").and_then(Json::as_str).unwrap_or_default();
    let operator = call.arguments.get("operator").and_then(Json::as_str).unwrap_or("ilike");
    let mut domain = match call.arguments.get("domain").or_else(|| call.arguments.get("args")) {
        Some(Json::Array(terms)) => terms.clone(),
        _ => Vec::new(),
    };
    if !name.is_empty() {
        domain.push(json!(["display_name", operator, name]));
    }
    let limit = listing(call).limit.unwrap_or(100);
    let ids = env.search(call.model, &domain.into(), &Listing { limit: Some(limit), ..Listing::default() })?;
    let pairs: Vec<Json> = ids.into_iter().map(|id| json!([id, env.text(call.model, id, "display_name")])).collect();
    Ok(pairs.into())
}
