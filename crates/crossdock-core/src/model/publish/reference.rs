//! The reference that people read: one page per entity and an index that tells apart what is easily confused.

use std::fmt::Write as _;

use super::super::{ENTITIES, EntityKind, EventType, Field, Measure, Type};
use super::schema::tense_word;

const MADE: &str = "<!-- Made by `cargo xtask codegen` from crates/crossdock-core/src/model. Do not edit. -->\n";

/// What every reader should know before the pages of the entities.
const BASICS: &str = "\
## What is easily confused

- **Order, shipment, consignment, load, route, stop.** A customer asks for goods: an *order*. They are promised to move
  from here to there: a *shipment*. A carrier signs a contract, a waybill, to carry them: a *consignment*. They are put
  together with others onto one vehicle: a *load*. The vehicle drives a tour: a *route*, and calls at *stops*. One
  shipment may need two consignments (a leg each), one consignment may carry many shipments (groupage), and one route
  may carry several loads.
- **Delivered and done.** A shipment is `delivered` when its consignee has the goods. Odoo's picking is `done` when the
  goods left our stock: that is `picked_up` here, and the shipment is still on its way.
- **Delivered and proved.** `shipment.delivered` says that it happened, `pod.captured` is the evidence. The evidence may
  come later, carry reservations, or be missing.
- **States and remarks.** Damage, delay and customs papers do not move a shipment: they are events without a move, and
  exceptions when somebody must act. A damaged shipment is still in transit.
- **Stop and shipment.** `stop.departed` says that the vehicle left; it does not say that anything was delivered.
- **Item, handling unit, inventory.** An item is a kind of goods, a handling unit is a pallet or parcel that can be
  scanned, an inventory position is how many of an item lie somewhere.
- **Charge, invoice, payment, settlement.** A service has a price: a charge. A demand for payment lists charges: an
  invoice. Money moves: a payment. A statement sums up many payments and fees: a settlement.

## Rules for all entities

**Events.** An event type is `crossdock.<entity>.<past verb>.v<version>`. Events travel as CloudEvents 1.0; `time` is when
it happened, `recordedtime` when the hub learnt of it. Events are never changed and never deleted.

**State.** Only events move the state. The states of an entity stand in an order, and the highest that was reported is
its state: along the moves of the diagram, what can only come later stands higher; within a circle of moves, such as out
for delivery and attempted, the later report wins; where two reports contradict each other, such as cancelled and picked
up, the one further right in the list of states wins. So it does not matter in which order reports arrive. A report that
comes too late is kept and marked `out_of_order`. An event may skip states.

**Fields.** Every field holds what the event that happened last told of it. Events tell only what they know; a field that
is absent or null changes nothing.

**Four times.** What was planned, what is estimated, what happened and when it was written down are four fields, and none
replaces another. Times are RFC 3339 with offset; where the zone is known it follows in brackets,
`2026-11-23T09:30:00+01:00[Europe/Berlin]`. Of two estimates the one that was made later counts.

**Quantities** are exact decimals with a unit of UN/ECE Recommendation 20: fixed, where the name of the field ends in it
(`weight_kg`), or in the field `uom` beside it; a piece (C62) where there is none. **Money** is an exact decimal in the
currency that `currency` names, beside it or in the entity; it is rounded to the currency's minor unit, half away from
zero, and amounts of different currencies are never added.

**Wrong events.** An event that turns out wrong is retracted by `event_retracted`, which names it by the hub's id, by the
partner's own id (`source_event_id`), or by its type and time, and says why: it did not occur, or its data are incorrect.
The entity is then what its other events make of it. What is right is told by a new event.

**Unknown codes.** A partner's status that has no meaning here becomes `status_reported` with the code as sent.

**Compatibility.** Within one version of an event type, fields, code words and states may be added; nothing is removed,
renamed or newly required. What breaks this rule is a new version, and the old one goes on beside it.
";

/// The first page: rules for all, and the list of entities.
pub(super) fn index() -> String {
    let mut page = format!("{MADE}\n# The canonical model\n\n");
    page += "The words in which Crossdock understands every partner. JSON Schemas of all entities and events are in\n\
             [schemas/](schemas), the events as an AsyncAPI document in [asyncapi.json](asyncapi.json); `crossdock model`\n\
             shows the same on the command line.\n\n";
    page += BASICS;
    page += "\n## Entities\n\n| Entity | What it is | Key |\n|---|---|---|\n";
    for kind in ENTITIES {
        let key: Vec<String> = kind.key.iter().map(|name| format!("`{name}`")).collect();
        row(&mut page, &[&format!("[{}](model/{}.md)", kind.name, kind.name), kind.meaning, &key.join(" / ")]);
    }
    page
}

