//! Reads the `*.models` files. They are part of the program, so a mistake in them is a mistake in the program: it
//! panics, and the tests find it.
//!
//! ```text
//! [sale.order] Sales Order | order=date_order desc, id desc
//! name | char | required | Order Reference
//! state | selection draft=Quotation; sale=Sales Order | readonly =draft | Status
//! partner_id | many2one res.partner | required | Customer
//! order_line | one2many sale.order.line order_id | | Order Lines
//! ```
//!
//! Flags: `required`, `readonly`, `index`, `computed`, `related(a.b)`, `=default`. Options of a model: `order=`,
//! `rec_name=`, `inherits=link:model`, `transient`.

use super::{Field, Kind, Model, Name, Source};

pub(super) fn read(text: &str) -> Vec<Model> {
    let mut models = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            models.push(model(header));
        } else {
            models.last_mut().expect("a field stands under its model").add(field(line));
        }
    }
    models
}

fn model(header: &str) -> Model {
    let mut parts = header.split('|').map(str::trim);
    let title = parts.next().expect("split gives one part at least");
    let (name, label) = title.split_once(']').unwrap_or_else(|| panic!("[model] Label, not {header:?}"));
    let mut model = Model::new(name, label.trim());
    for option in parts {
        match option.split_once('=') {
            Some(("order", order)) => model.order = order.into(),
            Some(("rec_name", field)) => model.rec_name = Some(field.into()),
            Some(("inherits", pair)) => {
                let (link, parent) = pair.split_once(':').unwrap_or_else(|| panic!("link:model, not {pair:?}"));
                model.inherits = Some((link.into(), parent.into()));
            }
            None if option == "transient" => model.transient = true,
            _ => panic!("unknown option {option:?} of {name}"),
        }
    }
    model
}

fn field(line: &str) -> Field {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, kind, flags, label] = parts[..] else { panic!("name | kind | flags | label, not {line:?}") };
    let mut field = Field {
        name: name.into(),
        label: label.into(),
        kind: kind_of(kind),
        source: Source::Stored,
        required: false,
        readonly: false,
        indexed: false,
        default: None,
    };
    for flag in flags.split_whitespace() {
        match flag {
            "required" => field.required = true,
            "readonly" => field.readonly = true,
            "index" => field.indexed = true,
            "computed" => field.source = Source::Computed,
            _ => {
                if let Some(default) = flag.strip_prefix('=') {
                    field.default = Some(default.into());
                } else if let Some(path) = flag.strip_prefix("related(").and_then(|rest| rest.strip_suffix(')')) {
                    field.source = Source::Related(path.split('.').map(Name::from).collect());
                } else {
                    panic!("unknown flag {flag:?} of {name}");
                }
            }
        }
    }
    field
}

fn kind_of(text: &str) -> Kind {
    let (word, rest) = text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "char" => Kind::Char,
        "text" => Kind::Text,
        "html" => Kind::Html,
        "integer" => Kind::Integer,
        "float" => Kind::Float(rest.parse().ok()),
        "monetary" => Kind::Monetary,
        "boolean" => Kind::Boolean,
        "date" => Kind::Date,
        "datetime" => Kind::Datetime,
        "binary" => Kind::Binary,
        "selection" => Kind::Selection(
            rest.split(';')
                .map(|pair| pair.trim().split_once('=').unwrap_or_else(|| panic!("key=Label, not {pair:?}")))
                .map(|(key, label)| (Name::from(key), Name::from(label)))
                .collect(),
        ),
        "many2one" => Kind::Many2one(rest.into()),
        "many2many" => Kind::Many2many(rest.into()),
        "one2many" => one2many(rest),
        _ => panic!("unknown kind {text:?}"),
    }
}

fn one2many(rest: &str) -> Kind {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let only = |text: &str| {
        let (field, values) = text.split_once('=').unwrap_or_else(|| panic!("field=value,value, not {text:?}"));
        (Name::from(field), values.split(',').map(Name::from).collect())
    };
    match words[..] {
        [model, inverse] => Kind::One2many { model: model.into(), inverse: inverse.into(), only: None },
        [model, inverse, filter] => {
            Kind::One2many { model: model.into(), inverse: inverse.into(), only: Some(only(filter)) }
        }
        _ => panic!("one2many model inverse [field=value,value], not {rest:?}"),
    }
}
