use super::{Hook, HookOptions, HookReport, Hooks, OnFailure, Phase};
use crate::exec::failure::Failure;
use crate::exec::runner::Runner;
use crate::model::units::Span;
use std::process::Command;
use std::time::{Duration, Instant};

fn sh(script: &str) -> Hook {
    let before = ["/bin/sh", "-c", script, "hook"].map(str::to_owned).to_vec();
    HookOptions { before, ..HookOptions::default() }.hooks().unwrap().before.unwrap()
}

fn run(hook: &Hook) -> (HookReport, Option<Failure>) {
    let env = [("DATASET", "tank/my data"), ("SNAPSHOTS", "a\nb")];
    hook.run(Some("tank/my data"), &env, &Runner::default(), &|_| ())
}

#[test]
fn options_are_checked() {
    let hooks = |before: &[&str], after: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        HookOptions { before: words(before), after: words(after), ..HookOptions::default() }.hooks()
    };
    assert_eq!(hooks(&["/bin/true"], &[]).unwrap().planned(None).count(), 1);
    assert!(hooks(&[], &[]).unwrap().is_empty());
    assert_eq!(hooks(&["true"], &[]).unwrap_err(), "before: \"true\" is no full path, and no shell looks for it");
    assert_eq!(hooks(&[], &["/bin/x", "a\0"]).unwrap_err(), "after: there is a NUL in it");
    let hasty = HookOptions { timeout: Span::seconds(0), ..HookOptions::default() };
    assert!(hasty.hooks().unwrap_err().starts_with("timeout: "));
    assert_eq!(Hooks::default().on_failure, OnFailure::Fail);
}

#[test]
fn no_shell_reads_a_hook_and_it_knows_what_it_is_for() {
    let hook = sh(
        "test \"$FERRO_ZFS_PHASE $FERRO_ZFS_DATASET $FERRO_ZFS_SNAPSHOTS\" = 'before tank/my data a\nb' && ! read x",
    );
    let (report, failure) = run(&hook);
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!((report.status, report.phase, report.dataset.as_deref()), ("ok", Phase::Before, Some("tank/my data")));
    let argv = ["/bin/echo", "$HOME; false", "&"].map(str::to_owned).to_vec();
    let hook = HookOptions { after: argv, ..HookOptions::default() }.hooks().unwrap().after.unwrap();
    let (report, failure) = run(&hook);
    assert!(failure.is_none());
    assert_eq!(report.command, "/bin/echo '$HOME; false' '&'");
}

#[test]
fn what_a_failed_hook_printed_is_told_and_bounded() {
    let (report, failure) = run(&sh("echo frozen; echo 'no such table' >&2; exit 3"));
    let failure = failure.unwrap();
    assert_eq!((failure.code(), failure.rc, report.status), ("hook_failed", Some(3), "failed"));
    assert!(failure.to_string().ends_with(" ended with exit status 3: frozen\n  | no such table"), "{failure}");
    assert_eq!(report.error.unwrap(), failure.to_string());
    let (_, failure) = run(&sh("i=0; while [ $i -lt 9000 ]; do echo 0123456789; i=$((i+1)); done; exit 1"));
    assert_eq!(failure.unwrap().stderr.len(), 2000);
    let missing = ["/no/such/hook".to_owned()].to_vec();
    let hook = HookOptions { before: missing, ..HookOptions::default() }.hooks().unwrap().before.unwrap();
    let failure = run(&hook).1.unwrap();
    assert!(failure.stderr.starts_with("it could not be run: No such file"), "{failure}");
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_its_children() {
    // The child ignores what its parent ends by.
    let mut hook = sh("(trap '' TERM; exec sleep 4711.25) & echo waiting; wait");
    hook.timeout = Duration::from_millis(300);
    let started = Instant::now();
    let failure = run(&hook).1.unwrap();
    assert!(started.elapsed() < Duration::from_mins(1));
    assert!(failure.stderr.contains("was ended with all that it started: waiting"), "{failure}");
    assert_eq!((failure.code(), failure.rc), ("hook_failed", None));
    let left = Command::new("pgrep").args(["-f", "sleep 4711[.]25"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn what_a_hook_leaves_running_is_not_waited_for() {
    let started = Instant::now();
    assert!(run(&sh("sleep 30 & echo done")).1.is_none());
    assert!(started.elapsed() < Duration::from_secs(29));
}
