//! How a list of replicas looks. Pure.

use super::{Replica, Role, Taken};
use crate::model::units::ByteSize;
use crate::status::ages::span;
use crate::terminal::look::Look;
use crate::terminal::table::{Cell, Columns, Table, Tone, many};

/// The columns, in the order in which they are left out where a terminal has no room: the last of them first.
const HEADING: [&str; 7] = ["dataset", "from", "snapshots", "newest", "oldest", "used", "state"];

/// All of it, a line for each dataset, with a last line that sums up.
#[must_use]
pub fn text(replicas: &[Replica], look: Look) -> String {
    let rows: Vec<Vec<Cell>> = replicas.iter().map(|replica| row(replica, true)).collect();
    let table = if fits(&rows, look) { rows } else { replicas.iter().map(|replica| row(replica, false)).collect() };
    let heading: Vec<Cell> = HEADING.iter().map(|title| Cell::new(title, Tone::Title)).collect();
    let rows: Vec<&Vec<Cell>> = std::iter::once(&heading).chain(&table).collect();
    format!("{}\n{}\n", Table(&rows).shown(look.color), closing(replicas))
}

fn fits(rows: &[Vec<Cell>], look: Look) -> bool {
    // The table is indented by two.
    look.width.is_none_or(|width| Columns::of(rows).width() + 2 <= width)
}

/// With the newest snapshot's name, or only its age.
fn row(replica: &Replica, with_name: bool) -> Vec<Cell> {
    let from = match (&replica.source, &replica.source_guid) {
        (Some(source), _) => source.clone(),
        (None, Some(guid)) => format!("guid {guid}"),
        (None, None) => "-".to_owned(),
    };
    let age = |taken: &Taken| taken.age.map_or_else(|| "?".to_owned(), span);
    let newest = replica.newest.as_ref().map_or_else(
        || "-".to_owned(),
        |newest| if with_name { format!("{} @{}", age(newest), newest.name) } else { age(newest) },
    );
    vec![
        Cell::from(replica.dataset.as_str()),
        Cell::from(from),
        Cell::from(replica.snapshots.to_string()),
        Cell::from(newest),
        Cell::from(replica.oldest.as_ref().map_or_else(|| "-".to_owned(), age)),
        Cell::from(replica.used.map_or_else(|| "?".to_owned(), |used| ByteSize(used).to_string())),
        state(replica),
    ]
}

/// What it is, and what is to be known before it is read or fed again.
fn state(replica: &Replica) -> Cell {
    let mut words: Vec<String> = Vec::new();
    words.extend(match replica.role {
        Role::Replica => None,
        Role::Placeholder => Some("placeholder".to_owned()),
        Role::SetAside => Some("set aside".to_owned()),
        Role::Arriving => Some("arriving".to_owned()),
        Role::Unmarked => Some("not marked as a replica".to_owned()),
    });
    words.extend(replica.key_loaded.map(|loaded| {
        let key = if loaded { "key loaded" } else { "key not loaded" };
        format!("encrypted, {key}")
    }));
    let mut tone = Tone::Plain;
    if replica.partial {
        words.push("partial receive".to_owned());
        tone = Tone::Warning;
    }
    if replica.written > 0 && replica.role == Role::Replica && replica.snapshots > 0 {
        words.push(format!("{} written since", ByteSize(replica.written)));
        tone = Tone::Warning;
    }
    Cell::new(&words.join(", "), tone)
}

fn closing(replicas: &[Replica]) -> String {
    let of = |role: Role| replicas.iter().filter(|replica| replica.role == role).count();
    let partial = replicas.iter().filter(|replica| replica.partial).count();
    let counts = [
        (of(Role::Placeholder), "placeholder"),
        (of(Role::Unmarked), "without a mark"),
        (of(Role::SetAside), "set aside"),
        (of(Role::Arriving), "arriving"),
        (partial, "with a partial receive"),
    ];
    let mut parts = vec![many(of(Role::Replica), "replica")];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| match *what {
        "placeholder" => many(*count, what),
        _ => format!("{count} {what}"),
    }));
    parts.push(many(replicas.iter().map(|replica| replica.snapshots).sum(), "snapshot"));
    // The first has all that lies below it.
    parts.extend(replicas.first().and_then(|first| first.used).map(|used| ByteSize(used).to_string()));
    parts.join(", ")
}
