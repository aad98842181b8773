//! What a person sees at a terminal, which `script` stands for.

use super::host::Host;

const REPLICATE: &str = env!("CARGO_BIN_EXE_zfs_replicate");

/// All that the terminal gets, of that width and kind.
fn typed(host: &Host, width: u16, term: &str, no_color: &str, options: &str) -> String {
    let line = format!("stty cols {width}; exec {REPLICATE} {options}");
    let run = host.program(&["script", "-qec", &line, "/dev/null"]).env("TERM", term).env("NO_COLOR", no_color);
    run.ended().stdout.replace("\r\n", "\n")
}

fn host() -> Host {
    Host::new("tank @1\n tank/a @1 @2\n tank/b\n vault")
}

#[test]
fn a_bar_gives_way_to_what_was_done() {
    let seen = typed(&host(), 200, "xterm", "1", "tank vault --no-bookmarks");
    let parts: Vec<&str> = seen.split("\u{1b}[J").collect();
    assert!(parts.len() >= 2, "{seen:?}");
    assert!(parts[0].starts_with('[') && parts[0].contains(" %  ") && parts[0].contains("0 of 2 datasets"), "{seen:?}");
    assert!(parts[0].lines().nth(1).is_some_and(|lane| lane.ends_with("  tank@1\r\u{1b}[1A")), "{seen:?}");
    let rest = parts[1..].join("\n");
    let lines: Vec<&str> = rest.lines().filter(|line| line.starts_with(['*', 'd'])).collect();
    assert_eq!(lines.len(), 4, "{seen:?}");
    assert!(
        lines[0].starts_with("* sent          tank    -> vault/tank    @1  full            1 snapshot"),
        "{seen:?}"
    );
    assert!(lines[2].starts_with("* no snapshots  tank/b  -> vault/tank/b"), "{seen:?}");
    assert!(lines[3].starts_with("done: 3 datasets: 2 sent, 1 without snapshots; 3 snapshots, "), "{seen:?}");
}

#[test]
fn colours_are_left_out_on_request_and_where_there_are_none() {
    let check = "-n tank vault --no-bookmarks";
    let colored = typed(&host(), 200, "xterm", "", check);
    assert!(colored.contains("* \u{1b}[32mwould send  \u{1b}[0m  tank    -> vault/tank"), "{colored:?}");
    assert!(colored.contains("\n\u{1b}[32mcheck:\u{1b}[0m 3 datasets"), "{colored:?}");
    let plain = typed(&host(), 200, "xterm", "1", check);
    let dumb = typed(&host(), 200, "dumb", "", check);
    assert!(!plain.contains('\u{1b}') && plain == dumb, "{plain:?} {dumb:?}");
    // For real a dumb one has no bar either.
    let dumb = typed(&host(), 80, "dumb", "", "tank vault --no-bookmarks");
    assert!(dumb.starts_with("* sent          tank -> vault/tank\n                @1  full "), "{dumb:?}");
    assert!(!dumb.contains('\u{1b}'), "{dumb:?}");
}
