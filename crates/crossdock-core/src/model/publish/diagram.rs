//! The states of an entity as a picture (SVG): states in columns from left to right, moves as arrows. The layout is our
//! own and simple, so that it never changes unless the table does.

use std::fmt::Write as _;

use super::super::EntityKind;

const BOX_WIDTH: i32 = 148;
const BOX_HEIGHT: i32 = 30;
const COLUMN: i32 = 218;
const ROW: i32 = 56;
const MARGIN: i32 = 20;

/// The picture; `None` for an entity without states.
pub(super) fn states(kind: &EntityKind) -> Option<String> {
    let places = places(kind);
    let columns = places.iter().map(|place| place.0).max()? + 1;
    let rows = places.iter().map(|place| place.1).max()? + 1;
    let (width, height) = (MARGIN * 2 + COLUMN * columns - (COLUMN - BOX_WIDTH), MARGIN * 2 + ROW * rows + 36);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>States and moves of {}</title>\n\
         <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        kind.name
    );
    for (from, to) in kind.moves {
        let place = |state: &str| kind.states.iter().position(|known| *known == state).map(|n| places[n]);
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            arrow(&mut svg, from, to);
        }
    }
    for (state, place) in kind.states.iter().zip(&places) {
        let is_end = !kind.moves.iter().any(|(from, _)| from == state);
        let is_start = !kind.moves.iter().any(|(_, to)| to == state);
        let (x, y) = corner(*place);
        let fill = if is_end {
            "#e8f1e8"
        } else if is_start {
            "#e8eef8"
        } else {
            "#f6f6f8"
        };
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" \
             stroke=\"#445\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#112\">{state}</text>",
            x + BOX_WIDTH / 2,
            y + BOX_HEIGHT / 2 + 4
        );
    }
    svg += "</svg>\n";
    Some(svg)
}

/// Column and row of each state: as far right as its longest way from a start along the order of precedence, then the
/// first free row.
fn places(kind: &EntityKind) -> Vec<(i32, i32)> {
    let place = |state: &str| kind.states.iter().position(|known| *known == state);
    let mut columns = vec![0i32; kind.states.len()];
    for n in 0..kind.states.len() {
        let before = kind.moves.iter().filter(|(_, to)| *to == kind.states[n]).filter_map(|(from, _)| place(from));
        columns[n] = before.filter(|from| *from < n).map(|from| columns[from] + 1).max().unwrap_or(0);
    }
    let mut used = vec![0i32; kind.states.len() + 1];
    let in_row = |column: i32, used: &mut Vec<i32>| {
        let row = used[column as usize];
        used[column as usize] += 1;
        row
    };
    columns.iter().map(|column| (*column, in_row(*column, &mut used))).collect()
}

fn corner((column, row): (i32, i32)) -> (i32, i32) {
    // Every other column is a little lower, so that an arrow over a box can be told from one to it.
    (MARGIN + column * COLUMN, MARGIN + row * ROW + (column % 2) * 18)
}

fn arrow(svg: &mut String, from: (i32, i32), to: (i32, i32)) {
    let ((x1, y1), (x2, y2)) = (corner(from), corner(to));
    let middle = BOX_HEIGHT / 2;
    let path = match from.0.cmp(&to.0) {
        std::cmp::Ordering::Less => {
            let (x1, y1, y2) = (x1 + BOX_WIDTH, y1 + middle - 4, y2 + middle - 4);
            let bend = (x2 - x1) / 2;
            format!("M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2 - bend)
        }
        std::cmp::Ordering::Equal => {
            let (x, bend) = (x1 + BOX_WIDTH, 26 + 6 * (from.1 - to.1).abs());
            format!(
                "M{x} {} C{} {} {} {} {x} {}",
                y1 + middle,
                x + bend,
                y1 + middle,
                x + bend,
                y2 + middle,
                y2 + middle
            )
        }
        std::cmp::Ordering::Greater => {
            let (x2, y1, y2) = (x2 + BOX_WIDTH, y1 + middle + 6, y2 + middle + 6);
            let bend = (x1 - x2) / 2;
            format!("M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}", x1 - bend, x2 + bend)
        }
    };
    let dash = if from.0 > to.0 { " stroke-dasharray=\"4 3\"" } else { "" };
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"#667\"{dash} marker-end=\"url(#a)\"/>");
}
