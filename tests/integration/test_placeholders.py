"""Placeholders: whose they are after a rename, and how the real parent takes their place, below an encrypted root too."""

import json

import pytest
from streaming import KILLER
from zfs_hosts import Hosts, program

KEY = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
TREE = {"source": ["tank/e"], "target": "vault/in"}


def pools(hosts: Hosts) -> None:
    """Of the README: what arrives lies below an encrypted dataset."""
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh("source", f"echo 'a long password' > /run/key; zfs create {KEY} vault/in")


def children_first(hosts: Hosts, encrypted: str, raw: str) -> dict[str, str]:
    """tank/e and tank/e/c have no snapshots yet, what is below them has. Gives the guids of what arrived."""
    secret = KEY if encrypted else ""
    hosts.sh(
        "source",
        f"zfs create {secret} tank/e; zfs create -p tank/e/c/d; zfs create tank/e/b; zfs create -V 8M tank/e/v; date > /tank/e/f; date > /tank/e/b/f;"
        "date > /tank/e/c/d/f; zfs snapshot tank/e/b@s1 tank/e/c/d@s1 tank/e/v@s1",
    )
    reports = hosts.replicated("source", **TREE, raw=raw)
    assert {name: report["action"] for name, report in reports.items()} == {
        "tank/e": "no_snapshots", "tank/e/b": "full", "tank/e/c": "no_snapshots", "tank/e/c/d": "full", "tank/e/v": "full",
    }  # fmt: skip
    hosts.sh("source", "date > /tank/e/f; zfs snapshot -r tank/e@s2; date >> /tank/e/f; zfs snapshot -r tank/e@s3")
    return guids(hosts)


def guids(hosts: Hosts) -> dict[str, str]:
    rows = [row.split("\t") for row in hosts.sh("source", "zfs list -Hp -o name,guid -r vault/in").splitlines()]
    return {name: guid for name, guid in rows if name.rpartition("/")[2] in ("b", "d", "v")}


def check_all_is_well(hosts: Hosts, before: dict[str, str], key: str | None) -> None:
    names = hosts.sh("source", "zfs list -H -o name -s name -r tank/e").split()
    assert hosts.sh("source", "zfs list -H -o name -s name -r vault/in/tank").split() == ["vault/in/tank", *(f"vault/in/{name}" for name in names)]
    for name in names:
        assert hosts.guids("source", f"vault/in/{name}") == hosts.guids("source", name)
        assert hosts.sh("source", f"zfs get -H -s local -o value ferro.zfs:placeholder vault/in/{name}") == ""
    assert guids(hosts) == before, "what had arrived is what was received before"
    assert hosts.checksum("source", "vault/in/tank/e@s3", key) == hosts.checksum("source", "tank/e@s3")
    assert hosts.replicate("source", **TREE, raw="auto" if key else "never")["changed"] is False


@pytest.mark.parametrize(("encrypted", "raw"), [("", "auto"), ("encrypted", "auto"), ("encrypted", "never")])
def test_a_parent_takes_its_place_below_an_encrypted_root(hosts: Hosts, encrypted: str, raw: str) -> None:
    pools(hosts)
    before = children_first(hosts, encrypted, raw)
    checked = hosts.replicate("source", **TREE, raw=raw, _ansible_check_mode=True)
    assert not checked.get("failed"), checked["msg"]
    assert guids(hosts) == before
    reports = hosts.replicated("source", **TREE, raw=raw)
    assert {name: report["action"] for name, report in reports.items()} == {
        "tank/e": "full", "tank/e/b": "incremental", "tank/e/c": "full", "tank/e/c/d": "incremental", "tank/e/v": "incremental",
    }  # fmt: skip
    check_all_is_well(hosts, before, "'a long password'" if encrypted and raw == "auto" else None)


@pytest.mark.parametrize(("encrypted", "raw"), [("", "never"), ("encrypted", "auto")])
def test_a_swap_that_is_cut_short_at_any_step_is_finished(hosts: Hosts, encrypted: str, raw: str) -> None:
    pools(hosts)
    before = children_first(hosts, encrypted, raw)
    hosts.lab.run("source", "mkdir -p /run/bin; cat > /run/bin/zfs; chmod +x /run/bin/zfs", input=KILLER)
    steps = 0
    for _ in range(40):
        hosts.sh("source", "echo 1 > /run/deadly; rm -f /run/changes")
        arguments = json.dumps({**TREE, "raw": raw, "retry_delay": "0.1s"})
        hosts.lab.run("source", "PATH=/run/bin:$PATH zfs_replicate - > /dev/null 2>&1", check=False, input=arguments)
        if not hosts.sh("source", "cat /run/changes 2>/dev/null || true"):
            break
        steps += 1
        # What is there is never discarded, whatever it is called meanwhile.
        assert sorted(guids(hosts).values()) == sorted(before.values())
    assert steps > 8
    hosts.sh("source", "rm -f /run/lock/zfs_replicate*")
    check_all_is_well(hosts, before, "'a long password'" if encrypted else None)


