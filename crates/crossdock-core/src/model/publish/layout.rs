//! Where the states of an entity stand in its picture, and which way its moves take: layer by layer from top to bottom,
//! after Sugiyama, Tagawa and Toda (1981). A move over several layers has a bend in each layer between, which has room
//! of its own there, so that no arrow crosses a box. Moves to the same state share their bends: what joins once goes on
//! together. The layout is our own and reckons with nothing but the table, so that it never changes unless that does.

use std::collections::{BTreeMap, BTreeSet};

use super::super::EntityKind;

pub(super) const BOX_WIDTH: f64 = 166.0;
pub(super) const BOX_HEIGHT: f64 = 30.0;
/// From the top of one layer to that of the next.
pub(super) const LAYER: f64 = 80.0;
pub(super) const MARGIN: f64 = 18.0;
/// Room that a bend takes in its layer.
const BEND_WIDTH: f64 = 18.0;
const GAP: f64 = 22.0;
/// How much every vertex is drawn to the middle, against 1 for each neighbour.
const TO_THE_MIDDLE: f64 = 0.4;
/// Sweeps up and down that look for an order with few crossings, and for good places.
const SWEEPS: usize = 40;

/// A state or a bend of moves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vertex {
    /// The state by its number; `None` for a bend.
    pub state: Option<usize>,
    pub layer: usize,
    /// The middle.
    pub x: f64,
}

impl Vertex {
    fn width(&self) -> f64 {
        if self.state.is_some() { BOX_WIDTH } else { BEND_WIDTH }
    }

    /// The upper edge of its layer's boxes.
    pub fn top(&self) -> f64 {
        MARGIN + self.layer as f64 * LAYER
    }
}

/// A part of a move, from one layer to the next below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub upper: usize,
    pub lower: usize,
    /// The move goes upwards.
    pub back: bool,
}

/// The whole picture without its ink.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub vertices: Vec<Vertex>,
    pub segments: Vec<Segment>,
    pub width: f64,
    pub height: f64,
}

impl Layout {
    /// `None` for an entity without states.
    pub fn of(kind: &EntityKind) -> Option<Self> {
        let mut graph = Graph::of(kind)?;
        graph.arrange();
        graph.place();
        let right = graph.vertices.iter().map(|vertex| vertex.x + vertex.width() / 2.0).fold(0.0, f64::max);
        let height = MARGIN * 2.0 + (graph.layers.len() - 1) as f64 * LAYER + BOX_HEIGHT;
        Some(Self { vertices: graph.vertices, segments: graph.segments, width: (right + MARGIN).ceil(), height })
    }

    /// Where a segment leaves its upper vertex and where it reaches its lower one: those of one box stand side by side, in
    /// the order of what they lead to.
    pub fn ends(&self, segment: &Segment) -> (f64, f64) {
        (self.port(segment, true), self.port(segment, false))
    }

    fn port(&self, segment: &Segment, below: bool) -> f64 {
        let here = |segment: &Segment| if below { segment.upper } else { segment.lower };
        let there = |segment: &Segment| if below { segment.lower } else { segment.upper };
        let vertex = &self.vertices[here(segment)];
        if vertex.state.is_none() {
            return vertex.x;
        }
        let mut beside: Vec<&Segment> = self.segments.iter().filter(|other| here(other) == here(segment)).collect();
        beside.sort_by(|a, b| {
            self.vertices[there(a)].x.total_cmp(&self.vertices[there(b)].x).then_with(|| a.back.cmp(&b.back))
        });
        let place = beside.iter().position(|other| *other == segment).unwrap_or_default();
        let step = (BOX_WIDTH * 0.8 / beside.len() as f64).min(28.0);
        vertex.x + (place as f64 - (beside.len() - 1) as f64 / 2.0) * step
    }
}

/// Vertices in layers, each layer in order from left to right.
struct Graph {
    vertices: Vec<Vertex>,
    segments: Vec<Segment>,
    layers: Vec<Vec<usize>>,
}

impl Graph {
    fn of(kind: &EntityKind) -> Option<Self> {
        let of_states = layers_of(kind);
        let depth = of_states.iter().max()? + 1;
        let vertex = |(state, layer): (usize, &usize)| Vertex { state: Some(state), layer: *layer, x: 0.0 };
        let mut vertices: Vec<Vertex> = of_states.iter().enumerate().map(vertex).collect();
        let mut bends: BTreeMap<(usize, usize, bool), usize> = BTreeMap::new();
        let mut segments = BTreeSet::new();
        for (from, to) in moves(kind) {
            let back = of_states[from] > of_states[to];
            let (top, bottom) = if back { (to, from) } else { (from, to) };
            let mut upper = top;
            for layer in of_states[top] + 1..of_states[bottom] {
                let bend = *bends.entry((to, layer, back)).or_insert_with(|| {
                    vertices.push(Vertex { state: None, layer, x: 0.0 });
                    vertices.len() - 1
                });
                segments.insert(Segment { upper, lower: bend, back });
                upper = bend;
            }
            segments.insert(Segment { upper, lower: bottom, back });
        }
        let mut layers = vec![Vec::new(); depth];
        vertices.iter().enumerate().for_each(|(n, vertex)| layers[vertex.layer].push(n));
        Some(Self { vertices, segments: segments.into_iter().collect(), layers })
    }

