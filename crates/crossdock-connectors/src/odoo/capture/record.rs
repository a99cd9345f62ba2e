//! Reading records with what belongs to them, in the hub's own shape: `null` for nothing, instants with their zone,
//! a link as `{"id", "name"}`.

use crossdock_core::value::{Map, Value};

use super::super::call::{Ask, all, is, is_in, texts};
use super::super::config::CapturedModel;
use super::super::talk::Record;
use super::preset::{self, COMMON, Kind, Lines, PARTNER, PRODUCT, Preset};
use super::{PollStep, Polled, Round};

/// These records of a model, by id; those that are gone, hidden from the API user or of no interest are left out.
pub(super) fn read(round: &mut Round<'_>, model: &CapturedModel, ids: &[i64]) -> Polled<Vec<(i64, Value)>> {
    let preset = preset::of(&model.name);
    let kinds = kinds(round, model, preset)?;
    let mut domain = vec![is_in("id", ids)];
    domain.extend(preset.and_then(|preset| preset.only).map(condition));
    let fields: Vec<&str> = kinds.iter().map(|(field, _)| field.as_str()).collect();
    let ask = Ask::search(model.name.clone(), domain.into(), &fields)
        .context("active_test", false)
        .with("order", "id")
        .doing(format!("reading {}", model.name));
    let found = round.search(&ask)?;
    let mut records: Vec<(i64, Map)> = Vec::with_capacity(found.len());
    for record in &found {
        let kinds = kinds.iter().map(|(field, kind)| (field.as_str(), *kind));
        records.push((record.id(), shaped(record, kinds)));
    }
    if let Some(preset) = preset {
        add_lines(round, preset, &mut records)?;
        add_partners(round, preset, &mut records)?;
    }
    Ok(records.into_iter().map(|(id, record)| (id, Value::from(record))).collect())
}

/// Which fields to read, and how. Asked of Odoo, because what exists depends on its version and modules.
fn kinds(round: &mut Round<'_>, model: &CapturedModel, preset: Option<&'static Preset>) -> Polled<Vec<(String, Kind)>> {
    let mut wanted: Vec<&str> = preset.map(|preset| preset.fields.to_vec()).unwrap_or_default();
    wanted.extend(model.fields.iter().map(String::as_str).filter(|field| *field != "id"));
    wanted.extend(COMMON);
    let ask = Ask::new(model.name.clone(), "fields_get")
        .with("allfields", texts(&wanted))
        .with("attributes", texts(&["type"]))
        .doing(format!("reading which fields {} has", model.name));
    let known = round.ask(&ask)?;
    if let Some(absent) = model.fields.iter().find(|field| known.get(field).is_none()) {
        let reason = format!("{} has no field {absent}: correct `capture.models`", model.name);
        return Err(PollStep::Failed { reason, unusable: false });
    }
    let mut kinds: Vec<(String, Kind)> = Vec::new();
    for field in wanted {
        let Some(field_type) = known.get(field).map(|attributes| attributes.text("type")) else { continue };
        if !kinds.iter().any(|(read, _)| read == field) {
            kinds.push((field.to_owned(), Kind::of(field_type)));
        }
    }
    Ok(kinds)
}

fn condition((field, operator, value): (&str, &str, &str)) -> Value {
    is(field, operator, value)
}

fn shaped<'a>(record: &Value, kinds: impl IntoIterator<Item = (&'a str, Kind)>) -> Map {
    let mut map = Map::new();
    map.insert("id", record.id().into());
    for (field, kind) in kinds {
        map.insert(field, shape(record.get(field), kind));
    }
    map
}

fn shape(value: Option<&Value>, kind: Kind) -> Value {
    let Some(value) = value else { return Value::Null };
    match (kind, value) {
        (Kind::Bool | Kind::Number | Kind::Links, value) => value.clone(),
        (_, Value::Bool(false)) => Value::Null,
        (Kind::Link, Value::List(pair)) => {
            let part = |place: usize| pair.get(place).cloned().unwrap_or_default();
            Value::map([("id", part(0)), ("name", part(1))])
        }
        (Kind::Link, Value::Int(id)) => Value::map([("id", Value::from(*id)), ("name", Value::Null)]),
        (Kind::Instant, Value::Text(text)) => instant(text),
        (_, value) => value.clone(),
    }
}