/// The page of one entity.
pub fn entity_page(kind: &'static EntityKind) -> String {
    let mut page = format!("{MADE}\n# {}\n\n{}\n\n", title(kind.name), kind.meaning);
    if !kind.differs.is_empty() {
        let _ = writeln!(page, "{}\n", kind.differs);
    }
    let key: Vec<String> = kind.key.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(page, "- Key: {}", key.join(" / "));
    let _ = writeln!(page, "- Follows: {}", kind.standard);
    let _ = writeln!(page, "- Schema: [{0}.json](../schemas/{0}.json)\n", kind.name);
    states(kind, &mut page);
    events(kind, &mut page);
    page += "## Fields\n\n";
    let mut parts = Vec::new();
    fields("", kind.fields, kind.key, &mut parts, &mut page);
    let mut next = 0;
    while let Some((path, inner)) = parts.get(next).cloned() {
        next += 1;
        let _ = writeln!(page, "### `{path}`\n");
        fields(&path, inner, &[], &mut parts, &mut page);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// An object within an entity, to be told in a table of its own.
type Part = (String, &'static [Field]);

fn states(kind: &EntityKind, page: &mut String) {
    if kind.states.is_empty() {
        *page += "## States\n\nIt has none: every event tells how things are at a moment.\n\n";
        return;
    }
    let _ = writeln!(
        page,
        "## States\n\n![States and moves]({}.svg)\n\nArrows that join lead to the same state; a dashed one goes back.\n",
        kind.name
    );
    let words: Vec<String> = kind.states.iter().map(|state| format!("`{state}`")).collect();
    let _ = writeln!(page, "In order of precedence: {}.\n", words.join(", "));
    *page += "```mermaid\nstateDiagram-v2\n";
    for state in kind.states.iter().filter(|state| !kind.moves.iter().any(|(_, to)| to == *state)) {
        let _ = writeln!(page, "  [*] --> {state}");
    }
    for (from, to) in kind.moves {
        let _ = writeln!(page, "  {from} --> {to}");
    }
    for state in kind.states.iter().filter(|state| !kind.moves.iter().any(|(from, _)| from == *state)) {
        let _ = writeln!(page, "  {state} --> [*]");
    }
    *page += "```\n\n";
}

fn events(kind: &'static EntityKind, page: &mut String) {
    *page += "## Events\n\n| Event | Moves to | Must carry | What happened |\n|---|---|---|---|\n";
    for event in kind.events {
        let of = EventType { entity: kind, event };
        let name = format!("[`{}`](../schemas/{}.json)", of.name(), of.name());
        let to = event.to.map(|to| format!("`{to}`")).unwrap_or_default();
        let needs: Vec<String> = event.requires.iter().map(|name| format!("`{name}`")).collect();
        row(page, &[&name, &to, &needs.join(", "), event.meaning]);
    }
    *page += "\nEvery event also carries the key.\n\n";
}

fn fields(path: &str, fields: &'static [Field], key: &[&str], parts: &mut Vec<Part>, page: &mut String) {
    *page += "| Field | Type | Unit, currency or time | Meaning | Standard |\n|---|---|---|---|---|\n";
    for field in fields {
        let name = match () {
            () if key.contains(&field.name) => format!("**`{}`** (key)", field.name),
            () if field.required => format!("**`{}`**", field.name),
            () => format!("`{}`", field.name),
        };
        let mut meaning = field.meaning.to_owned();
        if field.of_event {
            meaning += " Told by the event, not kept with the entity.";
        }
        row(page, &[&name, &type_words(&field.of), &measure_words(field), &meaning, field.standard]);
        if let Type::Object(inner) | Type::List(&Type::Object(inner)) = field.of {
            let list = if matches!(field.of, Type::List(_)) { "[]" } else { "" };
            let dot = if path.is_empty() { "" } else { "." };
            parts.push((format!("{path}{dot}{}{list}", field.name), inner));
        }
    }
    page.push('\n');
}

fn row(page: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(page, "| {} ", cell.replace('|', "\\|"));
    }
    *page += "|\n";
}

/// `customer_account` as a title.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn type_words(of: &Type) -> String {
    match of {
        Type::Text => "text".to_owned(),
        Type::Code(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Type::Unit => "unit (Rec. 20)".to_owned(),
        Type::Currency => "currency (ISO 4217)".to_owned(),
        Type::Country => "country (ISO 3166-1)".to_owned(),
        Type::Unlocode => "UN/LOCODE".to_owned(),
        Type::Zone => "time zone (IANA)".to_owned(),
        Type::Int => "whole number".to_owned(),
        Type::Decimal => "decimal".to_owned(),
        Type::Bool => "true or false".to_owned(),
        Type::Time => "time".to_owned(),
        Type::Date => "date".to_owned(),
        Type::Ref(kind) => format!("[{kind}]({kind}.md)"),
        Type::AnyRef => "any entity, `kind/key`".to_owned(),
        Type::Binary => "base64".to_owned(),
        Type::Object(_) => "object, below".to_owned(),
        Type::List(Type::Object(_)) => "list, below".to_owned(),
        Type::List(item) => format!("list of {}", type_words(item)),
        Type::Attributes => "map".to_owned(),
        Type::Open(_) => "object".to_owned(),
        Type::Any => "anything".to_owned(),
    }
}

fn measure_words(field: &Field) -> String {
    match (field.measure, field.tense) {
        (Some(Measure::Fixed(unit)), _) => unit.to_owned(),
        (Some(Measure::Beside(name)), _) => format!("in `{name}`"),
        (Some(Measure::Money(name)), _) => format!("money in `{name}`"),
        (None, Some(tense)) => tense_word(tense).to_owned(),
        (None, None) => String::new(),
    }
}
