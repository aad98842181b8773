//! Two streams side by side: what only one of them has, and what is not the same. Pure.

use crate::stream::content::{CHUNK, Item, Part, Place};
use serde::Serialize;

/// So many differences are told; after that nothing more is read.
pub const MOST: usize = 10;

/// A place where the two are not alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The number of the object: of a file or directory its inode.
    pub object: u64,
    /// What differs: `data`, `attributes`, or of a raw stream `codes` of objects that are stored together.
    pub what: &'static str,
    /// Of data, from where on; it lies within the next 16 MiB.
    pub offset: Option<u64>,
    /// Which side has something there: `both`, `source` or `target`.
    pub on: &'static str,
}

/// Which streams go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Both.
    Both,
    /// That of the source: the target has nothing there.
    Source,
    /// That of the target.
    Target,
    /// Neither: both have ended.
    End,
}

/// What was compared so far.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Bytes, of the side that has more of them.
    pub bytes: u64,
    /// Parts of objects.
    pub parts: u64,
    /// The first places that are not alike.
    pub differences: Vec<Difference>,
    /// The last place up to which all was alike.
    pub alike_to: Option<Place>,
}

impl Comparison {
    /// Compares what both have next.
    pub fn step(&mut self, source: Option<&Item>, target: Option<&Item>) -> Advance {
        let (advance, on) = match (source, target) {
            (None, None) => return Advance::End,
            (Some(source), Some(target)) if source.place == target.place => (Advance::Both, "both"),
            (Some(source), Some(target)) if source.place < target.place => (Advance::Source, "source"),
            (Some(_), None) => (Advance::Source, "source"),
            (_, Some(_)) => (Advance::Target, "target"),
        };
        let first = if advance == Advance::Target { target } else { source };
        let Some(item) = first else { return Advance::End };
        let is_alike = advance == Advance::Both && target.is_some_and(|target| target.digest == item.digest);
        let other = if advance == Advance::Both { target.map_or(0, |target| target.bytes) } else { 0 };
        self.bytes += item.bytes.max(other);
        self.parts += 1;
        if !is_alike {
            self.differences.push(difference(item.place, on));
        } else if self.differences.is_empty() && item.place.part != Part::Range {
            // Codes have the number of an object that there may not be.
            self.alike_to = Some(item.place);
        }
        advance
    }

    /// True where there is enough to tell.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.differences.len() >= MOST
    }
}

fn difference(place: Place, on: &'static str) -> Difference {
    let (what, offset) = match place.part {
        Part::Data(chunk) => ("data", Some(chunk.saturating_mul(CHUNK))),
        Part::Attributes | Part::Spill => ("attributes", None),
        Part::Range => ("codes", None),
    };
    Difference { object: place.object, what, offset, on }
}

/// The place as object and offset, where a stream can begin again.
#[must_use]
pub fn resumable(place: Place) -> (u64, u64) {
    match place.part {
        Part::Data(chunk) => (place.object, chunk.saturating_mul(CHUNK)),
        Part::Attributes | Part::Spill | Part::Range => (place.object.max(1), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Advance, Comparison, resumable};
    use crate::stream::content::{CHUNK, Item, Part, Place};

    fn item(object: u64, part: Part, digest: u8) -> Item {
        Item { place: Place { object, part }, digest: [digest; 32], bytes: 10 }
    }

    fn compared(source: &[Item], target: &[Item]) -> Comparison {
        let (mut source, mut target) = (source.iter().peekable(), target.iter().peekable());
        let mut comparison = Comparison::default();
        loop {
            let advance = comparison.step(source.peek().copied(), target.peek().copied());
            match advance {
                Advance::End => return comparison,
                Advance::Both => drop((source.next(), target.next())),
                Advance::Source => drop(source.next()),
                Advance::Target => drop(target.next()),
            }
        }
    }

    #[test]
    fn all_that_is_not_alike_is_found_and_where_it_was_still() {
        let all = [item(1, Part::Attributes, 1), item(1, Part::Data(0), 2), item(2, Part::Attributes, 3)];
        let same = compared(&all, &all);
        assert_eq!((same.parts, same.bytes, same.differences.len()), (3, 30, 0));
        assert_eq!(same.alike_to.map(resumable), Some((2, 0)));
        let told = |source: &[Item], target: &[Item]| {
            let found = compared(source, target);
            let told: Vec<_> = found.differences.iter().map(|d| (d.object, d.what, d.offset, d.on)).collect();
            (told, found.alike_to.map(resumable))
        };
        let mut other = all;
        other[1].digest = [9; 32];
        assert_eq!(told(&all, &other), (vec![(1, "data", Some(0), "both")], Some((1, 0))));
        assert_eq!(told(&all, &all[..2]), (vec![(2, "attributes", None, "source")], Some((1, 0))));
        assert_eq!(told(&all[1..], &all), (vec![(1, "attributes", None, "target")], None));
        let far = [item(1, Part::Data(3), 1)];
        let third = (1, "data", Some(3 * CHUNK));
        assert_eq!(told(&far, &[]).0, [(third.0, third.1, third.2, "source")]);
        assert_eq!(told(&far, &far).1, Some((1, 3 * CHUNK)));
        let codes = [item(32, Part::Range, 1)];
        assert_eq!(told(&codes, &codes), (vec![], None));
    }
}
