//! The `config:` of a system whose connector is `odoo`.

use crossdock_connect::secret::Secret;
use crossdock_connect::spec::SystemConfig;
use crossdock_core::source::{Diagnostic, Node, NodeKind, Reader};
use jiff::Timestamp;

use super::capture::preset;

/// How long a call may take when nothing is configured. Odoo itself retries a conflicting call for up to half a minute.
const TIMEOUT_MS: u64 = 90_000;

/// One Odoo database, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odoo {
    /// Where Odoo answers, without a path. Example: `https://erp.example.com`
    pub url: String,
    /// The database, when the server has several; sent as `X-Odoo-Database`.
    pub database: Option<String>,
    /// The API key of the hub's own user.
    pub key: Secret,
    /// The companies every call works in (`allowed_company_ids`); empty for all of the user's companies.
    pub company_ids: Vec<i64>,
    /// The language of names and messages. Keep `en_US` unless Odoo has no English.
    pub lang: String,
    /// The first part of every external id the hub gives. Never change it once records exist: they would be made
    /// again.
    pub xid_module: String,
    /// How long one call may take, in milliseconds. Default 90 s.
    pub timeout_ms: u64,
    /// How changes in Odoo become messages.
    pub capture: Capture,
}

/// How changes in Odoo become messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub mode: CaptureMode,
    /// Pause between rounds, in milliseconds. Default 2 s for the outbox, 30 s for the sweep.
    pub every_ms: u64,
    /// Sweep: how far each round looks back, in milliseconds; at least as long as the longest transaction in Odoo.
    /// Default 15 min.
    pub overlap_ms: u64,
    /// Sweep: where the very first round begins; when absent, at its own start less the overlap.
    pub from: Option<Timestamp>,
    pub models: Vec<CapturedModel>,
}

/// Which way of capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureMode {
    /// Rules inside Odoo write each change to a table in the same transaction; installed by `crossdock odoo setup`.
    Outbox,
    /// Asks each model for what was written lately.
    Sweep,
    Off,
}

/// One model whose changes become messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedModel {
    pub name: String,
    /// Fields wanted beyond those of the preset.
    pub fields: Vec<String>,
}

impl Odoo {
    /// Reads the configuration, or tells everything that is wrong with it.
    ///
    /// # Errors
    /// Every mistake at once, with its place.
    pub fn read(system: &SystemConfig<'_>) -> Result<Self, Vec<Diagnostic>> {
        let Some(node) = system.config else {
            let missing = Diagnostic::error(&system.file.location, "an odoo system lacks `config`")
                .hint("it needs at least `url` and `key`");
            return Err(vec![missing]);
        };
        let reader = Reader::new(node, "config of odoo");
        if let Some(webhook) = system.webhook {
            let note =
                Diagnostic::error(&webhook.location, "odoo takes no `webhook`").hint("use `capture` in `config`");
            reader.mistake(note);
        }
        let url = reader.text("url").map(|text| checked_url(&reader, text)).unwrap_or_default();
        let key = reader.required("key").and_then(|node| match (system.secret)(node) {
            Ok(secret) => Some(secret),
            Err(diagnostic) => {
                reader.mistake(diagnostic);
                None
            }
        });
        let odoo = Self {
            url,
            database: reader.optional_text("database").map(str::to_owned),
            key: key.unwrap_or_default(),
            company_ids: company_ids(&reader),
            lang: reader.optional_text("lang").unwrap_or("en_US").to_owned(),
            xid_module: xid_module(&reader),
            timeout_ms: reader.duration_ms("timeout").unwrap_or(TIMEOUT_MS),
            capture: capture(&reader),
        };
        match reader.finish() {
            mistakes if mistakes.is_empty() => Ok(odoo),
            mistakes => Err(mistakes),
        }
    }
}

fn checked_url(reader: &Reader<'_>, text: &str) -> String {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
        let place = reader.node("url").map_or(reader.location(), |node| &node.location);
        let mistake =
            Diagnostic::error(place, format!("`url` of odoo must be an address without a path, not `{text}`"));
        reader.mistake(mistake.hint("for example https://erp.example.com; name the database in `database`"));
    }
    url.to_owned()
}

fn company_ids(reader: &Reader<'_>) -> Vec<i64> {
    let read = |(text, place): (std::sync::Arc<str>, _)| match text.parse::<i64>() {
        Ok(id) if id > 0 => Some(id),
        _ => {
            let mistake = Diagnostic::error(place, format!("a company id is a whole number, not `{text}`"));
            reader.mistake(mistake.hint("the id of the record in res.company, for example 1"));
            None
        }
    };
    reader.texts("company_ids").into_iter().filter_map(read).collect()
}