def test_a_partial_parent_is_resumed_beside_its_place(hosts: Hosts) -> None:
    pools(hosts)
    before = children_first(hosts, "encrypted", "auto")
    hosts.sh("source", "head -c 30M /dev/urandom > /tank/e/big; zfs destroy tank/e@s2; zfs destroy tank/e@s3; zfs snapshot tank/e@s3")
    cut = "zfs send -w tank/e@s3 | head -c 10M | zfs receive -s -u -o readonly=on -o canmount=off vault/in/tank/e_ferro_arriving"
    hosts.sh("source", f"{cut} 2>/dev/null || true")
    reports = hosts.replicated("source", **TREE)
    assert reports["tank/e"]["action"] == "resume"
    check_all_is_well(hosts, before, "'a long password'")


def test_replicas_that_were_renamed_keep_their_placeholders(hosts: Hosts) -> None:
    pools(hosts)
    before = children_first(hosts, "encrypted", "auto")
    hosts.sh("source", "zfs create vault/in/nas; zfs rename vault/in/tank vault/in/nas/tank")
    moved = {"source": ["tank/e"], "target": "vault/in/nas"}
    reports = hosts.replicated("source", **moved)
    assert {name: reports[name]["action"] for name in ("tank/e", "tank/e/b", "tank/e/c")} == {
        "tank/e": "full", "tank/e/b": "incremental", "tank/e/c": "full",
    }  # fmt: skip
    assert sorted(guids(hosts).values()) == sorted(before.values())


def test_marks_of_earlier_versions_still_count(hosts: Hosts) -> None:
    pools(hosts)
    hosts.pool("source", "plain")
    for root in ("vault/in", "plain"):
        for name in (f"{root}/tank", f"{root}/tank/e"):
            hosts.sh("source", f"zfs create -u -o canmount=off -o ferro.zfs:placeholder={name} {name}")
    hosts.sh("source", "zfs create -p tank/e/b; zfs snapshot -r tank/e@s1")
    assert hosts.replicated("source", **TREE)["tank/e"]["action"] == "full"
    hosts.sh("source", "zfs create plain/nas; zfs rename plain/tank plain/nas/tank")
    # What somebody makes below such a placeholder inherits its mark, and is none.
    hosts.sh("source", "zfs create -o mountpoint=/own plain/nas/tank/e/b; echo precious > /own/f")
    result = hosts.replicate("source", source=["tank"], target="plain/nas")
    reports = {report["source"]: report for report in result["datasets"]}
    assert {name: report["status"] for name, report in reports.items()} == {"tank": "ok", "tank/e": "ok", "tank/e/b": "failed"}
    # `receive -F` over the one above has unmounted it.
    assert hosts.sh("source", "zfs mount plain/nas/tank/e/b; cat /own/f") == "precious\n"


def test_the_gate_lets_a_swap_through_and_nothing_else(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("backup", f"echo 'a long password' > /run/key; zfs create {KEY} vault/in")
    hosts.sh(
        "source",
        f"echo 'a long password' > /run/key; zfs create {KEY} tank/e; zfs create -p tank/e/c/d; zfs create tank/other; zfs snapshot tank/e/c/d@s1 tank/other@s1",
    )
    hosts.lab.copy("backup", program("zfs_gate"), "/usr/local/bin/zfs_gate")
    hosts.sh("source", "rm -f /root/gate_key*; ssh-keygen -q -t ed25519 -N '' -f /root/gate_key")
    public = hosts.sh("source", "cat /root/gate_key.pub")
    gate = f'command="/usr/local/bin/zfs_gate --mode receive --dataset vault/in",restrict {public}'
    hosts.lab.run("backup", "cat > /etc/ssh/authorized_keys.d/root", input=gate)
    push = {"source": ["tank/e", "tank/other"], "target": "vault/in", "target_host": "root@backup", "ssh": {"identity_file": "/root/gate_key"}}
    try:
        hosts.replicated("source", **push)
        replica = hosts.sh("backup", "zfs get -H -o value guid vault/in/tank/e/c/d")
        hosts.sh("source", "zfs snapshot -r tank@s2")
        reports = hosts.replicated("source", **push)
        assert {name: report["action"] for name, report in reports.items()} == {
            "tank/e": "full", "tank/e/c": "full", "tank/e/c/d": "incremental", "tank/other": "incremental",
        }  # fmt: skip
        assert hosts.sh("backup", "zfs get -H -o value guid vault/in/tank/e/c/d") == replica
        before = hosts.sh("backup", "zfs list -H -t all -o name,guid -r vault")
        ssh = 'ssh -i /root/gate_key root@backup \'env LC_ALL=C "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" zfs '
        said = lambda words: hosts.lab.run("source", f"{ssh}{words}'", check=False).returncode  # noqa: E731
        for words in (
            "destroy vault/in/tank/other", "destroy vault/in/tank", "rename -u vault/in/tank/other vault/in/tank_ferro_arriving/other",
            "rename -u vault/in/tank/e vault/in/tank/e_ferro_arriving", "set ferro.zfs:placeholder=1 vault/in/tank/other",
            "set ferro.zfs:placeholder=1 vault/in/tank",
        ):  # fmt: skip
            assert said(words) == 126, words
        assert said("list -Hp -t filesystem,volume -o name vault/in/tank") == 0
        assert hosts.sh("backup", "zfs list -H -t all -o name,guid -r vault") == before
    finally:
        hosts.sh("backup", "rm -f /etc/ssh/authorized_keys.d/root")
