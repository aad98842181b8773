"""zfs_delegate on real ZFS, and what users with just the permissions of a job can do, and cannot."""

import json
import random
from typing import Any

import pytest
from zfs_hosts import Hosts, program

PERMISSIONS = ["bookmark", "compression", "hold", "mount", "receive", "send", "snapshot", "userprop", "@backup"]
WHO = {"users": ["archive", "nohome", "54321", "DOM\\jane doe"], "groups": ["archive", "65432", "domain users"]}
ACCOUNTS = r"""
grep -q jane /etc/passwd || echo 'DOM\jane doe:x:4712:4712::/nonexistent:/bin/false' >> /etc/passwd
grep -q 'domain users' /etc/group || echo 'domain users:x:4713:' >> /etc/group
"""
JOBS = {
    "replicate_source": {"bookmark", "destroy", "hold", "release", "send"},
    "replicate_target": {"canmount", "create", "hold", "mount", "readonly", "receive", "release", "userprop"},
    "snapshot": {"snapshot"},
    "prune": {"destroy", "mount"},
}


@pytest.fixture(autouse=True, scope="module")
def binaries(lab: Any) -> None:
    lab.copy("source", program("zfs_delegate"), "/usr/local/bin/zfs_delegate")
    lab.copy("backup", program("zfs_delegate"), "/usr/local/bin/zfs_delegate")
    lab.run("source", ACCOUNTS)


def delegate(hosts: Hosts, host: str = "source", **args: Any) -> dict[str, Any]:
    done = hosts.lab.run(host, "zfs_delegate -", check=False, input=json.dumps(args))
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def delegated(hosts: Hosts, host: str = "source", **args: Any) -> dict[str, Any]:
    result = delegate(hosts, host, **args)
    assert not result.get("failed"), result["msg"]
    return result


