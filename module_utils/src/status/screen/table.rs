//! Cells that line up, in colour or without.

use crate::exec::foreign;

/// How a cell is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As any text.
    Plain,
    /// Of a section.
    Title,
    /// All is well.
    Good,
    /// To be looked at.
    Warning,
    /// Nobody knows.
    Unknown,
    /// Bad.
    Bad,
}

/// A piece of text.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it is to look.
    pub tone: Tone,
    /// Of a bar: the percentage that is full.
    pub percent: Option<u64>,
}

impl Cell {
    /// The text, with nothing in it that steers a terminal.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self { text: foreign::clean(text).replace('\n', " "), tone, percent: None }
    }

    /// A bar of so many cells with its percentage.
    #[must_use]
    pub fn bar(percent: u64, cells: u64) -> Self {
        let full = (percent.min(100) * cells).div_ceil(100);
        let of = |count: u64, cell: &str| cell.repeat(usize::try_from(count).unwrap_or(0));
        let text = format!("[{}{}] {percent:>3} %", of(full, "#"), of(cells - full, "."));
        Self { percent: Some(percent), ..Self::new(&text, Tone::Plain) }
    }

    /// The same at least so wide.
    #[must_use]
    pub fn padded(&self, width: usize) -> Self {
        Self { text: format!("{:<width$}", self.text), ..self.clone() }
    }

    /// With its colour.
    #[must_use]
    pub fn shown(&self, color: bool) -> String {
        let code = match self.tone {
            Tone::Plain => return self.text.clone(),
            Tone::Title => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Unknown => "35",
            Tone::Bad => "1;31",
        };
        if color { format!("\u{1b}[{code}m{}\u{1b}[0m", self.text) } else { self.text.clone() }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Rows of cells.
pub struct Table<'a>(pub &'a [&'a Vec<Cell>]);

impl Table<'_> {
    /// Each column as wide as its widest cell; nothing behind the last one.
    #[must_use]
    pub fn shown(&self, color: bool) -> String {
        let columns = self.0.iter().map(|row| row.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|at| self.0.iter().filter_map(|row| Some(row.get(at)?.width())).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in self.0 {
            let mut line = String::new();
            let mut pending = 2;
            for (cell, width) in row.iter().zip(&widths) {
                if cell.width() > 0 {
                    line.push_str(&" ".repeat(pending));
                    line.push_str(&cell.shown(color));
                    pending = 0;
                }
                pending += width - cell.width() + 2;
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}
