//! The states of an entity as a picture (SVG): states in layers from top to bottom, moves as arrows. Where everything
//! stands is decided in `layout`; here it is drawn.

use std::fmt::Write as _;

use super::super::EntityKind;
use super::layout::{BOX_HEIGHT, BOX_WIDTH, Layout, Segment};

/// The picture; `None` for an entity without states.
pub(super) fn states(kind: &EntityKind) -> Option<String> {
    let layout = Layout::of(kind)?;
    let (width, height) = (layout.width, layout.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>States and moves of {}</title>\n\
         <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        kind.name
    );
    for segment in &layout.segments {
        arrow(&mut svg, &layout, segment);
    }
    bends(&mut svg, &layout);
    for vertex in &layout.vertices {
        let Some(state) = vertex.state.map(|state| kind.states[state]) else { continue };
        let is_end = !kind.moves.iter().any(|(from, _)| *from == state);
        let is_start = !kind.moves.iter().any(|(_, to)| *to == state);
        let fill = if is_end {
            "#e8f1e8"
        } else if is_start {
            "#e8eef8"
        } else {
            "#f6f6f8"
        };
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" \
             stroke=\"#445\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#112\">{state}</text>",
            vertex.x - BOX_WIDTH / 2.0,
            vertex.top(),
            vertex.x,
            vertex.top() + BOX_HEIGHT / 2.0 + 4.0
        );
    }
    svg += "</svg>\n";
    Some(svg)
}

/// From one layer to the next. A move that goes back is dashed and drawn upwards.
fn arrow(svg: &mut String, layout: &Layout, segment: &Segment) {
    let (upper, lower) = (&layout.vertices[segment.upper], &layout.vertices[segment.lower]);
    let (x1, x2) = layout.ends(segment);
    let (y1, y2) = (upper.top() + BOX_HEIGHT, lower.top());
    let middle = f64::midpoint(y1, y2);
    let end = if segment.back { upper } else { lower };
    let ((x1, y1), (x2, y2)) = if segment.back { ((x2, y2), (x1, y1)) } else { ((x1, y1), (x2, y2)) };
    let head = if end.state.is_some() { " marker-end=\"url(#a)\"" } else { "" };
    let _ = writeln!(
        svg,
        "<path d=\"M{} {y1} C{} {middle} {} {middle} {} {y2}\" fill=\"none\" stroke=\"#667\"{}{head}/>",
        tenth(x1),
        tenth(x1),
        tenth(x2),
        tenth(x2),
        dash(segment.back)
    );
}

/// Straight down through the layers between.
fn bends(svg: &mut String, layout: &Layout) {
    for (n, bend) in layout.vertices.iter().enumerate().filter(|(_, vertex)| vertex.state.is_none()) {
        let back = layout.segments.iter().any(|segment| segment.upper == n && segment.back);
        let (x, top) = (bend.x, bend.top());
        let bottom = top + BOX_HEIGHT;
        let _ = writeln!(svg, "<path d=\"M{x} {top} V{bottom}\" fill=\"none\" stroke=\"#667\"{}/>", dash(back));
    }
}

fn dash(back: bool) -> &'static str {
    if back { " stroke-dasharray=\"4 3\"" } else { "" }
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
