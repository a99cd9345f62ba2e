//! What is written of a run: one document for people and one for programs, with the same figures.

use std::fmt::Write as _;

use serde::Serialize;

use crate::machine::Machine;
use crate::plot::Plot;
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
    /// What is wanted.
    pub goal: Option<Goal>,
}

/// What is wanted of a figure's medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Of the ratio.
    RatioAtLeast(f64),
    /// Of the result, in its unit.
    AtMost(f64),
    /// Of the result beyond the baseline, in its unit.
    AddsAtMost(f64),
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

    /// Wants this ratio or more.
    pub fn goal(self, ratio: f64) -> Self {
        Self { goal: Some(Goal::RatioAtLeast(ratio)), ..self }
    }

    /// Wants no more than this, in the figure's unit.
    pub fn at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal::AtMost(most)), ..self }
    }

    /// Wants no more than this beyond the baseline, in the figure's unit.
    pub fn adds_at_most(self, most: f64) -> Self {
        Self { goal: Some(Goal::AddsAtMost(most)), ..self }
    }

    fn verdict(&self) -> &'static str {
        let is_met = match self.goal {
            None => return "–",
            Some(Goal::RatioAtLeast(goal)) => self.ratio.median >= goal,
            Some(Goal::AtMost(most)) => self.result.median <= most,
            Some(Goal::AddsAtMost(most)) => self.result.median - self.baseline.median <= most,
        };
        if is_met { "met" } else { "**missed**" }
    }

    fn wanted(&self) -> String {
        match self.goal {
            None => "–".to_owned(),
            Some(Goal::RatioAtLeast(goal)) => format!("≥ {}", number(goal)),
            Some(Goal::AtMost(most)) => format!("≤ {} {}", number(most), self.unit),
            Some(Goal::AddsAtMost(most)) => format!("adds ≤ {} {}", number(most), self.unit),
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
    /// Drawn beside the document.
    pub plots: Vec<Plot>,
    /// Why it was not measured.
    pub not_measured: Option<String>,
    /// Added by the runner.
    pub seconds: f64,
    pub load_before: String,
    pub load_after: String,
    /// Processors' worth of work that programs other than ours did meanwhile.
    pub others_cpus: f64,
    /// When, and with which Crossdock.
    pub measured: String,
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
            plots: Vec::new(),
            not_measured: None,
            seconds: 0.0,
            load_before: String::new(),
            load_after: String::new(),
            others_cpus: 0.0,
            measured: String::new(),
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
    /// The document for people. Sections of `before` that were not measured now stay as they are, each with its own date.
    pub fn markdown(&self, before: &str) -> String {
        let mut text = String::from("# Benchmarks\n\n");
        let warning = match self.quick {
            true => "**A smoke run with counts too small to mean anything.**\n\n",
            false => "",
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "Made by `cargo xtask bench`; nothing here is written by hand. Each figure stands beside a baseline measured in the \
             same\nrun, in turns with it, because a busy or slow machine shifts both. Figures are medians of the rounds, with the \
             least and the most\nin parentheses; a ratio is taken round by round. Absolute figures hold for this machine in that \
             hour only. Each section says when\nand with which Crossdock it was measured: `cargo xtask bench --part NAME` renews \
             some of them and leaves the others.\n\n{warning}"
        );
        self.machine.write_markdown(&mut text);
        let measured: Vec<(&str, String)> = self.sections.iter().map(|it| (it.title, it.markdown())).collect();
        let known = sections_of(before);
        let mut written: Vec<&str> = Vec::new();
        for (title, old) in &known {
            let new = measured.iter().find(|(measured, _)| measured == title).map(|(_, text)| text.as_str());
            text += new.unwrap_or(old);
            written.push(title);
        }
        for (_, new) in measured.iter().filter(|(title, _)| !written.contains(title)) {
            text += new;
        }
        text
    }
}

/// The sections of a document: title and text, from the empty line before its heading.
fn sections_of(document: &str) -> Vec<(&str, String)> {
    let parts = document.split("\n## ").skip(1);
    let titled = parts.map(|part| {
        let title = part.lines().next().unwrap_or_default();
        (title, format!("\n## {}\n", part.trim_end_matches('\n')))
    });
    titled.collect()
}

impl Section {
    fn markdown(&self) -> String {
        let mut text = String::new();
        self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, text: &mut String) {
        let Self { title, what, baseline, .. } = self;
        let _ = write!(text, "\n## {title}\n\n{what}\n\nBaseline: {baseline}\n\n");
        if let Some(reason) = &self.not_measured {
            let _ = writeln!(text, "**Not measured ({}):** {reason}", self.measured);
            return;
        }
        if !self.figures.is_empty() {
            text.push_str("| What | Unit | Crossdock | Baseline | Ratio | Goal | |\n|---|---|---|---|---|---|---|\n");
        }
        for figure in &self.figures {
            let Figure { what, unit, result, baseline, ratio, .. } = figure;
            let goal = figure.wanted();
            let (result, baseline, ratio) = (result.shown(), baseline.shown(), ratio.shown());
            let _ =
                writeln!(text, "| {what} | {unit} | {result} | {baseline} | {ratio} | {goal} | {} |", figure.verdict());
        }
        for plot in &self.plots {
            let _ = writeln!(text, "\n![{}]({})", plot.title, plot.file);
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        let Self { seconds, load_before, load_after, others_cpus, measured, .. } = self;
        let _ = writeln!(
            text,
            "- Measured {measured} in {seconds:.0} s; load average {load_before} before and {load_after} after; other programs and the kernel's \
             own threads used {others_cpus:.2} processors meanwhile."
        );
    }
}