    /// Orders each layer so that few segments cross: by the mean place of what each vertex is joined to, then by swapping
    /// neighbours as long as that helps.
    fn arrange(&mut self) {
        let (mut best, mut fewest) = (self.layers.clone(), self.crossings());
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if down { step } else { count - 1 - step };
                self.sort_layer(layer, down);
            }
            self.swap_neighbours();
            let crossings = self.crossings();
            if crossings < fewest {
                (best, fewest) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
    }

    fn sort_layer(&mut self, layer: usize, by_above: bool) {
        let places = self.places();
        let mean = |vertex: usize| {
            let near: Vec<usize> = self.neighbours(vertex, by_above).map(|other| places[other]).collect();
            match near.len() {
                0 => places[vertex] as f64,
                many => near.iter().sum::<usize>() as f64 / many as f64,
            }
        };
        let mut keyed: Vec<(f64, usize)> = self.layers[layer].iter().map(|vertex| (mean(*vertex), *vertex)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.layers[layer] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
    }

    fn swap_neighbours(&mut self) {
        let mut fewest = self.crossings();
        for layer in 0..self.layers.len() {
            for place in 1..self.layers[layer].len() {
                self.layers[layer].swap(place - 1, place);
                let crossings = self.crossings();
                match crossings < fewest {
                    true => fewest = crossings,
                    false => self.layers[layer].swap(place - 1, place),
                }
            }
        }
    }

    /// The place of each vertex in its layer.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.vertices.len()];
        for layer in &self.layers {
            layer.iter().enumerate().for_each(|(place, vertex)| places[*vertex] = place);
        }
        places
    }

    fn neighbours(&self, vertex: usize, above: bool) -> impl Iterator<Item = usize> + '_ {
        self.segments.iter().filter_map(move |segment| match above {
            true => (segment.lower == vertex).then_some(segment.upper),
            false => (segment.upper == vertex).then_some(segment.lower),
        })
    }

    fn crossings(&self) -> usize {
        let places = self.places();
        let mut crossings = 0;
        for (n, one) in self.segments.iter().enumerate() {
            let layer = self.vertices[one.upper].layer;
            for other in self.segments[n + 1..].iter().filter(|other| self.vertices[other.upper].layer == layer) {
                let (upper, lower) =
                    (places[one.upper].cmp(&places[other.upper]), places[one.lower].cmp(&places[other.lower]));
                crossings += usize::from(upper.is_lt() && lower.is_gt() || upper.is_gt() && lower.is_lt());
            }
        }
        crossings
    }

    /// Gives each vertex its place: as near as can be to the mean of what it is joined to, without touching its
    /// neighbours. Bends insist more than boxes, which makes long ways straight.
    fn place(&mut self) {
        for layer in 0..self.layers.len() {
            self.settle(layer, |_| 0.0);
        }
        for sweep in 0..SWEEPS * 3 {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                let wanted: BTreeMap<usize, f64> =
                    self.layers[layer].iter().map(|vertex| (*vertex, self.wanted(*vertex))).collect();
                self.settle(layer, |vertex| wanted[&vertex]);
            }
        }
        let left = self.vertices.iter().map(|vertex| vertex.x - vertex.width() / 2.0).fold(f64::MAX, f64::min);
        self.vertices.iter_mut().for_each(|vertex| vertex.x = (vertex.x - left + MARGIN).round());
    }

    fn wanted(&self, vertex: usize) -> f64 {
        // A slight pull to the middle keeps the whole from drifting to one side, layer by layer.
        let (mut sum, mut weights) = (0.0, TO_THE_MIDDLE);
        for other in self.neighbours(vertex, true).chain(self.neighbours(vertex, false)) {
            let both_bend = self.vertices[vertex].state.is_none() && self.vertices[other].state.is_none();
            let weight = if both_bend { 6.0 } else { 1.0 };
            sum += self.vertices[other].x * weight;
            weights += weight;
        }
        sum / weights
    }

    /// The places nearest to those wanted (least squares) that keep order and distance: neighbours that would overlap
    /// move together, the pool adjacent violators algorithm.
    fn settle(&mut self, layer: usize, wanted: impl Fn(usize) -> f64) {
        struct Pool {
            mean: f64,
            weight: f64,
            count: usize,
        }
        let order = self.layers[layer].clone();
        let mut offsets = vec![0.0; order.len()];
        for n in 1..order.len() {
            let (left, right) = (&self.vertices[order[n - 1]], &self.vertices[order[n]]);
            let both_bend = left.state.is_none() && right.state.is_none();
            let gap = if both_bend { 0.0 } else { GAP };
            offsets[n] = offsets[n - 1] + (left.width() + right.width()) / 2.0 + gap;
        }
        let mut pools: Vec<Pool> = Vec::new();
        for (n, vertex) in order.iter().enumerate() {
            let weight = if self.vertices[*vertex].state.is_none() { 4.0 } else { 1.0 };
            pools.push(Pool { mean: wanted(*vertex) - offsets[n], weight, count: 1 });
            while pools.len() > 1 && pools[pools.len() - 2].mean > pools[pools.len() - 1].mean {
                let (Some(last), Some(before)) = (pools.pop(), pools.last_mut()) else { break };
                let weight = before.weight + last.weight;
                before.mean = (before.mean * before.weight + last.mean * last.weight) / weight;
                before.weight = weight;
                before.count += last.count;
            }
        }
        let means = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean, pool.count));
        for ((vertex, offset), mean) in order.iter().zip(&offsets).zip(means) {
            self.vertices[*vertex].x = mean + offset;
        }
    }
}

