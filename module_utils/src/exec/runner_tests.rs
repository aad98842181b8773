//! Commands that say too much, nothing, or what they should not.

use super::{Attempt, Failure, Runner};
use crate::exec::cmd::Cmd;
use crate::exec::limits::Expect;
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::code::Coded;
use std::time::{Duration, Instant};

fn sh(script: &str) -> Cmd {
    Cmd::new("sh").args(["-c", script])
}

fn failure(runner: &Runner, script: &str, expect: Expect) -> Failure {
    runner.expect(Attempt { stage: "list", host: &Host::Local, cmd: &sh(script) }, expect).unwrap_err()
}

#[test]
fn output_is_kept_and_the_command_remembered() {
    let runner = Runner::default();
    let output = runner.output(&sh("echo out; echo err >&2; exit 3")).unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.status.code()), ("out\n", "err", Some(3)));
    assert_eq!(runner.commands(), ["sh -c 'echo out; echo err >&2; exit 3'"]);
}

#[test]
fn more_than_a_pipe_holds_is_no_deadlock() {
    let runner = Runner::default();
    let output = runner.output(&sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"));
    assert_eq!(output.unwrap().stdout.len(), 300_000);
}

#[test]
fn a_background_process_that_keeps_the_pipe_open_does_not_hold_us_up() {
    let started = Instant::now();
    let output = Runner::default().output(&sh("sleep 20 & echo done")).unwrap();
    assert_eq!(output.stdout, "done\n");
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn endless_output_is_one_failure_that_names_the_limit() {
    for (script, limit) in [
        ("exec yes", "20000 lines"),
        ("exec cat /dev/zero", "1.0 MiB"),
        ("exec cat /dev/zero >&2", "256 MiB"),
        // It ended, and it was too much all the same.
        ("head -c 2000000 /dev/zero", "1.0 MiB"),
    ] {
        let failure = failure(&Runner::default(), script, Expect::Answer);
        assert_eq!(
            failure.to_string(),
            format!("list failed: `sh -c '{script}'`: it printed more than {limit}, which is the limit")
        );
        assert!(!failure.cause.is_transient());
    }
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn silence_is_given_up_and_whoever_ignores_that_is_killed() {
    let runner = Runner::with_silence(Duration::from_millis(300));
    for script in ["exec sleep 300", "trap '' TERM; sleep 300", "exec 1>&- 2>&-; exec sleep 300"] {
        let failure = failure(&runner, script, Expect::Listing);
        assert_eq!((failure.cause, failure.stderr.as_str()), (Cause::NoAnswer, "no answer for 0.3s"));
    }
    // What talks, and what changes something, may take longer.
    let attempt = |script: &str, expect| {
        runner
            .expect(Attempt { stage: "list", host: &Host::Local, cmd: &sh(script) }, expect)
            .map(|output| output.stdout)
    };
    assert_eq!(attempt("for i in 1 2 3 4 5; do echo $i; sleep 0.1; done", Expect::Answer).unwrap(), "1\n2\n3\n4\n5\n");
    assert_eq!(attempt("sleep 0.7", Expect::Change).unwrap(), "");
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn what_is_cleaned_up_is_not_waited_for_forever() {
    let started = Instant::now();
    Runner::default().clean_up(&[
        sh("exec sleep 300"),
        sh("trap '' TERM; sleep 300"),
        sh("head -c 300000 /dev/zero >&2"),
    ]);
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn lines_of_another_host_are_marked_in_a_message() {
    let script =
        "printf 'no\\r\\n\\033[2Kok: [nas] => tank -> vault: up to date\\n\\302\\2331;31mred\\007\\n' >&2; exit 1";
    let failure = failure(&Runner::default(), script, Expect::Answer);
    assert_eq!(failure.stderr, "no\n?[2Kok: [nas] => tank -> vault: up to date\n?1;31mred?");
    assert!(failure.to_string().ends_with(": no\n  | ?[2Kok: [nas] => tank -> vault: up to date\n  | ?1;31mred?"));
}

#[test]
fn cleaning_up_is_done_whatever_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("done");
    let script = format!("echo warning >&2; sleep 0.1; echo warning >&2; echo > {}", file.display());
    Runner::default().clean_up(&[Cmd::new("sh").args(["-c", &script])]);
    assert!(file.exists());
}

#[test]
fn a_program_that_is_missing_is_named() {
    let runner = Runner::default();
    for (program, cause) in [("no-such-program", Cause::ProgramMissing), ("zfs", Cause::ZfsMissing)] {
        let cmd = Cmd::new(program).with_only_path("/nowhere");
        let failure = runner.run(Attempt { stage: "list", host: &Host::Local, cmd: &cmd }).unwrap_err();
        assert_eq!((failure.cause, failure.code()), (cause, cause.code()));
        assert!(failure.stderr.starts_with(&format!("{program} is not installed or not in PATH")), "{failure}");
    }
}
