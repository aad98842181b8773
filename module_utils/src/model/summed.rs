//! Warnings by what they say: one for each cause, however many it is about. Pure.

use std::fmt::Display;

/// Warnings, and which datasets, snapshots or bookmarks each is about.
#[derive(Clone, Debug, Default)]
pub struct Summed(Vec<(String, Vec<String>)>);

impl Summed {
    /// Says something that is about nothing in particular.
    pub fn add(&mut self, text: impl Into<String>) {
        self.0.push((text.into(), Vec::new()));
    }

    /// Says something about `name`.
    pub fn about(&mut self, name: impl Display, text: impl Into<String>) {
        let (name, text) = (name.to_string(), text.into());
        match self.0.iter_mut().find(|(other, names)| *other == text && !names.is_empty()) {
            Some((_, names)) => names.push(name),
            None => self.0.push((text, vec![name])),
        }
    }

    /// A line for each: `tank/a does not exist`, or `tank/a, tank/b, tank/c and 147 more: does not exist`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(text, names): &(String, Vec<String>)| match names.as_slice() {
            [] => text.clone(),
            [name] => format!("{name} {text}"),
            names => format!("{}: {text}", first(names)),
        };
        self.0.iter().map(line).collect()
    }
}

/// The first few of many names, and how many more there are.
#[must_use]
pub fn first<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 3;
    let all = names.iter().take(SHOWN).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{all} and {} more", names.len() - SHOWN) } else { all }
}

#[cfg(test)]
mod tests {
    use super::Summed;

    #[test]
    fn one_line_for_each_cause() {
        let mut warnings = Summed::default();
        warnings.add("the pool is old");
        for number in 0..150 {
            warnings.about(format!("tank/{number}"), "does not exist");
        }
        warnings.about("tank/x", "was destroyed meanwhile");
        assert_eq!(
            warnings.lines(),
            [
                "the pool is old",
                "tank/0, tank/1, tank/2 and 147 more: does not exist",
                "tank/x was destroyed meanwhile"
            ]
        );
    }
}
