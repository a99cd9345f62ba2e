//! A small line chart as SVG: a few series over one axis each, linear or logarithmic. Enough for two pictures beside the
//! figures; it reads in light and dark because it brings its own ground.

use std::fmt::Write as _;

use serde::Serialize;

use crate::stats::number;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Left, right, top, bottom.
const MARGINS: [f64; 4] = [84.0, 24.0, 48.0, 56.0];
const COLOURS: [&str; 3] = ["#0b62a4", "#b3541e", "#4d7c0f"];

/// A direction of the chart.
#[derive(Clone, Debug, Serialize)]
pub struct Axis {
    pub label: &'static str,
    pub is_log: bool,
}

/// A chart.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    /// Its file's name, beside the document.
    pub file: &'static str,
    pub title: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// What an axis shows, and where.
struct Scale {
    least: f64,
    most: f64,
    is_log: bool,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone, axis: &Axis) -> Self {
        let most = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let least = values.fold(most, f64::min);
        match axis.is_log {
            true => {
                Self { least: 10f64.powf(least.log10().floor()), most: 10f64.powf(most.log10().ceil()), is_log: true }
            }
            false => Self { least: 0.0, most: most * 1.1, is_log: false },
        }
    }

    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let (value, least, most) = match self.is_log {
            true => (value.max(self.least).log10(), self.least.log10(), self.most.log10()),
            false => (value, self.least, self.most),
        };
        ((value - least) / (most - least).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn marks(&self) -> Vec<f64> {
        if self.is_log {
            let (first, last) = (self.least.log10().round() as i32, self.most.log10().round() as i32);
            return (first..=last).map(|power| 10f64.powi(power)).collect();
        }
        let rough = self.most / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
        let step = step.unwrap_or(rough).max(f64::MIN_POSITIVE);
        (0..=5).map(|n| f64::from(n) * step).filter(|mark| *mark <= self.most).collect()
    }
}

impl Plot {
    /// The picture.
    pub fn svg(&self) -> String {
        let [left, right, top, bottom] = MARGINS;
        let points = || self.series.iter().flat_map(|(_, points)| points.iter().copied());
        let (x, y) = (Scale::of(points().map(|it| it.0), &self.x), Scale::of(points().map(|it| it.1), &self.y));
        let across = |value: f64| left + x.place(value) * (WIDTH - left - right);
        let down = |value: f64| HEIGHT - bottom - y.place(value) * (HEIGHT - top - bottom);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\" fill=\"#222\" role=\"img\" aria-label=\"{title}\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             fill=\"#fff\"/>\n<text x=\"{left}\" y=\"20\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n",
            title = self.title
        );
        // Writing to a String cannot fail.
        for mark in y.marks() {
            let at = down(mark);
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {at:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - right,
                left - 8.0,
                at + 4.0,
                number(mark)
            );
        }
        for mark in x.marks() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                across(mark),
                HEIGHT - bottom + 18.0,
                number(mark)
            );
        }
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {top}V{base}H{}\" fill=\"none\" stroke=\"#222\"/>\n<text x=\"{}\" y=\"{}\" \
             text-anchor=\"end\">{}</text>\n<text x=\"{left}\" y=\"38\">{}</text>",
            WIDTH - right,
            WIDTH - right,
            HEIGHT - 14.0,
            self.x.label,
            self.y.label,
            base = HEIGHT - bottom
        );
        for (n, (name, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let line: Vec<String> = points.iter().map(|(a, b)| format!("{:.1},{:.1}", across(*a), down(*b))).collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            for (a, b) in points {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    across(*a),
                    down(*b)
                );
            }
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
                WIDTH - right,
                20.0 + 16.0 * n as f64
            );
        }
        svg + "</svg>\n"
    }
}
