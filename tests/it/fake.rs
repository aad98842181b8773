//! A `zfs` and a `zpool` that print what they are told and write down what they are asked.

#![allow(dead_code, reason = "not every test program needs all of it")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The time at which all runs are, unless a test says otherwise.
pub const NOW: &str = "2026-06-15T10:20:30Z";

/// [`NOW`] in seconds since 1970.
pub fn now() -> i64 {
    NOW.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// Lists what is in the file `list`, adds what is taken, removes what is destroyed. A file `on_snapshot`, `on_question`, `on_program` or
/// `on_destroy` is run before.
const ZFS: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 9
printf '%s\n' "$*" >>log
verb=$1
shift
case "$verb $*" in
'get -H -o name,source '*)
  [ ! -e no_get ] || { echo "cannot get properties: I/O error" >&2; exit 1; }
  shift 4
  for name; do for mark in replica placeholder; do
    if grep -qxF "$mark $name" marks; then echo "$name	inherited from x"; else echo "$name	-"; fi
  done; done ;;
'get -Hp -o name,value guid '*)
  shift 4
  for name; do
    if cut -f1 list | grep -qxF "$name"; then echo "$name	1"; else echo "cannot open '$name': dataset does not exist" >&2; exit=1; fi
  done
  exit ${exit:-0} ;;
'list '*' -r '*' name '*) cut -f1 list ;;
'list '*' name,written '*) sed '/@/d; /#/d; s/\t.*/\t0/' list ;;
'list '*' -r '*) cat list ;;
'list '*)
  read -r created <creation
  [ ! -e on_question ] || . ./on_question
  cut -f1 list >there
  printf '%s\n' "$@" | grep -F @ | grep -xFf there | while read -r name; do
    held=0; if grep -qxF "$name" held; then held=1; fi; echo "$name	$held	$created"
  done | case $5 in name,userrefs) cut -f1,2 ;; name,creation) cut -f1,3 ;; *) cat ;; esac ;;
'snapshot '*)
  [ ! -e on_snapshot ] || . ./on_snapshot
  for name; do printf '%s\t9999\t0\n' "$name" >>list; done ;;
'destroy -nvp '*) printf 'destroy\tx\nreclaim\t1000\n' ;;
'program '*)
  cat >program
  [ ! -e no_program ] || exit 1
  [ ! -e on_program ] || . ./on_program
  shift 4
  printf '%s\n' "$@" >gone
  cut -f1 list | grep -xFf - -v gone | sed 's/.*/"&":2/' | paste -sd, >failed
  cut -f1 list | grep -nxFf gone | sed 's/:.*/d/' >drop
  sed -i -f drop list
  echo "{\"return\":{$(cat failed)}}" ;;
'destroy '*)
  [ ! -e on_destroy ] || . ./on_destroy
  for last; do :; done
  dataset=${last%%@*}
  cut -f1 list | grep -qxF "$dataset" || { echo "cannot open '$dataset': dataset does not exist" >&2; exit 1; }
  echo "${last#*@}" | tr , '\n' | while read -r name; do printf '%s\n' "$dataset@$name"; done >gone
  cut -f1 list | grep -nxFf gone | sed 's/:.*/d/' >drop
  sed -i -f drop list ;;
esac
"#;

const ZPOOL: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 9
printf 'zpool %s\n' "$*" >>log
cat guid
"#;

/// A folder with the two programs in it, and what they are told.
pub struct Fake {
    folder: TempDir,
}

impl Fake {
    /// `list` holds lines of `name createtxg numclones`, parted by blanks.
    pub fn new(list: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let fake = Self { folder };
        for (name, script) in [("zfs", ZFS), ("zpool", ZPOOL)] {
            fake.write(name, script);
            fs::set_permissions(fake.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let rows: Vec<String> =
            list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join("\t")).collect();
        fake.write("list", &(rows.join("\n") + "\n"));
        for (name, text) in [("held", ""), ("marks", ""), ("creation", "0\n"), ("guid", "4711\n")] {
            fake.write(name, text);
        }
        fake
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub fn output(&self, binary: &str, flags: &[&str], args: &Value) -> Output {
        self.write("args.json", &args.to_string());
        let _ = fs::remove_file(self.path().join("log"));
        Command::new(binary)
            .args(flags)
            .arg(self.path().join("args.json"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.path().display()))
            .env("XDG_RUNTIME_DIR", self.path())
            .env("STATE_DIRECTORY", self.path().join("state"))
            .env("TZ", "UTC0")
            .env("FERRO_NOW", NOW)
            .output()
            .unwrap()
    }

    pub fn run(&self, binary: &str, args: &Value) -> Value {
        let output = self.output(binary, &[], args);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.success(), result.get("failed").is_none());
        result
    }

    /// The commands of the last run, by verb.
    pub fn commands(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub fn verbs(&self) -> Vec<String> {
        self.commands().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    pub fn datasets_left(&self) -> Vec<String> {
        let list = fs::read_to_string(self.path().join("list")).unwrap();
        list.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }
}
