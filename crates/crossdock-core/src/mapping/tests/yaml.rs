//! YAML to configuration nodes, as the binary's loader does it, for tests and examples.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{Entry, Location, Node, NodeKind};

/// The node of a YAML text with one document.
pub fn node(file: &str, text: &str) -> Node {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap_or_else(|error| panic!("{error}\n{text}")));
    loop {
        let (event, span) = events.next().expect("there is a document");
        let location = Location::new(file, span.start.line() as u32, span.start.col() as u32 + 1);
        if let Some(node) = build(event, location, file, &mut events) {
            return node;
        }
    }
}

fn build<'t>(
    event: Event<'t>,
    location: Location,
    file: &str,
    events: &mut impl Iterator<Item = (Event<'t>, saphyr_parser::Span)>,
) -> Option<Node> {
    let mut children = Vec::new();
    let is_map = matches!(event, Event::MappingStart(..));
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) if matches!(&*text, "" | "~" | "null") => {
            return Some(Node { location, kind: NodeKind::Null });
        }
        Event::Scalar(text, style, ..) => {
            let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
            return Some(Node { location, kind: NodeKind::Scalar { text: (&*text).into(), quoted } });
        }
        Event::SequenceStart(..) | Event::MappingStart(..) => {
            while let Some((event, span)) = events.next() {
                let place = Location::new(file, span.start.line() as u32, span.start.col() as u32 + 1);
                match event {
                    Event::SequenceEnd | Event::MappingEnd => break,
                    event => children.extend(build(event, place, file, events)),
                }
            }
        }
        _ => return None,
    }
    if !is_map {
        return Some(Node { location, kind: NodeKind::List(children) });
    }
    let mut entries = Vec::new();
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        let name = key.text().expect("keys are scalars").into();
        entries.push(Entry { key: name, key_location: key.location, value });
    }
    Some(Node { location, kind: NodeKind::Map(entries) })
}