/// `2026-03-01 08:30:00` is UTC in every answer of Odoo.
fn instant(text: &str) -> Value {
    match text.split_once(' ') {
        Some((date, time)) => format!("{date}T{time}Z").into(),
        None => text.into(),
    }
}

fn add_lines(round: &mut Round<'_>, preset: &Preset, records: &mut [(i64, Map)]) -> Polled<()> {
    let Some(lines) = &preset.lines else { return Ok(()) };
    if records.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = records.iter().map(|(id, _)| *id).collect();
    let found = read_lines(round, lines, &ids)?;
    let products = related(round, "product.product", PRODUCT, found.iter().filter_map(|line| line.link("product_id")))?;
    for (id, record) in records {
        let own = found.iter().filter(|line| line.link(lines.link) == Some(*id)).map(|line| {
            let mut shaped = shaped(line, lines.fields.iter().copied());
            fill(&mut shaped, "product_id", &products);
            Value::from(shaped)
        });
        record.insert("lines", own.collect());
    }
    Ok(())
}

fn read_lines(round: &mut Round<'_>, lines: &Lines, ids: &[i64]) -> Polled<Vec<Value>> {
    let mut domain = vec![is_in(lines.link, ids)];
    domain.extend(lines.only.map(condition));
    let mut fields: Vec<&str> = vec![lines.link];
    fields.extend(lines.fields.iter().map(|(field, _)| field));
    let ask =
        Ask::search(lines.model, domain.into(), &fields).with("order", "id").doing(format!("reading {}", lines.model));
    round.search(&ask)
}

/// Puts each record's contacts in full in place of their names, and gives countries and states their codes.
fn add_partners(round: &mut Round<'_>, preset: &Preset, records: &mut [(i64, Map)]) -> Polled<()> {
    let named = records.iter().flat_map(|(_, record)| {
        let linked = |field: &&str| record.get(field).and_then(|link| link.get("id")).and_then(Value::as_int);
        preset.partners.iter().filter_map(linked)
    });
    let named: Vec<i64> = named.collect();
    let mut partners = related(round, "res.partner", PARTNER, named.into_iter())?;
    if preset.model == "res.partner" {
        let mut places: Vec<&mut Map> = records.iter_mut().map(|(_, record)| record).collect();
        return add_codes(round, &mut places);
    }
    let mut places: Vec<&mut Map> = partners.iter_mut().map(|(_, partner)| partner).collect();
    add_codes(round, &mut places)?;
    for (_, record) in records {
        for field in preset.partners {
            fill(record, field, &partners);
        }
    }
    Ok(())
}

fn add_codes(round: &mut Round<'_>, places: &mut [&mut Map]) -> Polled<()> {
    const CODE: &[(&str, Kind)] = &[("name", Kind::Text), ("code", Kind::Text)];
    for (field, model) in [("country_id", "res.country"), ("state_id", "res.country.state")] {
        let linked = |place: &&mut Map| place.get(field)?.get("id")?.as_int();
        let ids: Vec<i64> = places.iter().filter_map(linked).collect();
        let coded = related(round, model, CODE, ids.into_iter())?;
        for place in places.iter_mut() {
            fill(place, field, &coded);
        }
    }
    Ok(())
}

/// Reads the records that others name, each once.
fn related(
    round: &mut Round<'_>,
    model: &'static str,
    kinds: &[(&'static str, Kind)],
    ids: impl Iterator<Item = i64>,
) -> Polled<Vec<(i64, Map)>> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let fields: Vec<&str> = kinds.iter().map(|(field, _)| *field).collect();
    let ask = Ask::search(model, all([is_in("id", &ids)]), &fields)
        .context("active_test", false)
        .with("order", "id")
        .doing(format!("reading {model}"));
    let found = round.search(&ask)?;
    Ok(found.iter().map(|record| (record.id(), shaped(record, kinds.iter().copied()))).collect())
}

/// Puts the record in place of a link to it; a record that may not be read stays a link.
fn fill(map: &mut Map, field: &str, records: &[(i64, Map)]) {
    let id = map.get(field).and_then(|link| link.get("id")).and_then(Value::as_int);
    if let Some((_, record)) = records.iter().find(|(known, _)| Some(*known) == id) {
        map.insert(field.to_owned(), Value::from(record.clone()));
    }
}
