//! zfs_delegate as a whole program: what it prints, what it runs, what is granted then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

mod host;

use host::{Host, Run};
use serde_json::{Value, json};

const USER: &str = "4294900001";

fn delegate(host: &Host, options: Value) -> Run<'_> {
    let mut args = json!({"dataset": ["tank"]});
    let Value::Object(options) = options else { panic!("options are an object") };
    args.as_object_mut().unwrap().extend(options);
    host.run(env!("CARGO_BIN_EXE_zfs_delegate"), args)
}

#[test]
fn granted_once() {
    let host = Host::new("tank");
    let options = json!({"users": [USER], "groups": [USER], "permissions": ["send", "hold"]});
    delegate(&host, options.clone()).check().is("
        * would grant  tank  group 4294900001: hold
        * would grant  tank  group 4294900001: send
        * would grant  tank  user 4294900001: hold
        * would grant  tank  user 4294900001: send
        check: 1 dataset: 1 would change
        $ allow -h
        $ allow tank
    ");
    delegate(&host, options.clone()).is("
        * granted  tank  group 4294900001: hold
        * granted  tank  group 4294900001: send
        * granted  tank  user 4294900001: hold
        * granted  tank  user 4294900001: send
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ allow -u 4294900001 hold,send tank
        $ allow -g 4294900001 hold,send tank
        $ allow tank
        = tank l:user4294900001:[hold,send] l:group4294900001:[hold,send] d:user4294900001:[hold,send] d:group4294900001:[hold,send]
    ");
    delegate(&host, options).is("
        * as wanted  tank
        done: 1 dataset: 1 as wanted
        $ allow -h
        $ allow tank
    ");
}

#[test]
fn flags_are_options() {
    let host = Host::new("tank");
    let delegate = |words: &[&str]| host.program(&[&[env!("CARGO_BIN_EXE_zfs_delegate")], words].concat());
    delegate(&["--dataset", "tank", "--users", USER, "--jobs=prune", "--sets.@look", "send,hold", "--scope=local"]).is(
        "
        * granted  tank  set @look: hold
        * granted  tank  set @look: send
        * granted  tank  user 4294900001: destroy (local)
        * granted  tank  user 4294900001: mount (local)
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ allow -s @look hold,send tank
        $ allow -l -u 4294900001 destroy,mount tank
        $ allow tank
        = tank s:@look:[hold,send] l:user4294900001:[destroy,mount]
    ",
    );
    delegate(&["--dataset", "tank", "--users", USER, "--state", "absnet"]).is(r#"
        ! error: option state: expected one of present, absent, exact, got "absnet"; did you mean absent?
        exit 2
    "#);
    delegate(&["tank", "home"]).is("
        ! zfs_delegate: expected one file with options, got 2: tank home
        ! zfs_delegate --help lists all options
        exit 2
    ");
}

#[test]
fn result_is_whole() {
    let host = Host::new("tank\n tank/a");
    host.zfs(&format!("allow -u {USER} mount tank"));
    let run = delegate(
        &host,
        json!({"dataset": ["tank", "tank/a"], "users": [USER], "jobs": ["prune"], "scope": "local", "_ansible_diff": true}),
    );
    let (local, before) = ("user 4294900001: destroy (local)", "user 4294900001: mount");
    assert_eq!(
        run.result(),
        json!({
            "changed": true,
            "before": {"tank": [before], "tank/a": []},
            "after": {"tank": [local, before], "tank/a": [local, "user 4294900001: mount (local)"]},
            "diff": [
                {
                    "before_header": "zfs allow tank", "before": "user 4294900001: mount\n",
                    "after_header": "zfs allow tank", "after": "user 4294900001: destroy (local)\nuser 4294900001: mount\n",
                },
                {
                    "before_header": "zfs allow tank/a", "before": "",
                    "after_header": "zfs allow tank/a", "after": "user 4294900001: destroy (local)\nuser 4294900001: mount (local)\n",
                },
            ],
            "failures": [],
        })
    );
}

#[test]
fn exact_takes_away_what_else_is_granted() {
    let host = Host::new("tank");
    host.zfs(&format!("allow -u {USER} mount,destroy,send tank"));
    host.zfs("allow -e snapshot tank");
    delegate(&host, json!({"users": [USER], "permissions": ["send", "hold"], "state": "exact"})).is("
        * took     tank  user 4294900001: destroy
        * took     tank  user 4294900001: mount
        * granted  tank  user 4294900001: hold
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ allow -u 4294900001 hold tank
        $ unallow -u 4294900001 destroy,mount tank
        $ allow tank
        = tank l:user4294900001:[hold,send] l:everyone:[snapshot] d:user4294900001:[hold,send] d:everyone:[snapshot]
    ");
}

#[test]
fn absent_takes_all_of_a_scope_away() {
    let host = Host::new("tank");
    host.zfs(&format!("allow -u {USER} send tank"));
    host.zfs(&format!("allow -l -u {USER} hold tank"));
    delegate(&host, json!({"users": [USER], "state": "absent", "scope": "local"})).is("
        * took     tank  user 4294900001: hold (local)
        * took     tank  user 4294900001: send
        * granted  tank  user 4294900001: send (descendents)
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ unallow -l -u 4294900001 hold,send tank
        $ allow tank
        = tank d:user4294900001:[send]
    ");
    delegate(&host, json!({"users": [USER], "state": "absent"})).is("
        * took  tank  user 4294900001: send (descendents)
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ unallow -d -u 4294900001 send tank
        $ allow tank
        = tank
    ");
}

#[test]
fn sets_and_create_time_permissions() {
    let host = Host::new("tank");
    let options = json!({"everyone": true, "permissions": ["@backup"], "sets": {"@backup": ["send", "hold"]}, "create_time": ["destroy"]});
    delegate(&host, options.clone()).is("
        * granted  tank  create time: destroy
        * granted  tank  everyone: @backup
        * granted  tank  set @backup: hold
        * granted  tank  set @backup: send
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ allow -s @backup hold,send tank
        $ allow -c destroy tank
        $ allow -e @backup tank
        $ allow tank
        = tank s:@backup:[hold,send] c:*:[destroy] l:everyone:[@backup] d:everyone:[@backup]
    ");
    delegate(&host, options).is("
        * as wanted  tank
        done: 1 dataset: 1 as wanted
        $ allow -h
        $ allow tank
    ");
    delegate(&host, json!({"sets": {"@backup": []}, "state": "absent"})).is("
        * took  tank  set @backup: hold
        * took  tank  set @backup: send
        done: 1 dataset: 1 changed
        $ allow -h
        $ allow tank
        $ unallow -s @backup hold,send tank
        $ allow tank
        = tank c:*:[destroy] l:everyone:[@backup] d:everyone:[@backup]
    ");
}

#[test]
fn mount_and_destroy_together_are_a_warning() {
    let host = Host::new("tank\n tank/a");
    host.zfs(&format!("allow -u {USER} destroy tank"));
    delegate(&host, json!({"dataset": ["tank/a"], "users": [USER], "permissions": ["mount"]})).is("
        * granted  tank/a  user 4294900001: mount
        done: 1 dataset: 1 changed
        ! warning: user 4294900001 now has both mount and destroy on tank/a, and so may destroy datasets and snapshots. Separate users for separate jobs, or separate datasets, avoid that
        $ allow -h
        $ allow tank/a
        $ allow -u 4294900001 mount tank/a
        $ allow tank/a
        = tank/a l:user4294900001:[mount] d:user4294900001:[mount]
    ");
}

#[test]
fn failure_of_one_dataset_leaves_the_others() {
    let host = Host::new("tank\n tank/b");
    let options = json!({"dataset": ["tank", "tank/a", "tank/b"], "users": [USER], "permissions": ["send"]});
    delegate(&host, options).fails("allow -* tank", "cannot set permissions on 'tank': permission denied").is("
        * failed   tank    delegate: permission_missing
        * failed   tank/a  read permissions: does_not_exist
        * granted  tank/b  user 4294900001: send
        failed: 3 datasets: 1 changed, 2 failed
        ! error: tank: delegate failed: `zfs allow -u 4294900001 send tank` ended with exit status 1: cannot set permissions on 'tank': permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs)
        !   tank/a: read permissions failed: `zfs allow tank/a` ended with exit status 1: cannot open 'tank/a': dataset does not exist (it is not there, or was destroyed meanwhile)
        exit 1
        $ allow -h
        $ allow tank
        $ allow -u 4294900001 send tank
        $ allow tank
        $ allow tank/a
        $ allow tank/b
        $ allow -u 4294900001 send tank/b
        $ allow tank/b
        = tank/b l:user4294900001:[send] d:user4294900001:[send]
    ");
}

#[test]
fn failure_of_what_zfs_takes_and_does_not_do() {
    let host = Host::new("tank");
    let options = json!({"users": [USER], "permissions": ["send"]});
    let undone = json!({"command": "allow -* tank", "late": true, "says": "internal error"});
    delegate(&host, options.clone()).fault("", undone).is("
        * granted  tank  user 4294900001: send
        * failed   tank  delegate: command_failed
        failed: 1 dataset: 1 failed
        ! error: tank: delegate failed: `zfs allow -u 4294900001 send tank` ended with exit status 1: internal error
        exit 1
        $ allow -h
        $ allow tank
        $ allow -u 4294900001 send tank
        $ allow tank
        = tank l:user4294900001:[send] d:user4294900001:[send]
    ");
    let host = Host::new("tank");
    let undone = json!({"command": "allow tank", "skip": 1, "meanwhile": format!("unallow -u {USER} send tank")});
    delegate(&host, options).fault("", undone).is("
        * failed  tank  plan: grants_differ
        failed: 1 dataset: 1 failed
        ! error: tank: zfs took the commands, but what it shows now is not what was asked for:
        exit 1
        $ allow -h
        $ allow tank
        $ allow -u 4294900001 send tank
        $ allow tank
    ");
}

#[test]
fn unknown_names_are_refused_before_anything_is_granted() {
    let host = Host::new("tank");
    delegate(&host, json!({"users": ["rooot"], "permissions": ["send"]})).is(r#"
        ! error: option users: there is no user "rooot" on this host; did you mean "root"?
        exit 2
    "#);
    delegate(&host, json!({"users": [USER], "permissions": ["sned"]})).is(r#"
        * failed  tank  plan: permission_unknown
        failed: 1 dataset: 1 failed
        ! error: tank: option permissions: "sned" is no permission of ZFS; did you mean "send"?
        exit 1
        $ allow -h
        $ allow tank
    "#);
    delegate(&host, json!({"users": [USER], "permissions": ["@none"]})).is(r#"
        * failed  tank  plan: permission_unknown
        failed: 1 dataset: 1 failed
        ! error: tank: option permissions: no set is defined on the dataset or above it that is called "@none"
        exit 1
        $ allow -h
        $ allow tank
    "#);
    delegate(&host, json!({"permissions": ["send"]})).is("
        ! error: permissions and jobs are for somebody: one of users, groups and everyone is needed
        exit 2
    ");
}

#[test]
fn failures_have_codes() {
    let host = Host::new("tank\n tank/a");
    let options = json!({"dataset": ["tank", "tank/a"], "users": [USER], "permissions": ["send"]});
    let result = delegate(&host, options)
        .fails("allow -u * tank/a", "cannot set permissions on 'tank/a': permission denied")
        .result();
    let mut failures = result["failures"].as_array().unwrap().clone();
    assert!(failures[0].as_object_mut().unwrap().shift_remove("caused_by").is_some_and(|advice| advice.is_string()));
    assert_eq!(
        failures,
        [json!({
            "dataset": "tank/a", "stage": "delegate", "code": "permission_missing", "host": "localhost",
            "command": "zfs allow -u 4294900001 send tank/a", "rc": 1,
            "stderr": "cannot set permissions on 'tank/a': permission denied",
        })]
    );
    let unknown = delegate(&host, json!({"users": [USER], "permissions": ["sned"]})).result();
    assert_eq!(unknown["failures"][0]["code"], "permission_unknown");
    let newer = delegate(&host, json!({"users": [USER], "permissions": ["defaultuserquota"]})).result();
    assert_eq!(newer["failures"][0]["code"], "permission_too_new", "{newer}");
    let says = "cannot set permissions on 'tank': operation not applicable to datasets of this type";
    let newer =
        delegate(&host, json!({"users": [USER], "permissions": ["receive:append"]})).fails("allow -u *", says).result();
    assert_eq!(newer["failures"][0]["code"], "permission_too_new", "{newer}");
    assert_eq!(newer["failures"][0]["stderr"], says);
    let wrong = delegate(&host, json!({"users": [USER], "permissions": []})).result();
    assert_eq!(wrong["code"], "invalid_option");
}