/// The moves by the numbers of their states.
fn moves(kind: &EntityKind) -> impl Iterator<Item = (usize, usize)> + '_ {
    let place = |state: &str| kind.states.iter().position(|known| *known == state);
    kind.moves.iter().filter_map(move |(from, to)| Some((place(from)?, place(to)?)))
}

/// The layer of each state: below every state that it is joined to and that stands before it in the order of precedence.
fn layers_of(kind: &EntityKind) -> Vec<usize> {
    let mut layers = vec![0; kind.states.len()];
    for n in 0..kind.states.len() {
        let before = moves(kind).filter_map(|(from, to)| match from.max(to) == n && from != to {
            true => Some(layers[from.min(to)] + 1),
            false => None,
        });
        layers[n] = before.max().unwrap_or(0);
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::super::super::ENTITIES;
    use super::*;

    /// Points of the way from one layer to the next, as the picture draws it.
    fn way(layout: &Layout, segment: &Segment) -> Vec<(f64, f64)> {
        let (x1, x2) = layout.ends(segment);
        let y1 = layout.vertices[segment.upper].top() + BOX_HEIGHT;
        let y2 = layout.vertices[segment.lower].top();
        let at = |t: f64| {
            let bezier = |a: f64, b: f64, c: f64, d: f64| {
                let s = 1.0 - t;
                s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
            };
            let middle = f64::midpoint(y1, y2);
            (bezier(x1, x1, x2, x2), bezier(y1, middle, middle, y2))
        };
        (0..=40).map(|n| at(f64::from(n) / 40.0)).collect()
    }

    #[test]
    fn no_arrow_crosses_a_box_and_no_picture_is_too_wide() {
        for kind in ENTITIES {
            let Some(layout) = Layout::of(kind) else { continue };
            assert!(layout.width <= 1_000.0, "{} is {} wide", kind.name, layout.width);
            let boxes: Vec<&Vertex> = layout.vertices.iter().filter(|vertex| vertex.state.is_some()).collect();
            let inside = |(x, y): (f64, f64), vertex: &Vertex, slack: f64| {
                (x - vertex.x).abs() < BOX_WIDTH / 2.0 + slack && y > vertex.top() && y < vertex.top() + BOX_HEIGHT
            };
            for segment in &layout.segments {
                for point in way(&layout, segment) {
                    assert!(!boxes.iter().any(|vertex| inside(point, vertex, 0.0)), "{}: {segment:?}", kind.name);
                }
            }
            // A bend goes straight down through its layer.
            for bend in layout.vertices.iter().filter(|vertex| vertex.state.is_none()) {
                let point = (bend.x, bend.top() + BOX_HEIGHT / 2.0);
                assert!(!boxes.iter().any(|vertex| inside(point, vertex, 6.0)), "{}: {bend:?}", kind.name);
            }
            for (n, one) in boxes.iter().enumerate() {
                let apart = |other: &&Vertex| one.layer != other.layer || (one.x - other.x).abs() >= BOX_WIDTH + 8.0;
                assert!(boxes[n + 1..].iter().all(apart), "{}: boxes overlap", kind.name);
            }
        }
    }

    #[test]
    fn every_move_can_be_followed() {
        for kind in ENTITIES {
            let Some(layout) = Layout::of(kind) else { continue };
            for (from, to) in moves(kind) {
                let back = layout.vertices[from].layer > layout.vertices[to].layer;
                let mut reached = BTreeSet::from([from]);
                let mut todo = vec![from];
                while let Some(here) = todo.pop() {
                    for segment in layout.segments.iter().filter(|segment| segment.back == back) {
                        let (start, end) =
                            if back { (segment.lower, segment.upper) } else { (segment.upper, segment.lower) };
                        let is_bend = layout.vertices[end].state.is_none();
                        if start != here || !(is_bend || end == to) {
                            continue;
                        }
                        let is_new = reached.insert(end);
                        todo.extend((is_bend && is_new).then_some(end));
                    }
                }
                assert!(reached.contains(&to), "{}: {} → {}", kind.name, kind.states[from], kind.states[to]);
            }
        }
    }
}