class Model:
    """What ZFS should hold after a task, thought out without the module: {(who, permission): {"local", "descendents"}}."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], set[str]] = {}

    def apply(self, task: dict[str, Any]) -> None:
        scope = {"both": {"local", "descendents"}}.get(task["scope"], {task["scope"]})
        who = [f"user {name}" for name in task["users"]] + [f"group {name}" for name in task["groups"]] + ["everyone"] * task["everyone"]
        for one in who:
            mine = [key for key in self.held if key[0] == one]
            if task["state"] == "exact":
                for key in mine:
                    del self.held[key]
            if task["state"] == "absent":
                for key in mine:
                    if not task["permissions"] or key[1] in task["permissions"]:
                        self.held[key] -= scope
            else:
                for permission in task["permissions"]:
                    self.held.setdefault((one, permission), set()).update(scope)
        self.held = {key: places for key, places in self.held.items() if places}

    def lines(self) -> list[str]:
        place = {frozenset({"local"}): " (local)", frozenset({"descendents"}): " (descendents)"}
        return sorted(f"{who}: {name}{place.get(frozenset(places), '')}" for (who, name), places in self.held.items())


def test_random_grants_come_back_as_they_were_set(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create 'tank/my data'; zfs allow -s @backup send,hold tank; zfs allow -l operator send tank")
    rng = random.Random(2026)
    model = Model()
    some = lambda names, least: sorted(rng.sample(names, rng.randint(least, 3)))  # noqa: E731
    for _ in range(25):
        task = {
            "dataset": "tank/my data",
            "users": some(WHO["users"], 1),
            "groups": some(WHO["groups"], 0),
            "everyone": rng.random() < 0.3,
            "state": rng.choice(["present", "present", "exact", "absent"]),
            "scope": rng.choice(["both", "both", "local", "descendents"]),
        }
        task["permissions"] = some(PERMISSIONS, 0 if task["state"] == "absent" else 1)
        model.apply(task)
        checked = delegated(hosts, **task, _ansible_check_mode=True)
        done = delegated(hosts, **task)
        assert done["after"] == checked["after"] == {"tank/my data": model.lines()}
        assert done["before"] == checked["before"] and done["changed"] == checked["changed"]
    assert delegated(hosts, **task)["changed"] is False
    # The grants above were context, no more.
    assert hosts.sh("source", "zfs allow tank").count("operator send") == 1


def test_sets_create_time_and_the_diff(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/a; zfs create tank/b")
    task = {
        "dataset": ["tank/a", "tank/b"], "users": ["1001"], "permissions": ["@repl"], "scope": "descendents",
        "sets": {"@repl": ["send", "hold"], "@more": ["@repl", "snapshot"]}, "create_time": ["destroy", "mount"],
    }  # fmt: skip
    expected = [
        "create time: destroy", "create time: mount", "set @more: @repl", "set @more: snapshot", "set @repl: hold", "set @repl: send",
        "user archive: @repl (descendents)",
    ]  # fmt: skip
    done = delegated(hosts, **task, _ansible_diff=True, _ansible_verbosity=3)
    assert done["after"] == {"tank/a": expected, "tank/b": expected}
    assert [(d["before"], d["after"].splitlines()) for d in done["diff"]] == [("", expected)] * 2
    assert len([command for command in done["commands"] if "zfs allow -" in command]) == 1 + 2 * 4
    assert delegated(hosts, **task)["changed"] is False
    gone = delegated(hosts, dataset="tank/a", sets={"@repl": [], "@more": ["@repl"]}, create_time=["mount"], state="absent")
    assert gone["after"]["tank/a"] == ["create time: destroy", "set @more: snapshot", "user archive: @repl (descendents)"]
    assert delegated(hosts, dataset="tank/a", users="archive", state="absent")["after"]["tank/a"] == [*expected[:1], "set @more: snapshot"]


def test_what_does_not_exist_is_an_error_and_changes_nothing(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/a")
    base = {"dataset": ["tank/a"], "users": ["archive"], "permissions": ["send"]}
    for change, message in [
        ({"users": ["archvie"]}, 'option users: there is no user "archvie" on this host; did you mean "archive"?'),
        ({"groups": ["opperator"]}, 'option groups: there is no group "opperator" on this host; did you mean "operator"?'),
        ({"permissions": ["sned"]}, 'tank/a: option permissions: "sned" is no permission of ZFS; did you mean "send"?'),
        ({"permissions": ["@nope"]}, 'tank/a: option permissions: no set is defined on the dataset or above it that is called "@nope"'),
        ({"jobs": ["replicate"]}, 'option jobs.1: expected one of replicate_source, replicate_target, snapshot, prune, got "replicate"'),
    ]:  # fmt: skip
        assert delegate(hosts, **{**base, **change}).get("msg") == message
    if "send:raw" not in hosts.sh("source", "zfs allow -h 2>&1 || true"):
        newer = 'tank/a: option permissions: "send:raw" came with OpenZFS 2.4, this host has an older one'
        assert delegate(hosts, **{**base, "permissions": ["send:raw"]}).get("msg") == newer
    # One that fails does not keep the others.
    result = delegate(hosts, **{**base, "dataset": ["tank/nope", "tank/a"]})
    assert "tank/nope: read permissions failed: `zfs allow tank/nope`" in result["msg"] and "does not exist" in result["msg"]
    assert result["after"] == {"tank/a": ["user archive: send"], "tank/nope": []}
    assert delegate(hosts, **{**base, "permissions": ["send:raw"], "state": "absent"})["changed"] is False


def test_two_jobs_that_make_a_destroyer_are_warned_about(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    both = delegated(hosts, dataset="tank", users="archive", jobs="replicate_source,replicate_target")
    assert "user archive now has both mount and destroy on tank" in both["warnings"][0]
    assert "warnings" not in delegated(hosts, dataset="tank", users="archive", jobs="replicate_source,prune")


def pools(hosts: Hosts) -> None:
    """tank with data, plain and encrypted, on `source`; vault on `backup`."""
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    create = "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
    hosts.sh(
        "source",
        f"echo 'a long password' > /run/key; zfs create tank/d; zfs create tank/d/child; {create} tank/d/secret; zfs create -V 8M tank/d/vol;"
        "echo 1 > /tank/d/f; zfs snapshot -r tank/d@s1; echo 2 > /tank/d/f; zfs snapshot -r tank/d@s2",
    )
    hosts.sh("backup", "zfs create vault/in")


def grow(hosts: Hosts, number: int) -> None:
    hosts.sh("source", f"for i in f child/f secret/f; do echo {number} >> /tank/d/$i; done; zfs snapshot -r tank/d@s{number}")


def same(hosts: Hosts, prefix: str = "vault/in/tank") -> None:
    for name in ("d", "d/child", "d/secret", "d/vol"):
        assert list(hosts.guids("source", f"tank/{name}").values())[-1] == list(hosts.guids("backup", f"{prefix}/{name}").values())[-1]


PULL = {"source_host": "archive@source", "source": ["tank/d"], "target": "vault/in"}
PUSH = {"target_host": "archive@backup", "source": ["tank/d"], "target": "vault/in"}


def test_the_source_job_is_enough_to_be_pulled_from_and_no_more(hosts: Hosts) -> None:
    pools(hosts)
    delegated(hosts, dataset="tank/d", users="archive", jobs="replicate_source")
    first = hosts.replicate("backup", **PULL)
    assert not first.get("failed") and "warnings" not in first, first
    same(hosts)
    # What was sent may go: the bookmark takes its place. The old one goes, too.
    hosts.sh("source", "zfs destroy -r tank/d@s2")
    grow(hosts, 3)
    second = hosts.replicate("backup", **PULL, raw="auto")
    assert not second.get("failed") and "warnings" not in second, second
    same(hosts)
    assert hosts.sh("source", "zfs list -H -t bookmark -o name -r tank | wc -l") == "4\n"
    # Not straight to /dev/null: with some kernels OpenZFS 2.1 refuses that.
    assert int(hosts.sh("source", "zfs send tank/d@s3 | wc -c")) > 1000
    # All but bookmarks, which are what `destroy` without `mount` is good for.
    listing = "zfs list -Hp -t filesystem,volume,snapshot -o name,guid,canmount,compression -r tank"
    kept = hosts.sh("source", listing)
    attacks = [
        "zfs destroy tank/d@s1", "zfs destroy -r tank/d", "zfs destroy -d tank/d@s1", "zfs rollback -r tank/d@s1", "zfs rename tank/d tank/e",
        "zfs snapshot tank/d@own", "zfs send tank/d@s1 | zfs receive -F tank/d", "zfs set compression=off tank/d", "zfs promote tank/d",
        "zfs allow archive mount tank/d",
    ]  # fmt: skip
    hosts.lab.run("source", "export PATH=$PATH:/usr/sbin; " + "; ".join(attacks), user="archive", check=False)
    assert hosts.sh("source", listing) == kept


def test_the_target_job_is_enough_to_be_pushed_to_and_no_more(hosts: Hosts) -> None:
    pools(hosts)
    delegated(hosts, "backup", dataset="vault/in", users="archive", jobs="replicate_target")
    hosts.sh("source", "zfs destroy -r tank/d@s2; zfs destroy tank/d@s1")
    # Children first, so that their parent gets a placeholder, then the parent takes its place.
    first = hosts.replicate("source", **PUSH)
    assert not first.get("failed") and "warnings" not in first, first
    grow(hosts, 3)
    second = hosts.replicate("source", **PUSH)
    assert not second.get("failed") and "warnings" not in second, second
    same(hosts)
    kept = hosts.sh("backup", "zfs list -H -t all -o name,guid -r vault")
    attacks = ["zfs destroy -r vault/in/tank", "zfs destroy vault/in/tank/d@s3", "zfs rollback vault/in/tank/d@s3", "zfs send vault/in/tank/d@s3"]
    hosts.lab.run("backup", "export PATH=$PATH:/usr/sbin; " + "; ".join(attacks), user="archive", check=False)
    assert hosts.sh("backup", "zfs list -H -t all -o name,guid -r vault") == kept


@pytest.mark.parametrize(("job", "host", "side"), [("replicate_source", "source", "backup"), ("replicate_target", "backup", "source")])
def test_any_permission_less_is_named_before_a_stream(hosts: Hosts, job: str, host: str, side: str) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create -p tank/d/child; zfs snapshot -r tank/d@s1")
    hosts.sh("backup", "zfs create vault/in")
    dataset = "tank/d" if host == "source" else "vault/in"
    args = {**(PULL if host == "source" else PUSH), "holds": True}
    untouched = hosts.sh("backup", "zfs list -H -o name -r vault")
    delegated(hosts, host, dataset=dataset, users="archive", jobs=job)
    for permission in sorted(JOBS[job]):
        delegated(hosts, host, dataset=dataset, users="archive", permissions=sorted(JOBS[job] - {permission}), state="exact")
        result = hosts.replicate(side, **args, _ansible_check_mode=True)
        said = result.get("msg") or "\n".join(result["warnings"])
        assert f"the user archive lacks the ZFS permission {permission} on {dataset}." in said
        assert f"`zfs allow -u archive {permission} {dataset}`" in said
        assert f"ferro.zfs.zfs_delegate: {{dataset: {dataset}, users: archive, jobs: {job}}}" in said
        # Without them, there is only a warning.
        if permission not in ("bookmark", "destroy"):
            assert [report["error"]["stage"] for report in result["datasets"]] == ["preflight"] * 2
    if host == "backup":
        assert hosts.replicate(side, **args).get("failed")
    assert hosts.sh("backup", "zfs list -H -o name -r vault") == untouched
    # The cure that was told cures.
    hosts.sh(host, f"zfs allow -u archive {permission} {dataset}")
    assert not hosts.replicate(side, **args).get("failed")


def test_a_stream_of_several_snapshots_needs_hold(hosts: Hosts) -> None:
    pools(hosts)
    delegated(hosts, dataset="tank/d", users="archive", permissions=["send"])
    args = {**PULL, "bookmarks": False}
    assert not hosts.replicate("backup", **args).get("failed")
    for name in ("x1", "x2", "x3"):
        hosts.sh("source", f"zfs snapshot -r tank/d@{name}")
    refused = hosts.replicate("backup", **args)
    assert "the user archive lacks the ZFS permission hold on tank/d" in refused["msg"]
    assert {report["error"]["stage"] for report in refused["datasets"]} == {"preflight"}
    hosts.sh("source", "zfs allow -u archive hold tank/d")
    assert not hosts.replicate("backup", **args).get("failed")


def test_an_interrupted_receive_is_resumed_by_the_job_and_thrown_away_only_by_root(hosts: Hosts) -> None:
    pools(hosts)
    hosts.sh("source", "zfs create tank/big; head -c 6M /dev/urandom > /tank/big/f; zfs snapshot tank/big@s1")
    delegated(hosts, "backup", dataset="vault/in", users="archive", jobs="replicate_target")
    hosts.sh("backup", "zfs create -o canmount=off vault/in/tank")
    cut = "zfs send tank/big@s1 | head -c 3M | ssh archive@backup /usr/sbin/zfs receive -s -u vault/in/tank/big 2>/dev/null || true"
    big = {"target_host": "archive@backup", "source": ["tank/big"], "target": "vault/in"}
    hosts.sh("source", cut)
    assert hosts.replicated("source", **big)["tank/big"]["action"] == "resume"
    hosts.sh("backup", "zfs destroy -r vault/in/tank/big")
    hosts.sh("source", cut + "; zfs destroy tank/big@s1; zfs snapshot tank/big@s2")
    result = hosts.replicate("source", **big)
    assert "As root, run `zfs receive -A vault/in/tank/big` there once" in result["msg"]
    hosts.sh("backup", "zfs receive -A vault/in/tank/big")
    assert hosts.replicated("source", **big)["tank/big"]["status"] == "ok"


def test_root_pays_nothing_for_the_preflight(hosts: Hosts) -> None:
    pools(hosts)
    done = hosts.replicate("backup", **{**PULL, "source_host": "root@source"}, _ansible_verbosity=3)
    assert not [command for command in done["commands"] if command.endswith(" id'") or "zfs allow" in command]
    grow(hosts, 3)
    delegated(hosts, dataset="tank/d", users="archive", jobs="replicate_source")
    done = hosts.replicate("backup", **PULL, _ansible_verbosity=3)
    assert len([command for command in done["commands"] if command.endswith(" id'") or "zfs allow" in command]) == 2


def policy(hosts: Hosts, module: str, **args: Any) -> dict[str, Any]:
    done = hosts.lab.run("source", f"/usr/local/bin/{module} -", user="archive", check=False, input=json.dumps(args))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_snapshot_and_prune_jobs(hosts: Hosts) -> None:
    for module in ("zfs_policy_snapshot", "zfs_prune"):
        hosts.lab.copy("source", program(module), f"/usr/local/bin/{module}")
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/d; zfs create tank/d/c; for n in 1 2; do zfs snapshot -r tank/d@autosnap_2026-01-0${n}_00:00:00_hourly; done")
    datasets = {"datasets": [{"dataset": name, "policy": "high"} for name in ("tank/d", "tank/d/c")]}
    snapshot = lambda: policy(hosts, "zfs_policy_snapshot", **datasets, interval="hourly")  # noqa: E731
    prune = lambda: policy(hosts, "zfs_prune", **datasets, policies={"high": {"hourly": 1}})  # noqa: E731
    refused = "grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs"
    assert refused in snapshot()["msg"]
    delegated(hosts, dataset="tank/d", users="archive", jobs="snapshot", state="exact")
    assert len(snapshot()["created"]) == 2 and refused in prune()["msg"]
    for one in JOBS["prune"]:
        delegated(hosts, dataset="tank/d", users="archive", permissions=[one], state="exact")
        assert refused in prune()["msg"]
    delegated(hosts, dataset="tank/d", users="archive", jobs="prune", state="exact")
    done = prune()
    assert len(done["destroyed"]) == 4 and not done.get("failed"), done


def test_the_jobs_are_what_these_tests_say(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    for job, permissions in JOBS.items():
        lines = delegated(hosts, dataset="tank", users="archive", jobs=job, state="exact")["after"]["tank"]
        assert lines == [f"user archive: {name}" for name in sorted(permissions)]
