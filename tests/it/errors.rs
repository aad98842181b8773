//! docs/errors.md has a section for each code there is, and each names tests that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use module_utils::ansible::fault::Fault;
use module_utils::delegate::refusal::Refusal as NotGranted;
use module_utils::delegate::vocabulary::Unknown;
use module_utils::exec::stderr::Cause;
use module_utils::gate::denied::Denial;
use module_utils::plan::clones::NoOrigin;
use module_utils::plan::conflict::Conflict;
use module_utils::plan::deleted::Stays;
use module_utils::plan::mapping::Unmapped;
use module_utils::plan::reason::Reasons;
use module_utils::plan::removal::Blocked;
use module_utils::plan::renamed::Stuck;
use module_utils::plan::resume::Useless;
use module_utils::plan::selection::Unselected;
use module_utils::plan::send_flags::Unfit;
use module_utils::policy::refusal::{LeftOut, Refusal};
use module_utils::replicate::refusal::{Obstacle, Unwanted};
use module_utils::replicate::report::Action;
use module_utils::verify::choose::NotComparable;
use module_utils::verify::execute::Differs;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every enum that has codes, by its file below module_utils/src.
const ENUMS: [(&str, &[&str]); 20] = [
    ("ansible/fault.rs Fault", Fault::CODES),
    ("delegate/refusal.rs Refusal", NotGranted::CODES),
    ("delegate/vocabulary.rs Unknown", Unknown::CODES),
    ("exec/cause.rs Cause", Cause::CODES),
    ("gate/denied.rs Denial", Denial::CODES),
    ("plan/clones.rs NoOrigin", NoOrigin::CODES),
    ("plan/conflict.rs Conflict", Conflict::CODES),
    ("plan/deleted.rs Stays", Stays::CODES),
    ("plan/mapping.rs Unmapped", Unmapped::CODES),
    ("plan/removal.rs Blocked", Blocked::CODES),
    ("plan/renamed.rs Stuck", Stuck::CODES),
    ("plan/resume.rs Useless", Useless::CODES),
    ("plan/selection.rs Unselected", Unselected::CODES),
    ("plan/send_flags.rs Unfit", Unfit::CODES),
    ("policy/refusal.rs LeftOut", LeftOut::CODES),
    ("policy/refusal.rs Refusal", Refusal::CODES),
    ("replicate/refusal.rs Obstacle", Obstacle::CODES),
    ("replicate/refusal.rs Unwanted", Unwanted::CODES),
    ("verify/choose.rs NotComparable", NotComparable::CODES),
    ("verify/execute.rs Differs", Differs::CODES),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn codes() -> BTreeSet<String> {
    let of_enums = ENUMS.iter().flat_map(|(_, codes)| codes.iter().copied());
    let all = of_enums.chain(Action::NOTHING.map(Action::word)).map(str::to_owned);
    all.chain(Reasons::all().words()).collect()
}

/// The sections of docs/errors.md by their codes.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    let mut sections = BTreeMap::new();
    for part in page.split("\n### `").skip(1) {
        let (code, rest) = part.split_once("`\n").unwrap();
        let own = rest.split("\n## ").next().unwrap();
        assert!(sections.insert(code, own).is_none(), "{code} has two sections");
    }
    sections
}

/// `file::test`, as a section names them behind `Tested:`.
fn tests(section: &str) -> Vec<(&str, &str)> {
    let named = section.split_once("\nTested: ").map_or("", |(_, named)| named);
    named.split('`').skip(1).step_by(2).map(|name| name.split_once("::").unwrap()).collect()
}

#[test]
fn every_code_has_its_section_and_every_section_its_code() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let (codes, sections) = (codes(), sections(&page));
    let documented: BTreeSet<String> = sections.keys().map(|code| (*code).to_owned()).collect();
    let missing: Vec<_> = codes.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/errors.md has no section for {missing:?}");
    let stale: Vec<_> = documented.difference(&codes).collect();
    assert!(stale.is_empty(), "docs/errors.md has sections for what is no code: {stale:?}");
    for (code, section) in sections {
        let (happened, what_to_do) = section.split_once("\n**Do:** ").unwrap_or_else(|| panic!("{code}: what to do?"));
        assert!(!happened.trim().is_empty(), "{code}: what happened?");
        assert!(!what_to_do.starts_with('\n'), "{code}: what to do?");
    }
}

#[test]
fn every_section_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut wrong = Vec::new();
    for (code, section) in sections(&page) {
        let tests = tests(section);
        if tests.is_empty() {
            wrong.push(format!("{code}: where is it tested?"));
        }
        for (file, name) in tests {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            if !["fn", "def"].iter().any(|keyword| text.contains(&format!("{keyword} {name}("))) {
                wrong.push(format!("{code}: {file} has no test {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_enum_with_codes_is_forgotten() {
    let source = root().join("module_utils/src");
    let mut found = BTreeSet::new();
    for file in files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&source).unwrap().to_str().unwrap();
        for named in text.split("\ncodes! {\n    ").skip(1) {
            found.insert(format!("{name} {}", named.split(' ').next().unwrap()));
        }
    }
    assert_eq!(found, ENUMS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
