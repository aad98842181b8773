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

    /// The same, at the right end of so many characters.
    #[must_use]
    pub fn right(&self, width: usize) -> Self {
        Self { text: format!("{:>width$}", self.text), ..self.clone() }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text, Tone::Plain)
    }
}

/// How wide each column is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<usize>);

impl Columns {
    /// Each as wide as its widest cell.
    #[must_use]
    pub fn of<'c>(rows: impl IntoIterator<Item = &'c Vec<Cell>>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                columns.widen(at, cell.width());
            }
        }
        columns
    }

    /// At least so wide.
    pub fn widen(&mut self, column: usize, width: usize) {
        if self.0.len() <= column {
            self.0.resize(column + 1, 0);
        }
        self.0[column] = self.0[column].max(width);
    }

    /// How wide a line with something in all of them is.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.iter().filter(|width| **width > 0).map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// The cells below each other's; nothing behind the last one.
    #[must_use]
    pub fn line(&self, row: &[Cell], color: bool) -> String {
        let mut line = String::new();
        let mut pending = 0;
        for (at, cell) in row.iter().enumerate() {
            let width = self.0.get(at).copied().unwrap_or(0);
            if cell.width() > 0 {
                line.push_str(&" ".repeat(pending));
                line.push_str(&cell.shown(color));
                pending = 0;
            }
            if width > 0 {
                pending += width.saturating_sub(cell.width()) + GAP;
            }
        }
        line
    }
}

/// `1 dataset`, `2 datasets`.
#[must_use]
pub fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Between two columns.
const GAP: usize = 2;

/// Rows of cells.
pub struct Table<'a>(pub &'a [&'a Vec<Cell>]);

impl Table<'_> {
    /// Each column as wide as its widest cell; nothing behind the last one.
    #[must_use]
    pub fn shown(&self, color: bool) -> String {
        let columns = Columns::of(self.0.iter().copied());
        let line = |row: &&Vec<Cell>| ["  ".to_owned(), columns.line(row, color), "\n".to_owned()];
        self.0.iter().flat_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Columns, Table, Tone};

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(|cell| Cell::from(*cell)).collect()
    }

    #[test]
    fn columns_line_up() {
        let (first, second) = (row(&["a", "", "long one", "x"]), row(&["bcd", "", "e"]));
        assert_eq!(Table(&[&first, &second]).shown(true), "  a    long one  x\n  bcd  e\n");
        let columns = Columns::of([&first, &second]);
        assert_eq!(columns.width(), 3 + 2 + 8 + 2 + 1);
        assert_eq!(columns.line(&row(&["", "", "", "x"]), false), " ".repeat(15) + "x");
        // What is wider than was thought pushes what follows to the right, and no more.
        assert_eq!(columns.line(&row(&["abcdef", "", "g"]), false), "abcdef  g");
        let good = vec![Cell::new("ok", Tone::Good).padded(4), Cell::new("7", Tone::Plain).right(3)];
        assert_eq!(columns.line(&good, true), "\u{1b}[32mok  \u{1b}[0m    7");
    }
}
