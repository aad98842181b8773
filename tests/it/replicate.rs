//! zfs_replicate as a whole program: what it prints, what it runs, what is there then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

#[path = "replicate/chosen.rs"]
mod chosen;
#[path = "replicate/codes.rs"]
mod codes;
#[path = "replicate/command_line.rs"]
mod command_line;
#[path = "replicate/course.rs"]
mod course;
#[path = "replicate/deleted.rs"]
mod deleted;
#[path = "replicate/failures.rs"]
mod failures;
#[path = "replicate/hooks.rs"]
mod hooks;
mod host;
#[path = "replicate/in_the_way.rs"]
mod in_the_way;
#[path = "replicate/interrupted.rs"]
mod interrupted;
#[path = "replicate/list.rs"]
mod list;
#[path = "replicate/many.rs"]
mod many;
#[path = "replicate/over_ssh.rs"]
mod over_ssh;
#[path = "replicate/placeholders.rs"]
mod placeholders;
#[path = "replicate/renamed.rs"]
mod renamed;
#[path = "replicate/terminal.rs"]
mod terminal;

use host::{Host, Run};
use serde_json::{Value, json};

/// Sends `tank` below `vault`, if `options` do not say otherwise.
fn replicate(host: &Host, options: Value) -> Run<'_> {
    let mut args =
        json!({"source": ["tank"], "target": "vault", "retries": 0, "retry_delay": 0, "lock": host.path("run.lock")});
    let Value::Object(options) = options else { panic!("options are an object") };
    args.as_object_mut().unwrap().extend(options);
    host.run(env!("CARGO_BIN_EXE_zfs_replicate"), args)
}

/// Without bookmarks, which only lengthen a transcript.
fn plainly(host: &Host, mut options: Value) -> Run<'_> {
    options["bookmarks"] = json!(false);
    replicate(host, options)
}