fn xid_module(reader: &Reader<'_>) -> String {
    let module = reader.optional_text("xid_module").unwrap_or("crossdock");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if module.is_empty() || module.len() > 40 || !module.chars().all(fits) {
        let place = reader.node("xid_module").map_or(reader.location(), |node| &node.location);
        reader.mistake(Diagnostic::error(
            place,
            format!("`xid_module` of odoo must be at most 40 of a-z, 0-9 and _, not `{module}`"),
        ));
    }
    module.to_owned()
}

fn capture(reader: &Reader<'_>) -> Capture {
    let off = Capture { mode: CaptureMode::Off, every_ms: 0, overlap_ms: 0, from: None, models: Vec::new() };
    let Some(node) = reader.node("capture") else { return off };
    let inner = Reader::new(node, "capture");
    let modes = [("outbox", CaptureMode::Outbox), ("sweep", CaptureMode::Sweep), ("off", CaptureMode::Off)];
    let mode = match inner.required("mode") {
        Some(_) => inner.choice("mode", &modes).unwrap_or(CaptureMode::Off),
        None => CaptureMode::Off,
    };
    let default_ms = if mode == CaptureMode::Sweep { 30_000 } else { 2_000 };
    let capture = Capture {
        mode,
        every_ms: inner.duration_ms("every").unwrap_or(default_ms).max(100),
        overlap_ms: inner.duration_ms("overlap").unwrap_or(900_000),
        from: from(&inner),
        models: models(&inner),
    };
    if mode != CaptureMode::Off && capture.models.is_empty() && inner.node("models").is_none() {
        let mistake = Diagnostic::error(&node.location, "capture lacks `models`");
        inner.mistake(mistake.hint("for example [sale.order, stock.picking]"));
    }
    reader.mistakes(inner.finish());
    capture
}

fn from(reader: &Reader<'_>) -> Option<Timestamp> {
    let node = reader.node("from")?;
    let parsed = node.text().and_then(|text| text.parse::<Timestamp>().ok());
    if parsed.is_none() {
        let mistake = Diagnostic::error(&node.location, "`from` of capture must be an instant");
        reader.mistake(mistake.hint("for example 2026-03-01T00:00:00Z"));
    }
    parsed
}

fn models(reader: &Reader<'_>) -> Vec<CapturedModel> {
    let Some(node) = reader.node("models") else { return Vec::new() };
    let Some(items) = node.items() else {
        reader.mistake(Diagnostic::error(&node.location, "`models` of capture must be a list").hint("[sale.order]"));
        return Vec::new();
    };
    let mut models: Vec<CapturedModel> = Vec::new();
    for item in items {
        let Some(model) = model(reader, item) else { continue };
        if models.iter().any(|known| known.name == model.name) {
            reader.mistake(Diagnostic::error(&item.location, format!("the model {} is listed twice", model.name)));
            continue;
        }
        models.push(model);
    }
    models
}

/// `sale.order`, or `{model: sale.order, fields: [x_gate]}`.
fn model(reader: &Reader<'_>, item: &Node) -> Option<CapturedModel> {
    let model = match &item.kind {
        NodeKind::Scalar { text, .. } => CapturedModel { name: text.to_string(), fields: Vec::new() },
        _ => {
            let inner = Reader::new(item, "a captured model");
            let name = inner.text("model").map(str::to_owned);
            let fields = inner.texts("fields").into_iter().map(|(text, _)| text.to_string()).collect();
            reader.mistakes(inner.finish());
            CapturedModel { name: name?, fields }
        }
    };
    let words = |name: &str| name.split('.').all(|word| !word.is_empty() && word.chars().all(is_word));
    if !words(&model.name) || !model.fields.iter().all(|field| field.chars().all(is_word)) {
        let mistake = Diagnostic::error(&item.location, "models and fields are named as Odoo's technical names");
        reader.mistake(mistake.hint("for example sale.order and x_gate"));
        return None;
    }
    if model.fields.is_empty() && preset::of(&model.name).is_none() {
        let mistake = Diagnostic::error(&item.location, format!("{} needs its fields listed", model.name));
        let known: Vec<&str> = preset::PRESETS.iter().map(|preset| preset.model).collect();
        reader.mistake(mistake.hint(format!(
            "write {{model: {}, fields: […]}}; only {} have fields of their own",
            model.name,
            known.join(", ")
        )));
        return None;
    }
    Some(model)
}

fn is_word(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}
