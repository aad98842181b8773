//! A line for each dataset that loses snapshots, as it does. Pure.

use crate::model::units::ByteSize;
use crate::model::{DatasetName, ShortName};
use crate::terminal::table::{Cell, Columns, Tone};

/// Snapshots of one dataset that went, or would go.
#[derive(Clone, Copy, Debug)]
pub struct Gone<'a> {
    /// The dataset.
    pub dataset: &'a DatasetName,
    /// They, in the order in which they were taken.
    pub names: &'a [ShortName],
    /// How many snapshots of ours it had.
    pub own: usize,
    /// What that frees, where it was asked.
    pub frees: Option<u64>,
}

/// Makes lines of what goes.
#[derive(Debug)]
pub struct GoneLines {
    columns: Columns,
    check: bool,
    color: bool,
}

const COUNT: &str = "999 of 999 snapshots";

impl GoneLines {
    /// For these datasets.
    #[must_use]
    pub fn new<'n>(datasets: impl Iterator<Item = &'n DatasetName>, check: bool, color: bool) -> Self {
        let mut columns = Columns::default();
        columns.widen(0, word(check).len());
        datasets.for_each(|name| columns.widen(1, name.as_str().chars().count()));
        columns.widen(2, COUNT.len());
        columns.widen(3, if check { "frees 1023 MiB".len() } else { 0 });
        Self { columns, check, color }
    }

    /// The line of one.
    #[must_use]
    pub fn line(&self, gone: &Gone<'_>) -> String {
        let Gone { dataset, names, own, frees } = gone;
        let which = match names {
            [] => String::new(),
            [one] => format!("@{one}"),
            [first, .., last] => format!("@{first} to @{last}"),
        };
        let frees = frees.map(|bytes| format!("frees {:>8}", ByteSize(bytes).to_string())).unwrap_or_default();
        let row = [
            Cell::new(word(self.check), Tone::Warning),
            Cell::from(dataset.as_str()),
            Cell::from(format!("{} of {own} snapshots", names.len())).right(COUNT.len()),
            Cell::from(frees),
            Cell::from(which),
        ];
        self.columns.line(&row, self.color)
    }
}

fn word(check: bool) -> &'static str {
    if check { "would destroy" } else { "destroyed" }
}

#[cfg(test)]
mod tests {
    use super::{Gone, GoneLines};
    use crate::model::{DatasetName, ShortName};

    #[test]
    fn a_line_for_each_dataset_that_loses_snapshots() {
        let datasets = ["tank", "tank/home"].map(|name| name.parse::<DatasetName>().unwrap());
        let names: Vec<ShortName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
        let lines = GoneLines::new(datasets.iter(), true, false);
        let of = |at: usize, names, frees| lines.line(&Gone { dataset: &datasets[at], names, own: 25, frees });
        assert_eq!(
            of(0, &names, Some(3 << 19)),
            "would destroy  tank          3 of 25 snapshots  frees  1.5 MiB  @a to @c"
        );
        assert_eq!(of(1, &names[..1], None), "would destroy  tank/home     1 of 25 snapshots                  @a");
        let lines = GoneLines::new(datasets.iter(), false, false);
        let gone = Gone { dataset: &datasets[0], names: &names, own: 3, frees: None };
        assert_eq!(lines.line(&gone), "destroyed  tank           3 of 3 snapshots  @a to @c");
    }
}
