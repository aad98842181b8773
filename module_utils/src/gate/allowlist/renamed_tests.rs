//! Renames of replicas whose sources were renamed.

use super::{Condition, Denied, Mode, Rules};
use crate::exec::cmd::login_shell_prefix;
use crate::model::code::Coded;

fn rules(mode: Mode, allow_rollback: bool) -> Rules {
    let datasets = vec!["tank/data".parse().unwrap()];
    Rules { mode, datasets, allow_rollback, allow_delete: None, allow_rename: false, raw_only: false }
}

fn permit(rules: &Rules, words: &str) -> Result<Condition, Denied> {
    super::permit(rules, &format!("{}{words}", login_shell_prefix())).map(|permit| permit.condition)
}

#[test]
fn replicas_follow_only_through_a_gate_that_allows_it() {
    let allowing = Rules { allow_rename: true, ..rules(Mode::Receive, false) };
    let (beside, to_place) =
        ("tank/data/b/y_ferro_arriving", "zfs rename -u tank/data/b/y_ferro_arriving tank/data/b/y");
    for words in [format!("zfs rename -u tank/data/a/x {beside}"), format!("zfs rename tank/data/a/x {beside}")] {
        assert!(permit(&allowing, &words).is_ok(), "{words}");
        for rollback in [false, true] {
            let denied = permit(&rules(Mode::Receive, rollback), &words).unwrap_err();
            assert_eq!(denied.code.code(), "allow_rename_missing", "{words}");
        }
        assert!(permit(&rules(Mode::Send, false), &words).is_err(), "{words}");
    }
    assert!(permit(&allowing, to_place).is_ok());
    for words in [
        "zfs rename -u tank/data/a/x tank/data/b/y",
        "zfs rename -u tank/other/x tank/data/y_ferro_arriving",
        "zfs rename -u tank/data/x tank/other/y_ferro_arriving",
        "zfs rename -u tank/data tank/data/y_ferro_arriving",
        "zfs rename -u tank/data/x tank/data_ferro_arriving",
        "zfs rename -f tank/data/x tank/data/y_ferro_arriving",
        "zfs rename -r tank/data@x tank/data@y_ferro_arriving",
    ] {
        assert!(permit(&allowing, words).is_err(), "{words}");
    }
}
