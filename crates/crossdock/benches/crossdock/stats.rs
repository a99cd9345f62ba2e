//! Several rounds in one number that says how far to trust it: the median, and what lay around it.

use serde::Serialize;

/// What some rounds gave.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub rounds: usize,
}

impl Summary {
    /// Of one value per round. No rounds give zeros.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0));
        Self { median: median(&sorted), least, most, rounds: sorted.len() }
    }

    /// `12,300 (11,900–12,800)`.
    pub fn shown(&self) -> String {
        match self.rounds {
            0 | 1 => number(self.median),
            _ => format!("{} ({}–{})", number(self.median), number(self.least), number(self.most)),
        }
    }
}

/// Of each round's result to the same round's baseline.
pub fn ratios(results: &[f64], baselines: &[f64]) -> Vec<f64> {
    results.iter().zip(baselines).map(|(result, baseline)| result / baseline.max(f64::MIN_POSITIVE)).collect()
}

/// The value below which this part of the sorted values lies.
pub fn percentile(sorted: &[u32], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    sorted.get(at).map_or(0.0, |value| f64::from(*value))
}

fn median(sorted: &[f64]) -> f64 {
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (count, middle) if count % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// With as many digits as carry meaning: `0.53`, `7.4`, `112`, `48,210`.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size < 3.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => grouped(value.round() as i64),
    }
}

fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}
