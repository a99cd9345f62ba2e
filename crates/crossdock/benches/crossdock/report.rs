//! What is written of a run: one document for people and one for programs, with the same figures.

use std::fmt::Write as _;

use serde::Serialize;

use crate::machine::Machine;
use crate::stats::{Summary, number, ratios};

/// One thing measured beside its baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub what: String,
    pub unit: &'static str,
    pub result: Summary,
    pub baseline: Summary,
    /// Result to baseline, round by round.
    pub ratio: Summary,
    /// The ratio wanted.
    pub goal: Option<f64>,
}

impl Figure {
    pub fn new(what: impl Into<String>, unit: &'static str, results: &[f64], baselines: &[f64]) -> Self {
        Self {
            what: what.into(),
            unit,
            result: Summary::of(results),
            baseline: Summary::of(baselines),
            ratio: Summary::of(&ratios(results, baselines)),
            goal: None,
        }
    }

    pub fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn verdict(&self) -> &'static str {
        match self.goal {
            None => "–",
            Some(goal) if self.ratio.median >= goal => "met",
            Some(_) => "**missed**",
        }
    }
}

/// One section: what was measured and against what.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    pub key: &'static str,
    pub title: &'static str,
    pub what: String,
    pub baseline: String,
    pub figures: Vec<Figure>,
    /// Further facts of the same run.
    pub notes: Vec<String>,
    /// Why it was not measured.
    pub not_measured: Option<String>,
    /// Added by the runner.
    pub seconds: f64,
    pub load_before: String,
    pub load_after: String,
    /// Processors' worth of work that programs other than ours did meanwhile.
    pub others_cpus: f64,
}

impl Section {
    pub fn new(key: &'static str, title: &'static str, what: impl Into<String>, baseline: impl Into<String>) -> Self {
        Self {
            key,
            title,
            what: what.into(),
            baseline: baseline.into(),
            figures: Vec::new(),
            notes: Vec::new(),
            not_measured: None,
            seconds: 0.0,
            load_before: String::new(),
            load_after: String::new(),
            others_cpus: 0.0,
        }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub quick: bool,
    pub sections: Vec<Section>,
}

impl Report {
    /// The document for people.
    pub fn markdown(&self) -> String {
        let mut text = String::from("# Benchmarks\n\n");
        let warning = match self.quick {
            true => "**A smoke run with counts too small to mean anything.**\n\n",
            false => "",
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "Made by `cargo xtask bench`, which writes this page anew; nothing here is written by hand. Each figure \
             stands beside a baseline\nmeasured in the same run, in turns with it, because a busy or slow machine \
             shifts both. Figures are medians of the rounds, with the\nleast and the most in parentheses; a ratio is \
             taken round by round. Absolute figures hold for this machine in that hour only.\n\n{warning}"
        );
        self.machine.write_markdown(&mut text);
        for section in &self.sections {
            section.write_markdown(&mut text);
        }
        text
    }
}

impl Section {
    fn write_markdown(&self, text: &mut String) {
        let Self { title, what, baseline, .. } = self;
        let _ = write!(text, "\n## {title}\n\n{what}\n\nBaseline: {baseline}\n\n");
        if let Some(reason) = &self.not_measured {
            let _ = writeln!(text, "**Not measured in this run:** {reason}");
            return;
        }
        if !self.figures.is_empty() {
            text.push_str("| What | Unit | Crossdock | Baseline | Ratio | Goal | |\n|---|---|---|---|---|---|---|\n");
        }
        for figure in &self.figures {
            let Figure { what, unit, result, baseline, ratio, goal } = figure;
            let goal = goal.map_or("–".to_owned(), |goal| format!("≥ {}", number(goal)));
            let (result, baseline, ratio) = (result.shown(), baseline.shown(), ratio.shown());
            let _ =
                writeln!(text, "| {what} | {unit} | {result} | {baseline} | {ratio} | {goal} | {} |", figure.verdict());
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        let Self { seconds, load_before, load_after, others_cpus, .. } = self;
        let _ = writeln!(
            text,
            "- {seconds:.0} s; load average {load_before} before and {load_after} after; other programs and the kernel's \
             own threads used {others_cpus:.2} processors meanwhile."
        );
    }
}
