//! A host with tests/fleet/fake_zfs for its `zfs`, on which whole programs are run: each run is
//! compared as a whole, with all that it printed, all commands that it ran, and all that is
//! different then. Where the program changed on purpose, tests/it/accept.py puts what it does now
//! into the tests, to be read in `git diff`.

#![allow(dead_code, reason = "not every test program needs all of it")]

mod server;
mod state;
mod transcript;

use serde_json::{Map, Value, json};
pub use state::now;
use state::{NOW, pool};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use transcript::{in_order, steady, without_seconds};

/// Stands for `ssh`: the destination is the name of a folder beside it. What is in its file `down`
/// is all that it says then; what is in its file `gate` is run for each command.
const SSH: &str = r#"#!/bin/sh
here=${0%/*}
for word; do destination=$command command=$word; done
far=$here/hosts/${destination#*@}
if [ -s "$far/down" ]; then cat "$far/down" >&2; exit 255; fi
if [ -s "$far/gate" ]; then SSH_ORIGINAL_COMMAND=$command exec sh "$far/gate"; fi
PATH=$far:/usr/bin:/bin exec sh -c "$command"
"#;

/// The host, and others that it reaches with `ssh`.
pub struct Host {
    folder: TempDir,
    /// What has a guid, in the order in which it was first named: `a@1` is the snapshot 1 of a
    /// dataset whose last name is `a`, on whatever side.
    known: RefCell<Vec<String>>,
    txg: Cell<u64>,
}

/// A program that is about to be run.
pub struct Run<'h> {
    host: &'h Host,
    argv: Vec<String>,
    /// Options of a module, which come in a file.
    args: Option<Value>,
    env: Vec<(&'static str, String)>,
    stdin: Vec<u8>,
    faults: BTreeMap<String, Vec<Value>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Ended {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
    pub commands: Vec<String>,
}

impl Host {
    /// One dataset on each line: its name, its properties, and from oldest to newest its snapshots
    /// `@NAME` and bookmarks `#NAME`, with `=NAME` where they are what has another name elsewhere,
    /// `+BYTES` where something was written for them, `^TXG` where their place in history matters, and
    /// `(TAG)` where they are held.
    pub fn new(datasets: &str) -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap(), known: RefCell::default(), txg: Cell::new(10) };
        fs::write(host.path("log"), "").unwrap();
        host.install("", datasets, "uid=0(root) gid=0(root) groups=0(root)");
        script(&host.path("ssh"), SSH);
        host
    }

    /// Another host, which is reached by this name, as a user who is not root.
    pub fn reaches(self, name: &str, datasets: &str) -> Self {
        self.install(&format!("hosts/{name}"), datasets, "uid=1000(backup) gid=1000(backup) groups=1000(backup)");
        symlink(self.path("log"), self.path(&format!("hosts/{name}/log"))).unwrap();
        fs::write(self.path(&format!("hosts/{name}/name")), name).unwrap();
        self
    }

    fn install(&self, host: &str, datasets: &str, id: &str) {
        let folder = self.path(host);
        fs::create_dir_all(&folder).unwrap();
        for name in ["zfs", "zpool"] {
            script(&folder.join(name), &server::launcher(&folder));
        }
        let help = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/allow/2.3.9/help.txt");
        fs::copy(help, folder.join("allow-help")).unwrap();
        script(&folder.join("id"), &format!("#!/bin/sh\necho '{id}'\n"));
        let datasets = self.datasets(datasets);
        let pools = datasets.as_object().unwrap().iter().filter(|(name, _)| !name.contains('/'));
        let pools: Map<_, _> = pools.map(|(name, dataset)| (name.clone(), pool(&dataset["guid"]))).collect();
        let state = json!({"pools": pools, "datasets": datasets, "txg": 5000, "next_guid": 7000, "now": now()});
        fs::write(folder.join("state.json"), state.to_string()).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The commands of the last run, by verb.
    pub fn verbs(&self) -> Vec<String> {
        self.log().lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    /// A command of somebody else, meanwhile.
    pub fn zfs(&self, command: &str) {
        self.zfs_of("", command);
    }

    pub fn zfs_of(&self, host: &str, command: &str) {
        let _ = self.said_by(host, command);
    }

    /// What it prints.
    pub fn zfs_says(&self, command: &str) -> String {
        self.said_by("", command)
    }

    fn said_by(&self, host: &str, command: &str) -> String {
        let folder = if host.is_empty() { self.path("") } else { self.path("hosts").join(host) };
        let output = Command::new(folder.join("zfs")).args(command.split(' ')).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn steady(&self, text: &str) -> String {
        steady(text, self.folder.path())
    }

    /// A module with these options.
    pub fn run(&self, module: &str, args: Value) -> Run<'_> {
        Run { args: Some(args), ..self.program(&[module, "--text"]) }
    }

    /// A module with these options and nothing else, that nobody watches.
    pub fn run_quietly(&self, module: &str, args: Value) -> Run<'_> {
        Run { args: Some(args), ..self.program(&[module, "--quiet"]) }
    }

    /// Any program.
    pub fn program(&self, argv: &[&str]) -> Run<'_> {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Run { host: self, argv, args: None, env: Vec::new(), stdin: Vec::new(), faults: BTreeMap::new() }
    }

    /// The same where the fake is in /usr/local/sbin, for who looks only where the system has its
    /// programs.
    pub fn in_its_place(&self, argv: &[&str]) -> Run<'_> {
        self.program(&[&within(self.folder.path()).split('|').collect::<Vec<_>>(), argv].concat())
    }

    /// What `zfs send` prints.
    pub fn stream(&self, of: &str) -> Vec<u8> {
        Command::new(self.path("zfs")).args(["send", of]).output().unwrap().stdout
    }
}

/// The beginning of a command line, parted by `|`, of which the rest has this folder for
/// /usr/local/sbin.
pub fn within(folder: &Path) -> String {
    format!(
        "unshare|--map-root-user|--mount|sh|-c|mount --bind \"$0\" /usr/local/sbin && exec \"$@\"|{}",
        folder.display()
    )
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Run<'_> {
    pub fn flag(mut self, flag: &str) -> Self {
        self.argv.push(flag.to_owned());
        self
    }

    /// In place of what the environment has otherwise.
    pub fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// What ssh hands over.
    pub fn asked(self, line: &str) -> Self {
        self.env("SSH_ORIGINAL_COMMAND", line)
    }

    pub fn stdin(mut self, stdin: Vec<u8>) -> Self {
        self.stdin = stdin;
        self
    }

    pub fn check(self) -> Self {
        self.flag("--check")
    }

    /// The commands that fit the pattern say this and fail.
    pub fn fails(self, command: &str, says: &str) -> Self {
        self.fault("", json!({"command": command, "says": says}))
    }

    /// As the fake's `Fault` has it, on this host or on one that it reaches.
    pub fn fault(mut self, host: &str, fault: Value) -> Self {
        let host = if host.is_empty() { String::new() } else { format!("hosts/{host}") };
        self.faults.entry(host).or_default().push(fault);
        self
    }

    fn set_faults(&self, are_set: bool) {
        for (host, faults) in &self.faults {
            let path = self.host.path(host).join("state.json");
            let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            state["faults"] = if are_set { json!(faults) } else { json!([]) };
            fs::write(&path, state.to_string()).unwrap();
        }
    }

    fn command(&self) -> Command {
        let host = self.host;
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]);
        if let Some(args) = &self.args {
            fs::write(host.path("args.json"), args.to_string()).unwrap();
            command.arg(host.path("args.json"));
        }
        fs::write(host.path("stdin"), &self.stdin).unwrap();
        command
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", host.folder.path().display()))
            .env("XDG_RUNTIME_DIR", host.folder.path())
            .env("STATE_DIRECTORY", host.path("state"))
            .env("TZ", "UTC0")
            .env("FERRO_NOW", NOW)
            .env("FERRO_KSTAT", host.path("kstat"))
            .stdin(fs::File::open(host.path("stdin")).unwrap())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Without the option that modules have.
    pub fn without_text(mut self) -> Self {
        self.argv.retain(|word| word != "--text");
        self
    }

    /// Starts it. What goes wrong then does so for good.
    pub fn spawn(mut self) -> Child {
        self.argv.retain(|word| word != "--text");
        fs::write(self.host.path("log"), "").unwrap();
        self.set_faults(true);
        self.command().stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it, without looking at what comes of it.
    pub fn ended(&self) -> Ended {
        let host = self.host;
        fs::write(host.path("log"), "").unwrap();
        self.set_faults(true);
        let output: Output = self.command().output().unwrap();
        self.set_faults(false);
        let text = |bytes: &[u8]| host.steady(&String::from_utf8_lossy(bytes));
        let log = host.steady(&fs::read_to_string(host.path("log")).unwrap());
        Ended {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            status: output.status.code().unwrap_or(-1),
            commands: in_order(log.lines().map(str::to_owned).collect()),
        }
    }

    /// The result for programs, without what time it took.
    pub fn result(mut self) -> Value {
        self.argv.retain(|word| word != "--text");
        let ended = self.ended();
        assert_eq!(ended.stderr, "");
        let mut result: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(ended.status == 0, result.get("failed").is_none());
        without_seconds(&mut result);
        result
    }

    /// Runs it and compares a transcript of all of it: what it prints, on standard error after `!`;
    /// its exit status where it is not 0; the commands, after `$`; datasets that are not what they
    /// were, after `=`, or `-` where they are gone.
    #[track_caller]
    pub fn is(self, expected: &str) {
        let before = self.host.lines();
        let ended = self.ended();
        let after = self.host.lines();
        let mut all: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
        all.extend(ended.stderr.lines().map(|line| format!("! {line}")));
        all.extend((ended.status != 0).then(|| format!("exit {}", ended.status)));
        all.extend(ended.commands.iter().map(|line| format!("$ {line}")));
        let new = after.iter().filter(|line| !before.contains(line));
        all.extend(new.map(|line| format!("= {}", self.host.steady(line))));
        let name =
            |line: &String| line.split(' ').take(if line.contains(": ") { 2 } else { 1 }).collect::<Vec<_>>().join(" ");
        let gone = before.iter().map(name).filter(|old| !after.iter().any(|line| name(line) == *old));
        all.extend(gone.map(|line| format!("- {line}")));
        let trimmed =
            |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        let (seen, expected) = (trimmed(&all.join("\n")), trimmed(expected));
        if let Some(path) = std::env::var_os("FERRO_ACCEPT") {
            let at = std::panic::Location::caller();
            let text = json!({"file": at.file(), "line": at.line(), "column": at.column(), "seen": seen}).to_string();
            let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            return file.write_all(format!("{text}\n").as_bytes()).unwrap();
        }
        assert!(seen == expected, "\n--- expected\n{expected}\n--- seen\n{seen}\n---");
    }
}
