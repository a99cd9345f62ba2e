//! `crossdock check` on a hub of many mappings, types and all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::Bench;
use crate::report::{Figure, Section};

/// Mappings of the measured hub.
const MAPPINGS: usize = 200;

const SCHEMA: &str = r#"{
  "type": "object", "additionalProperties": false,
  "required": ["ref", "order", "at", "status", "weight", "items", "packages"],
  "properties": {
    "ref": {"type": "string", "minLength": 1}, "order": {"type": "string", "minLength": 1},
    "at": {"type": "string", "format": "date-time"}, "status": {"enum": ["DEL", "ATT"]}, "note": {"type": "string"},
    "weight": {"type": "number", "x-unit": "LBR"}, "packages": {"type": "integer"},
    "items": {"type": "array", "items": {"type": "object", "required": ["sku", "qty"], "properties": {
      "sku": {"type": "string", "minLength": 1}, "qty": {"type": "number"}, "lot": {"type": "string"}}}}
  }
}"#;

/// Measures this section.
///
/// # Errors
/// When the hub is not accepted.
pub fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let place = bench.place.join("checking");
    let (many, one) = (place.join("many"), place.join("one"));
    write_hub(&many, MAPPINGS)?;
    write_hub(&one, 1)?;
    let (mut of_many, mut of_one) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        of_many.push(1.0 / seconds(&many)?);
        of_one.push(1.0 / seconds(&one)?);
    }
    fs::remove_dir_all(&place).ok();
    let mut section = Section::new(
        "checking",
        "Checking a hub",
        format!(
            "`crossdock check` on a hub of {MAPPINGS} mappings, each of twenty expressions of its own, used by a flow of its own and \
             checked\nagainst the JSON Schema of its channel; the whole program, from start to end."
        ),
        "the same on a hub of one such mapping.",
    );
    let slowest = of_many.iter().fold(f64::INFINITY, |least, rate| least.min(*rate));
    section.notes.push(format!("The {MAPPINGS} mappings take {:.2} s at most; the goal is 2 s", 1.0 / slowest));
    section.figures.push(Figure::new(format!("{MAPPINGS} mappings"), "hubs/s", &of_many, &of_one));
    Ok(section)
}

/// How long the check of a hub takes.
fn seconds(hub: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let ended = Command::new(env!("CARGO_BIN_EXE_crossdock")).args(["check", "--without-secrets"]).arg(hub).output();
    let ended = ended.context("starting crossdock")?;
    let seconds = begun.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    ensure!(told.starts_with("no mistakes ("), "the measured hub is not accepted:\n{told}");
    Ok(seconds)
}

fn write_hub(folder: &Path, mappings: usize) -> anyhow::Result<()> {
    for part in ["systems", "flows", "mappings", "codes", "schemas"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("hub.yaml"), "hub: many\n")?;
    fs::write(folder.join("schemas/shipment.json"), SCHEMA)?;
    fs::write(folder.join("codes/status.yaml"), "codes: status\nentries: {DEL: delivered, ATT: attempted}\n")?;
    let mut system = String::from(
        "system: partner\nconnector: http\ndomain: carrier\nwebhook: {scheme: bearer, secret: {env: PARTNER_SECRET}}\nchannels:\n",
    );
    for n in 0..mappings {
        system += &format!("  c{n}: {{schema: schemas/shipment.json}}\n");
        let flow = format!(
            "flow: f{n}\nfrom: {{system: partner, channel: c{n}}}\nwhen: body.status in ['DEL', 'ATT']\nmap: m{n}\n"
        );
        fs::write(folder.join(format!("flows/f{n}.yaml")), flow)?;
        fs::write(folder.join(format!("mappings/m{n}.yaml")), mapping(n))?;
    }
    fs::write(folder.join("systems/partner.yaml"), system)?;
    Ok(())
}

/// A mapping whose expressions are like no other's.
fn mapping(n: usize) -> String {
    format!(
        r#"mapping: m{n}
emits: crossdock.shipment.departed.v1
when: body.packages > {n}
time: timestamp(body.at)
references:
  - {{kind: order_number, value: body.order}}
target:
  number: "'P{n}-' + body.ref"
  order: body.order
  pieces: body.packages
  weight_kg: round(body.weight * 0.45359237, 3)
  departed_at: timestamp(body.at) + duration('{n}s')
  partner_status: {{value: body.status, code: status}}
  remarks: body.?note.orValue('number {n}').upper()
  driver: "has(body.note) && body.note.startsWith('D{n}') ? body.note : null"
  lines:
    each: body.items
    as: item
    where: item.qty > {n}
    to:
      sku: item.sku
      quantity: item.qty
      lot: item.?lot
      serial: "item.?lot.optMap(l, l + '-{n}').orValue(item.sku)"
  attributes:
    total: "string(body.items.map(i, i.qty * {n}).sum())"
    skus: "body.items.filter(i, i.qty > {n}).map(i, i.sku).join(', ')"
    first: "size(body.items) > 0 ? body.items[0].sku : '{n}'"
"#
    )
}
