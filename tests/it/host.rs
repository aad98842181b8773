//! A host with tests/fleet/fake_zfs for its `zfs`, on which whole programs are run: each run is compared as a whole, with all that it
//! printed, all commands that it ran, and all that is different then.
//! Where the program changed on purpose, tests/it/accept.py puts what it does now into the tests, to be read in `git diff`.

#![allow(dead_code, reason = "not every test program needs all of it")]

mod transcript;

use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use transcript::{in_order, steady, without_seconds};

/// Stands for `ssh`: the destination is the name of a folder beside it. What is in its file `down` is all that it says
/// then; what is in its file `gate` is run for each command.
const SSH: &str = r#"#!/bin/sh
here=${0%/*}
for word; do destination=$command command=$word; done
far=$here/hosts/${destination#*@}
if [ -s "$far/down" ]; then cat "$far/down" >&2; exit 255; fi
if [ -s "$far/gate" ]; then SSH_ORIGINAL_COMMAND=$command exec sh "$far/gate"; fi
PATH=$far:/usr/bin:/bin exec sh -c "$command"
"#;

/// Starts the fake, which Python has compiled once and for all then: a test runs it some twenty times.
const LAUNCHER: &str = concat!(
    "#!/usr/bin/python3 -IS\nimport sys\nsys.path.insert(0, 'FOLDER')\nsys.pycache_prefix = '",
    env!("CARGO_TARGET_TMPDIR"),
    "'\nfrom fake_zfs.program import start\nstart()\n"
);

/// Fields of a dataset in the fake's state; everything else is a property.
const FIELDS: [&str; 4] = ["type", "written", "origin", "keystatus"];

/// The host, and others that it reaches with `ssh`.
pub struct Host {
    folder: TempDir,
    /// What has a guid, in the order in which it was first named: `a@1` is the snapshot 1 of a dataset whose last name is `a`, on whatever side.
    known: RefCell<Vec<String>>,
    txg: Cell<u64>,
}

/// A program that is about to be run.
pub struct Run<'h> {
    host: &'h Host,
    argv: Vec<String>,
    /// Options of a module, which come in a file.
    args: Option<Value>,
    line: Option<String>,
    stdin: Vec<u8>,
    faults: BTreeMap<String, Vec<Value>>,
}

/// What came of it.
pub struct Ended {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
    pub commands: Vec<String>,
}

impl Host {
    /// One dataset on each line: its name, its properties, and from oldest to newest its snapshots `@NAME` and bookmarks `#NAME`, with `=NAME` where
    /// they are what has another name elsewhere, `+BYTES` where something was written for them, and `(TAG)` where they are held.
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
        let launcher = LAUNCHER.replace("FOLDER", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet"));
        for name in ["zfs", "zpool"] {
            script(&folder.join(name), &launcher);
        }
        let help = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/allow/2.3.9/help.txt");
        fs::copy(help, folder.join("allow-help")).unwrap();
        script(&folder.join("id"), &format!("#!/bin/sh\necho '{id}'\n"));
        let datasets = self.datasets(datasets);
        let pools = datasets.as_object().unwrap().iter().filter(|(name, _)| !name.contains('/'));
        let pools: Map<_, _> = pools.map(|(name, dataset)| (name.clone(), pool(&dataset["guid"]))).collect();
        let state = json!({"pools": pools, "datasets": datasets, "txg": 5000, "next_guid": 7000});
        fs::write(folder.join("state.json"), state.to_string()).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn guid(&self, what: String) -> u64 {
        let mut known = self.known.borrow_mut();
        let place = known.iter().position(|other| *other == what).unwrap_or_else(|| {
            known.push(what);
            known.len() - 1
        });
        100 + place as u64
    }

    fn txg(&self) -> u64 {
        self.txg.set(self.txg.get() + 1);
        self.txg.get()
    }

    fn datasets(&self, text: &str) -> Value {
        let mut all = Map::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let pool = name.split('/').next().unwrap();
            if pool != name && !all.contains_key(pool) {
                all.extend(self.datasets(pool).as_object().unwrap().clone());
            }
            let mut dataset = json!({"guid": self.guid(name.to_owned()), "txg": self.txg(), "creation": ten_days_ago(), "properties": {}, "versions": [], "grants": {}});
            for word in words {
                match word.split_once('=') {
                    _ if word.starts_with(['@', '#']) => {
                        let version = self.version(name, word);
                        dataset["versions"].as_array_mut().unwrap().push(version);
                    }
                    Some((field, value)) if FIELDS.contains(&field) => dataset[field] = json!(value),
                    Some((property, value)) => dataset["properties"][property] = json!(value),
                    None => panic!("{word} in {line}"),
                }
            }
            all.insert(name.to_owned(), dataset);
        }
        all.into()
    }

    fn version(&self, dataset: &str, word: &str) -> Value {
        let (word, holds) = word.strip_suffix(')').and_then(|word| word.split_once('(')).unwrap_or((word, ""));
        let (word, written) = word.split_once('+').unwrap_or((word, "0"));
        let (name, same) = word.split_once('=').unwrap_or((word, &word[1..]));
        let guid = self.guid(format!("{}@{same}", last(dataset)));
        let holds: Vec<&str> = holds.split(',').filter(|tag| !tag.is_empty()).collect();
        json!({"name": name, "guid": guid, "txg": self.txg(), "creation": ten_days_ago(), "holds": holds, "written": written})
    }

    /// Lines as [`Self::new`] takes them, of all hosts.
    fn lines(&self) -> Vec<String> {
        let mut lines = self.lines_of("");
        for host in fs::read_dir(self.path("hosts")).into_iter().flatten() {
            let name = host.unwrap().file_name().into_string().unwrap();
            lines.extend(self.lines_of(&format!("hosts/{name}")).iter().map(|line| format!("{name}: {line}")));
        }
        lines
    }

    fn lines_of(&self, host: &str) -> Vec<String> {
        let state: Value =
            serde_json::from_str(&fs::read_to_string(self.path(host).join("state.json")).unwrap()).unwrap();
        let mut lines: Vec<String> = Vec::new();
        for (name, dataset) in state["datasets"].as_object().unwrap() {
            let mut words = vec![name.clone()];
            let fields = FIELDS.iter().filter_map(|field| Some(format!("{field}={}", dataset.get(*field)?.as_str()?)));
            words.extend(fields);
            words
                .extend(dataset.get("partial").map(|partial| format!("partial={}", partial["name"].as_str().unwrap())));
            let properties = dataset["properties"].as_object().unwrap().iter();
            words.extend(properties.map(|(property, value)| format!("{property}={}", value.as_str().unwrap())));
            words.extend(dataset["versions"].as_array().unwrap().iter().map(|version| self.shown(name, version)));
            for (kind, holders) in dataset["grants"].as_object().unwrap() {
                let held = |(who, held): (&String, &Value)| {
                    (held != &json!([])).then(|| format!("{kind}:{who}:{held}").replace([' ', '"'], ""))
                };
                words.extend(holders.as_object().unwrap().iter().filter_map(held));
            }
            lines.push(words.join(" "));
        }
        lines.sort();
        lines
    }

    fn shown(&self, dataset: &str, version: &Value) -> String {
        let (name, guid) = (version["name"].as_str().unwrap(), version["guid"].as_u64().unwrap());
        let known = self.known.borrow();
        let same =
            usize::try_from(guid).ok().and_then(|guid| known.get(guid.checked_sub(100)?)).map_or("new", String::as_str);
        let own = format!("{}@{}", last(dataset), &name[1..]);
        let same = if same == own { String::new() } else { format!("={}", last(same).rsplit('@').next().unwrap()) };
        let holds: Vec<&str> = version["holds"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        let holds = if holds.is_empty() { String::new() } else { format!("({})", holds.join(",")) };
        format!("{name}{same}{holds}")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// A command of somebody else, meanwhile.
    pub fn zfs(&self, command: &str) {
        self.zfs_of("", command);
    }

    pub fn zfs_of(&self, host: &str, command: &str) {
        let folder = if host.is_empty() { self.path("") } else { self.path("hosts").join(host) };
        let output = Command::new(folder.join("zfs")).args(command.split(' ')).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn steady(&self, text: &str) -> String {
        steady(text, self.folder.path())
    }

    /// A module with these options.
    pub fn run(&self, module: &str, args: Value) -> Run<'_> {
        Run { args: Some(args), ..self.program(&[module, "--text"]) }
    }

    /// Any program.
    pub fn program(&self, argv: &[&str]) -> Run<'_> {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Run { host: self, argv, args: None, line: None, stdin: Vec::new(), faults: BTreeMap::new() }
    }

    /// The same where the fake is in /usr/local/sbin, for who looks only where the system has its programs.
    pub fn in_its_place(&self, argv: &[&str]) -> Run<'_> {
        self.program(&[&within(self.folder.path()).split('|').collect::<Vec<_>>(), argv].concat())
    }

    /// What `zfs send` prints.
    pub fn stream(&self, of: &str) -> Vec<u8> {
        Command::new(self.path("zfs")).args(["send", of]).output().unwrap().stdout
    }
}

/// The beginning of a command line, parted by `|`, of which the rest has this folder for /usr/local/sbin.
pub fn within(folder: &Path) -> String {
    format!(
        "unshare|--map-root-user|--mount|sh|-c|mount --bind \"$0\" /usr/local/sbin && exec \"$@\"|{}",
        folder.display()
    )
}

fn last(dataset: &str) -> &str {
    dataset.rsplit('/').next().unwrap_or(dataset)
}

/// The properties of a pool.
fn pool(guid: &Value) -> Value {
    let mut all = json!({"guid": guid.to_string(), "health": "ONLINE"});
    for name in ["large_blocks", "lz4_compress", "zstd_compress", "embedded_data", "encryption", "extensible_dataset"] {
        all[format!("feature@{name}")] = json!("enabled");
    }
    all
}

/// The time at which all runs are.
const NOW: &str = "2026-06-15T10:20:30Z";

/// Before [`NOW`], in seconds since 1970.
fn ten_days_ago() -> i64 {
    NOW.parse::<jiff::Timestamp>().unwrap().as_second() - 10 * 24 * 3600
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

    /// What ssh hands over.
    pub fn asked(mut self, line: &str) -> Self {
        self.line = Some(line.to_owned());
        self
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

    /// Runs it, without looking at what comes of it.
    pub fn ended(&self) -> Ended {
        let host = self.host;
        fs::write(host.path("log"), "").unwrap();
        self.set_faults(true);
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]);
        if let Some(args) = &self.args {
            fs::write(host.path("args.json"), args.to_string()).unwrap();
            command.arg(host.path("args.json"));
        }
        if let Some(line) = &self.line {
            command.env("SSH_ORIGINAL_COMMAND", line);
        }
        fs::write(host.path("stdin"), &self.stdin).unwrap();
        let output: Output = command
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", host.folder.path().display()))
            .env("XDG_RUNTIME_DIR", host.folder.path())
            .env("STATE_DIRECTORY", host.path("state"))
            .env("TZ", "UTC0")
            .env("FERRO_NOW", NOW)
            .stdin(fs::File::open(host.path("stdin")).unwrap())
            .output()
            .unwrap();
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

    /// Runs it and compares a transcript of all of it: what it prints, on standard error after `!`; its exit status where it is not 0; the commands,
    /// after `$`; datasets that are not what they were, after `=`, or `-` where they are gone.
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
