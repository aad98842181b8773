"""zfs_replicate on real ZFS: what arrives, what is left alone, what is said."""

import json
import subprocess
import time

from zfs_hosts import Hosts

LOCAL = {"source": ["tank"], "target": "vault"}


def two_pools(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")


def test_local_first_and_incremental(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; echo 1 > /tank/a/f; zfs snapshot -r tank@s1; echo 2 > /tank/a/f; zfs snapshot -r tank@s2")
    first = hosts.replicated("source", **LOCAL)
    assert {name: (r["action"], r["status"], r["snapshots"]) for name, r in first.items()} == {
        "tank": ("full", "ok", 2),
        "tank/a": ("full", "ok", 2),
    }
    assert first["tank/a"]["target"] == "vault/tank/a"
    assert [(step["kind"], step["from"], step["to"]) for step in first["tank/a"]["steps"]] == [
        ("full", None, "s1"),
        ("incremental", "@s1", "s2"),
    ]
    assert hosts.guids("source", "vault/tank/a") == hosts.guids("source", "tank/a")

    assert {r["action"] for r in hosts.replicated("source", **LOCAL).values()} == {"up_to_date"}
    assert hosts.replicate("source", **LOCAL)["changed"] is False

    hosts.sh("source", "zfs create tank/b; echo 3 > /tank/a/f; zfs snapshot -r tank@s3; echo 4 > /tank/a/f; zfs snapshot -r tank@s4")
    third = hosts.replicated("source", **LOCAL)
    assert {name: r["action"] for name, r in third.items()} == {"tank": "incremental", "tank/a": "incremental", "tank/b": "full"}
    assert third["tank/a"]["steps"] == [{"from": "@s2", "to": "s4", "kind": "intermediates", "bytes_estimated": None}]
    for dataset in ("tank", "tank/a", "tank/b"):
        assert hosts.guids("source", f"vault/{dataset}") == hosts.guids("source", dataset)
    assert hosts.checksum("source", "vault/tank/a@s3") == hosts.checksum("source", "tank/a@s3")


def test_a_replica_is_readonly_and_never_mounted(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/b; zfs create -V 8M tank/a/vol; zfs snapshot -r tank@s")
    reports = hosts.replicated("source", source="tank/a", target="vault")
    assert set(reports) == {"tank/a", "tank/a/b", "tank/a/vol"}
    assert hosts.sh("source", "zfs get -H -r -t filesystem -o name,property,value canmount,readonly,mounted vault/tank").split("\n")[:-1] == [
        f"vault/tank{child}\t{row}"
        for child, rows in (
            ("", ("canmount\toff", "readonly\toff", "mounted\tno")),
            ("/a", ("canmount\toff", "readonly\ton", "mounted\tno")),
            ("/a/b", ("canmount\toff", "readonly\ton", "mounted\tno")),
        )
        for row in rows
    ]
    assert hosts.sh("source", "zfs get -H -o value readonly vault/tank/a/vol") == "on\n"


def test_pull_then_push_raw_keeps_the_secret(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.pool("offsite", "far")
    hosts.sh(
        "source",
        "echo 'a long password' > /run/key; zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key tank/secret;"
        "zfs create tank/secret/deep; zfs create tank/open; echo hush > /tank/secret/f; echo deep > /tank/secret/deep/f; echo hello > /tank/open/f;"
        "zfs snapshot -r tank@s1",
    )
    pull = {"source_host": "root@source", "source": "tank", "target": "vault"}
    push = {"target_host": "root@offsite", "source": "vault/tank", "strip_prefix": "vault", "target": "far"}
    assert {r["action"] for r in hosts.replicated("backup", **pull).values()} == {"full"}
    assert {r["action"] for r in hosts.replicated("backup", **push).values()} == {"full"}
    hosts.sh("source", "echo more >> /tank/secret/f; zfs snapshot -r tank@s2")
    assert {r["action"] for r in hosts.replicated("backup", **pull).values()} == {"incremental"}
    assert {r["action"] for r in hosts.replicated("backup", **push).values()} == {"incremental"}
    for dataset in ("tank", "tank/secret", "tank/secret/deep", "tank/open"):
        assert hosts.guids("offsite", f"far/{dataset}") == hosts.guids("source", dataset)
    status = "zfs get -H -o value keystatus,encryption {}"
    assert hosts.sh("offsite", status.format("far/tank/secret")) == "unavailable\naes-256-gcm\n"
    assert hosts.sh("offsite", status.format("far/tank/open")) == "-\noff\n"
    assert hosts.checksum("offsite", "far/tank/open@s2") == hosts.checksum("source", "tank/open@s2")
    secret = hosts.checksum("offsite", "far/tank/secret@s2", key="'a long password'")
    assert secret == hosts.checksum("source", "tank/secret@s2")


def test_relayed_between_two_remote_hosts(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("offsite", "far")
    hosts.sh("source", "zfs snapshot tank@s")
    reports = hosts.replicated("backup", source="tank", source_host="root@source", target="far", target_host="root@offsite")
    assert reports["tank"]["action"] == "full"
    assert hosts.guids("offsite", "far/tank") == hosts.guids("source", "tank")


def test_check_mode_plans_the_same_and_does_nothing(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs snapshot -r tank@s1; zfs snapshot -r tank@s2; zfs snapshot -r tank@s3")
    before = hosts.sh("source", "zfs list -H -t all -o name")
    checked = hosts.replicate("source", **LOCAL, _ansible_check_mode=True, _ansible_verbosity=3)
    assert checked["changed"] is True
    assert {report["status"] for report in checked["datasets"]} == {"planned"}
    assert all(step["bytes_estimated"] > 0 for report in checked["datasets"] for step in report["steps"])
    assert hosts.sh("source", "zfs list -H -t all -o name") == before
    verbs = {" ".join(command.split()[:3]) for command in checked["commands"]}
    assert verbs == {"zfs list -Hp", "zfs send -nvP", "zpool get -H"}

    done = hosts.replicated("source", **LOCAL)
    for planned in checked["datasets"]:
        real = done[planned["source"]]
        assert [(s["kind"], s["from"], s["to"]) for s in planned["steps"]] == [(s["kind"], s["from"], s["to"]) for s in real["steps"]]
        assert (planned["action"], planned["snapshots"], planned["to"]) == (real["action"], real["snapshots"], real["to"])
    assert hosts.replicate("source", **LOCAL, _ansible_check_mode=True)["changed"] is False


def test_diff_mode_shows_the_newest_snapshots(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs snapshot -r tank@s1")
    assert "diff" not in hosts.replicate("source", **LOCAL)
    hosts.sh("source", "zfs create tank/b; zfs snapshot -r tank@s2")
    for check_mode in (True, False):
        diff = hosts.replicate("source", **LOCAL, _ansible_diff=True, _ansible_check_mode=check_mode)["diff"]
        assert diff["before"] == "vault/tank@s1\nvault/tank/a@s1\n"
        assert diff["after"] == "vault/tank@s2\nvault/tank/a@s2\nvault/tank/b@s2\n"


def test_commands_do_not_grow_with_datasets_that_need_nothing(hosts: Hosts) -> None:
    two_pools(hosts)
    counts = []
    for number in (1, 12):
        hosts.sh("source", f"for i in $(seq {number}); do zfs create -p tank/d{number}/$i; done; zfs snapshot -r tank@s{number}")
        first = hosts.replicate("source", **LOCAL, _ansible_verbosity=3)
        again = hosts.replicate("source", **LOCAL, _ansible_verbosity=3)
        assert again["changed"] is False
        counts.append((len(first["commands"]), len(again["commands"])))
    # Nothing to do: two listings a side (an empty target has no snapshots to list). Something: one
    # more for the parents of what is missing; one for what the target's pool can take; one for four
    # bookmarks, for eight more, for the rest; for each dataset the two ends of the stream; one
    # question for all whether they arrived; one for the end of all older bookmarks, where there are
    # any.
    assert counts == [(3 + 1 + 1 + 1 + 2 * 3 + 1, 4), (4 + 1 + 1 + 3 + 2 * 16 + 1 + 1, 4)]


def test_which_snapshots(hosts: Hosts) -> None:
    two_pools(hosts)
    for name in ("daily_1", "hourly_1", "hourly_2", "daily_2", "hourly_3"):
        hosts.sh("source", f"echo {name} > /tank/f; zfs snapshot tank@{name}")
    hosts.replicated("source", **LOCAL, snapshots={"include": ["daily_*"]})
    assert list(hosts.guids("source", "vault/tank")) == ["daily_1", "daily_2"]
    # Not sent, yet good enough as a base.
    hosts.replicated("source", **LOCAL, snapshots={"exclude": ["daily_*"]})
    assert list(hosts.guids("source", "vault/tank")) == ["daily_1", "daily_2", "hourly_3"]

    hosts.sh("source", "zfs create vault/latest; zfs create vault/few")
    hosts.replicated("source", source="tank", target="vault/latest", initial="latest")
    assert list(hosts.guids("source", "vault/latest/tank")) == ["hourly_3"]
    hosts.sh("source", "zfs snapshot tank@x1; zfs snapshot tank@x2")
    hosts.replicated("source", source="tank", target="vault/latest", intermediates=False)
    assert list(hosts.guids("source", "vault/latest/tank")) == ["hourly_3", "x2"]


def test_exclude_leaves_out_a_dataset_and_all_below(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/tmp/x; zfs create tank/ab; zfs snapshot -r tank@s")
    assert set(hosts.replicated("source", **LOCAL, exclude=["tank/*/tmp"])) == {"tank", "tank/a", "tank/ab"}
    assert set(hosts.replicated("source", source="tank/a", target="vault", recursive=False)) == {"tank/a"}


def test_a_parent_that_comes_later_takes_the_place_of_its_stand_in(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/b; echo child > /tank/a/b/f; zfs snapshot tank/a/b@s1")
    reports = hosts.replicated("source", source="tank/a", target="vault")
    assert (reports["tank/a"]["action"], reports["tank/a/b"]["action"]) == ("no_snapshots", "full")
    hosts.sh("source", "echo parent > /tank/a/f; zfs snapshot -r tank/a@s2")
    reports = hosts.replicated("source", source="tank/a", target="vault")
    assert (reports["tank/a"]["action"], reports["tank/a/b"]["action"]) == ("full", "incremental")
    assert hosts.guids("source", "vault/tank/a/b") == hosts.guids("source", "tank/a/b")
    assert hosts.checksum("source", "vault/tank/a@s2") == hosts.checksum("source", "tank/a@s2")


def test_names_with_every_legal_character(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    name = "tank/it's".replace("'", "") + " a-b_c.d:e/-x"
    hosts.sh("source", f"zfs create -p '{name}'; zfs snapshot '{name}@one two:3.4_5-6'")
    reports = hosts.replicated("backup", source_host="root@source", source=[name], target="vault")
    assert reports[name]["to"] == "one two:3.4_5-6"
    assert hosts.guids("backup", f"vault/{name}") == hosts.guids("source", name)


def test_a_pruned_base_lives_on_as_bookmark(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "echo 1 > /tank/f; zfs snapshot tank@s1")
    hosts.replicated("source", **LOCAL)
    bookmarks = "zfs list -H -t bookmark -o name -r tank | wc -l"
    assert hosts.sh("source", bookmarks) == "1\n"
    hosts.sh("source", "zfs destroy tank@s1; echo 2 > /tank/f; zfs snapshot tank@s2; zfs snapshot tank@s3")
    report = hosts.replicated("source", **LOCAL)["tank"]
    assert report["action"] == "incremental"
    assert [step["kind"] for step in report["steps"]] == ["incremental", "incremental"]
    assert report["from"].startswith("#ferro_")
    assert list(hosts.guids("source", "vault/tank")) == ["s1", "s2", "s3"]
    assert hosts.sh("source", bookmarks) == "1\n"


def test_renamed_and_recreated_snapshots_are_told_apart(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs snapshot tank@a; zfs snapshot tank@b")
    hosts.replicated("source", **LOCAL)
    hosts.sh("source", "zfs rename tank@b tank@renamed; zfs snapshot tank@c")
    assert hosts.replicated("source", **LOCAL)["tank"]["from"] == "@renamed"
    hosts.sh("source", "echo new > /tank/f; zfs destroy tank@c; zfs snapshot tank@c; zfs snapshot vault/tank@own")
    result = hosts.replicate("source", **LOCAL)
    # The bookmark of the destroyed @c is the newest common version: only the reused name is in the
    # way.
    assert "already has another snapshot named @c" in result["msg"]


def test_conflicts_name_both_sides_and_touch_nothing(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs create tank/b; zfs create tank/c; zfs create tank/d; zfs snapshot -r tank@s1")
    hosts.replicated("source", **LOCAL)
    hosts.sh(
        "source",
        "echo 1 > /tank/a/f; zfs snapshot -r tank@s2;"
        "zfs set readonly=off canmount=on vault/tank/a; zfs mount vault/tank/a; echo local > /vault/tank/a/g; zfs snapshot vault/tank/a@local;"
        "zfs set readonly=off canmount=on vault/tank/b; zfs mount vault/tank/b; echo local > /vault/tank/b/g; sync;"
        "zfs destroy -r vault/tank/c; zfs create vault/tank/c; zfs snapshot vault/tank/c@other;"
        "zfs umount vault/tank/a; zfs umount vault/tank/b; zpool sync vault",
    )
    before = hosts.sh("source", "zfs list -Hp -t all -o name,guid -r vault")
    result = hosts.replicate("source", **LOCAL)
    reports = {report["source"]: report for report in result["datasets"]}
    assert {name: report["status"] for name, report in reports.items()} == {
        "tank": "ok",
        "tank/a": "failed",
        "tank/b": "failed",
        "tank/c": "failed",
        "tank/d": "ok",
    }
    assert {name: report["error"]["code"] for name, report in reports.items() if "error" in report} == {
        "tank/a": "diverged",
        "tank/b": "target_modified",
        "tank/c": "no_common_snapshot",
    }
    assert reports["tank/a"]["error"]["conflict"] == {"common": "@s1", "target_only": ["@local"], "source_only": ["@s2"]}
    assert reports["tank/c"]["error"]["conflict"] == {"source_only": ["@s1", "@s2"], "target_only": ["@other"]}
    assert "newest common snapshot is @s1, after it the target alone has @local and the source alone has @s2" in result["msg"]
    assert "tank/b -> vault/tank/b: the target was written to" in result["msg"]
    assert "source has @s1, @s2; target has @other" in result["msg"]
    after = hosts.sh("source", "zfs list -Hp -t all -o name,guid -r vault")
    arrived = {line.split("\t")[0] for line in set(after.splitlines()) - set(before.splitlines())}
    assert arrived == {"vault/tank@s2", "vault/tank/d@s2"}


def test_a_target_with_a_life_of_its_own_is_not_overwritten(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create vault/tank; echo precious > /vault/tank/f; zfs snapshot tank@s")
    result = hosts.replicate("source", **LOCAL)
    assert "the target exists, has no snapshots and was not made by this module" in result["msg"]
    assert hosts.sh("source", "cat /vault/tank/f") == "precious\n"


def test_what_somebody_makes_below_a_stand_in_is_not_overwritten(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/b; zfs snapshot tank/a/b@s1")
    hosts.replicated("source", source="tank/a", target="vault")
    # It inherits the placeholder's mark.
    hosts.sh("source", "zfs create -o mountpoint=/own vault/tank/a/mine; echo precious > /own/f; zfs create tank/a/mine; zfs snapshot tank/a/mine@s1")
    result = hosts.replicate("source", source="tank/a", target="vault")
    assert "the target exists, has no snapshots and was not made by this module" in result["msg"]
    assert hosts.sh("source", "cat /own/f") == "precious\n"


def test_raw_and_plain_are_not_mixed(hosts: Hosts) -> None:
    two_pools(hosts)
    create = "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
    hosts.sh("source", f"echo 'a long password' > /run/key; {create} tank/e; {create} vault/e; zfs create vault/raw; zfs snapshot -r tank@s1")
    raw = {"source": "tank/e", "target": "vault/raw", "strip_prefix": "tank"}
    plain = {"source": "tank/e", "target": "vault/e", "raw": "never"}
    hosts.replicated("source", **raw)
    hosts.replicated("source", **plain, require_encrypted_target=True)
    hosts.sh("source", "echo x > /tank/e/f; zfs snapshot -r tank@s2")
    for args, code, said in ((raw | {"raw": "never"}, "plain_onto_raw", "received raw"), (plain | {"raw": "auto"}, "raw_onto_plain", "received plain")):
        result = hosts.replicate("source", **args)
        assert [report["error"]["code"] for report in result["datasets"]] == [code], result
        assert said in result["msg"]
    hosts.replicated("source", **raw)
    hosts.replicated("source", **plain)
    result = hosts.replicate("source", source="tank/e", target="vault", raw="never", require_encrypted_target=True)
    assert "it would land unencrypted" in result["msg"]


def test_progress_is_told_while_it_runs(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "head -c 40M /dev/urandom > /tank/f; zfs snapshot tank@s")
    args = json.dumps({**LOCAL, "bandwidth_limit": "5M", "progress_file": "/run/progress"})
    running = hosts.lab.popen("source", f"echo '{args}' | zfs_replicate -", stdout=subprocess.PIPE, text=True)
    states = []
    while running.poll() is None:
        text = hosts.sh("source", "cat /run/progress 2>/dev/null || true")
        states += [json.loads(text)] if text.strip() not in ("", "{}") else []
        time.sleep(0.2)
    result = json.loads(running.communicate()[0])
    last = states[-1]
    assert (last["dataset"], last["to"]) == ("tank", "s")
    assert 0 <= states[0]["bytes"] < last["bytes"] <= result["summary"]["bytes"]
    assert abs(last["bytes_estimated"] - result["summary"]["bytes"]) < 4_000_000
    assert 0 < last["rate"] < 7_000_000
    # What remains is told once the rate is known, after five seconds of eight.
    assert states[0]["eta"] is None and any(state["eta"] is not None for state in states)
    assert hosts.sh("source", "ls /run/progress* 2>/dev/null || true") == ""
    # A person at a terminal sees a bar that changes, and then what was done.
    hosts.sh("source", "zpool destroy vault; rm /big/vault.img")
    hosts.pool("source", "vault")
    args = json.dumps({**LOCAL, "bandwidth_limit": "16M"})
    typed = hosts.sh("source", f"echo '{args}' > /run/args; TERM=xterm NO_COLOR=1 script -qec 'zfs_replicate --text /run/args' /dev/null < /dev/null")
    assert typed.count("\x1b[J") >= 2 and "MiB/s" in typed and "[##" in typed and " %  " in typed, typed
    last = typed.split("\x1b[J")[-1].splitlines()
    assert last[0].startswith("* sent          tank  -> vault/tank  @s  full ") and last[1].startswith("done: 1 dataset: 1 sent; 1 snapshot, "), last


def test_text_mode_speaks_to_people(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs snapshot tank@s")
    args = json.dumps(LOCAL)
    run = lambda flags: hosts.lab.run("source", f"zfs_replicate {flags} -", check=False, input=args)  # noqa: E731
    planned = run("--text --check")
    assert planned.stdout.startswith("* would send    tank  -> vault/tank  @s  full ")
    assert run("--text").stdout.startswith("* sent          tank  -> vault/tank  @s  full ")
    debug = run("--text --debug").stdout
    assert debug.startswith("* up to date    tank  -> vault/tank  @s\n") and "  $ zfs list -Hp" in debug
    quiet = run("--quiet")
    assert (quiet.stdout, quiet.stderr, quiet.returncode) == ("", "", 0)
    hosts.sh("source", "zpool destroy vault")
    failed = run("--quiet")
    assert (failed.stdout, failed.returncode) == ("", 1)
    assert failed.stderr == "error: preflight failed: pool vault is not imported there, or there is none of this name. Import it first: zpool import vault\n"
