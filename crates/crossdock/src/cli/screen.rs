//! Where commands write: colours and tables on a terminal, plain lines of fields separated by tabs elsewhere.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, presets};

/// Columns of a terminal that does not tell how many it has.
const COLUMNS: u16 = 120;
/// A terminal narrower than this is taken for one that does not tell.
const COLUMNS_MIN: u16 = 40;

/// How a piece of text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
}

/// Standard output, as it is.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// A person reads it.
    pub terminal: bool,
    pub color: bool,
}

/// One row of a table.
pub type Row = Vec<(String, Tone)>;

impl Screen {
    /// What standard output is. Colours are left out where `NO_COLOR` is set and not empty, or the terminal has none.
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// What standard error is.
    pub fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    #[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
    fn of(terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { terminal, color: terminal && !refused && !dumb }
    }

    /// Neither colours nor tables.
    pub const PLAIN: Self = Self { terminal: false, color: false };

    pub fn paint(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.color => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A table on a terminal; elsewhere one line a row, fields separated by tabs, without a heading.
    pub fn table(self, heading: &[&str], rows: &[Row]) -> String {
        if !self.terminal {
            return rows.iter().map(plain).collect();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if heading.iter().any(|title| !title.is_empty()) {
            table.set_header(heading.iter().map(|title| self.cell(title, Tone::Faint)));
        }
        for row in rows {
            table.add_row(row.iter().map(|(text, tone)| self.cell(text, *tone)));
        }
        // Only the last column is wrapped: it is the one with sentences.
        let last = heading.len().saturating_sub(1);
        for column in table.column_iter_mut().take(last) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        // A terminal that does not know its width, or has next to none.
        if table.width().is_none_or(|width| width < COLUMNS_MIN) {
            table.set_width(COLUMNS);
        }
        let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        if text.is_empty() {
            text.push('\n');
        }
        text
    }

    fn cell(self, text: &str, tone: Tone) -> Cell {
        use comfy_table::Color;
        let cell = Cell::new(clean(text));
        match tone {
            _ if !self.color => cell,
            Tone::Plain => cell,
            Tone::Strong => cell.add_attribute(Attribute::Bold),
            Tone::Faint => cell.add_attribute(Attribute::Dim),
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Warning => cell.fg(Color::DarkYellow),
            Tone::Bad => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        }
    }
}

fn plain(row: &Row) -> String {
    let fields: Vec<String> = row.iter().map(|(text, _)| clean(text)).collect();
    format!("{}\n", fields.join("\t"))
}

/// Without control characters: they would break a line apart, and what other systems sent must not move the cursor.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes to standard output. Whoever reads may stop reading: that is no failure.
///
/// # Errors
/// When standard output cannot be written, for example because the disk is full.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_on_their_line() {
        let rows = vec![vec![("a\tb".to_owned(), Tone::Bad), ("c\nd".to_owned(), Tone::Plain)]];
        assert_eq!(Screen::PLAIN.table(&["one", "two"], &rows), "a b\tc d\n");
        assert_eq!(Screen::PLAIN.paint("x", Tone::Bad), "x");
        assert!(Screen { terminal: true, color: true }.paint("x", Tone::Bad).contains('\u{1b}'));
    }
}
