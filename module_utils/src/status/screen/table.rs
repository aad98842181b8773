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
    text: String,
    tone: Tone,
}

impl Cell {
    /// The text, with nothing in it that steers a terminal.
    pub fn new(text: &str, tone: Tone) -> Self {
        Self { text: foreign::clean(text).replace('\n', " "), tone }
    }

    /// With its colour.
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
pub struct Table(pub Vec<Vec<Cell>>);

impl Table {
    /// Each column as wide as its widest cell; nothing behind the last one.
    pub fn shown(&self, color: bool) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|at| self.0.iter().filter_map(|row| Some(row.get(at)?.width())).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.0 {
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
