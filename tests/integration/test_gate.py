"""zfs_gate behind a real sshd: zfs_replicate works through it in both directions, and a thief of the key gets nowhere."""

import re
import shlex
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from zfs_hosts import APPEND, NATIVE, ROOT, Hosts, program

ATTACKS = ROOT / "tests/it/fixtures/attacks.txt"
# As version 0.1 says it, which is still understood, and as it is said now.
PREFIX = 'env LC_ALL=C "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" '
BEGIN = "ferro.zfs:begin"
PREFIX_NOW = f"sh -c 'echo {BEGIN}; echo {BEGIN} >&2; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; export PATH LC_ALL; exec \"$@\"' sh "
REFUSED = 126
SSH = {"identity_file": "/root/gate_key"}
PULL: dict[str, Any] = {"source_host": "root@source", "source": ["tank/data"], "target": "vault", "ssh": SSH}
PUSH: dict[str, Any] = {"target_host": "root@offsite", "source": ["tank/data"], "target": "vault/in", "ssh": SSH}
# Stands for the system's log: writes each line that arrives.
LOGGER = r"""perl -MSocket -e 'unlink "/dev/log"; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un("/dev/log")); open(L, ">>", "/tmp/log"); L->autoflush;
while (defined recv(S, $m, 9000, 0)) { print L "$m\n" }'"""


@pytest.fixture(autouse=True, scope="module")
def binaries(lab: Any) -> Iterator[None]:
    for host in ("source", "offsite"):
        lab.copy(host, program("zfs_gate"), "/usr/local/bin/zfs_gate")
    yield
    for host in ("source", "offsite"):
        lab.run(host, "rm -f /etc/ssh/authorized_keys.d/root")


@pytest.fixture
def key(hosts: Hosts, tmp_path: Path) -> Path:
    """The backup server's key, here and on `backup`, which is that server."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "gate_key"], check=True)
    hosts.lab.copy("backup", tmp_path / "gate_key", "/root/gate_key")
    return tmp_path / "gate_key"


def guard(hosts: Hosts, host: str, key: Path, options: str, user: str = "root") -> None:
    """Restricts the key on a host to the gate."""
    line = f'command="/usr/local/bin/zfs_gate {options}",restrict {key.with_suffix(".pub").read_text()}'
    hosts.lab.run(host, f"cat > /etc/ssh/authorized_keys.d/{user}", input=line)


def through(hosts: Hosts, host: str, key: Path, command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """What a thief of the key can do: say anything to the gate."""
    # A connection for all of them; the lab's own key stays out of it.
    shared = ["-o", f"ControlPath={key.parent}/{host}", "-o", "ControlMaster=auto", "-o", "ControlPersist=5"]
    ssh = ["ssh", "-T", "-F", str(hosts.lab.ssh_config), "-o", "IdentityFile=none", "-i", str(key), *shared, f"root@{host}", "--", command]
    return hosts.lab.exec(ssh, capture_output=True, timeout=30, **{"stdin": subprocess.DEVNULL} if "input" not in options else {}, **options)


def attacks() -> list[str]:
    """The lines of the file, in the notation that its head explains."""
    lines = [line for line in ATTACKS.read_text().split("\n") if line and not line.startswith("#")]
    signs = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "e": "\x1b", "\\": "\\"}
    unescape = lambda m: chr(int(m[2], 16)) if m[2] else signs[m[1]]  # noqa: E731
    lines = [re.sub(r"\\(?:([nrt0e\\])|u\{([0-9a-f]+)\})", unescape, line.replace("{P}", PREFIX_NOW)) for line in lines]
    return [re.sub(r"\{(.)\*(\d+)\}", lambda m: m[1] * int(m[2]), line) for line in lines]


def everything(hosts: Hosts, host: str) -> str:
    """Names, identities and settings of all that a host holds."""
    return hosts.sh(
        host,
        "zfs list -Hp -t all -o name,guid,createtxg,mounted; zfs get -Hp -t filesystem,volume -s local,received -o all all; zfs list -H -t snapshot -o name | xargs -d '\\n' -r zfs holds -H",
    )


def source_pool(hosts: Hosts, host: str = "source") -> None:
    hosts.pool(host, "tank")
    create = "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
    hosts.sh(
        host,
        f"echo 'a long password' > /run/key; zfs create tank/data; zfs create 'tank/data/my child'; {create} tank/data/secret;"
        "zfs create -V 8M tank/data/vol; zfs create tank/hide; zfs create tank/database; echo 1 > /tank/data/f; zfs snapshot -r tank@s1",
    )


def test_pull_through_the_gate(hosts: Hosts, key: Path) -> None:
    source_pool(hosts)
    hosts.pool("backup", "vault")
    guard(hosts, "source", key, "--mode send --dataset tank/data")
    first = hosts.replicate("backup", **PULL)
    assert not first.get("failed") and "warnings" not in first, first
    hosts.sh("source", "zfs destroy -r tank@s1; echo 2 > /tank/data/f; zfs snapshot -r tank@s2; echo 3 > /tank/data/f; zfs snapshot -r tank@s3")
    second = hosts.replicate("backup", **PULL)
    assert not second.get("failed") and "warnings" not in second, second
    [data] = [report for report in second["datasets"] if report["source"] == "tank/data"]
    assert data["from"].startswith("#ferro_"), "the base was pruned, its bookmark served"
    assert hosts.sh("source", "zfs list -H -t bookmark -o name -r tank | wc -l") == "4\n", "the older bookmarks are gone"

    # What was interrupted is resumed.
    hosts.sh("source", "head -c 6M /dev/urandom > /tank/data/big; zfs snapshot -r tank@s4")
    cut = (
        f"""ssh -i /root/gate_key root@source '{PREFIX}zfs send -Lc -i @s3 tank/data@s4' | head -c 3M | zfs receive -s -u vault/tank/data 2>/dev/null || true"""
    )
    hosts.sh("backup", cut)
    third = hosts.replicated("backup", **PULL)
    assert third["tank/data"]["action"] == "resume"
    assert hosts.checksum("backup", "vault/tank/data@s4") == hosts.checksum("source", "tank/data@s4")


def test_a_source_that_the_gate_refuses_keeps_no_other_from_being_pulled(hosts: Hosts, key: Path) -> None:
    """As where a dataset is new in the inventory, and only the backup server knows of it yet."""
    source_pool(hosts)
    hosts.pool("backup", "vault")
    guard(hosts, "source", key, "--mode send --dataset tank/data")
    result = hosts.replicate("backup", **{**PULL, "source": ["tank/database", "tank/data", "tank/hide"]})
    status = {report["source"]: report["status"] for report in result["datasets"]}
    assert {name for name, said in status.items() if said == "failed"} == {"tank/database", "tank/hide"}
    assert len(status) == 6
    [refused] = [report["error"]["stderr"] for report in result["datasets"] if report["source"] == "tank/hide"]
    assert "tank/hide is not within its datasets" in refused
    assert hosts.checksum("backup", "vault/tank/data@s1") == hosts.checksum("source", "tank/data@s1")
    # Where it lets none of them through there is nothing to go on with.
    none = hosts.replicate("backup", **{**PULL, "source": ["tank/database", "tank/hide"]})
    assert none["failed"] and "not within its datasets" in none["msg"], none


def test_push_through_the_gate(hosts: Hosts, key: Path) -> None:
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    # A placeholder for tank/data first, then it takes its own place.
    hosts.sh("backup", "zfs destroy tank/data@s1")
    first = hosts.replicate("backup", **PUSH)
    assert not first.get("failed") and "warnings" not in first, first
    hosts.sh("backup", "zfs snapshot -r tank@s2; echo 3 > /tank/data/f; zfs snapshot -r tank@s3; echo 4 > /tank/data/f; zfs snapshot -r tank@s4")
    second = hosts.replicated("backup", **PUSH)
    assert second["tank/data"]["action"] == "full"
    for name in ("data", "data/my child", "data/secret", "data/vol"):
        assert hosts.guids("offsite", f"vault/in/tank/{name}") == hosts.guids("backup", f"tank/{name}")
    # Several snapshots in one stream, with properties: those that mount and share stay behind.
    hosts.sh(
        "backup", "zfs set mountpoint=/etc/x sharenfs=on compression=lz4 tank/data; echo 5 > /etc/x/f || true; zfs snapshot -r tank@s5; zfs snapshot -r tank@s6"
    )
    hosts.replicated("backup", **PUSH, send_properties=True)
    properties = "zfs get -H -o value mountpoint,sharenfs,compression,canmount,readonly vault/in/tank/data"
    assert hosts.sh("offsite", properties).split() == ["/vault/in/tank/data", "off", "lz4", "off", "on"]

    hosts.sh("backup", "head -c 6M /dev/urandom > /etc/x/big; zfs snapshot -r tank@s7")
    cut = f"""zfs send -Lc -i @s6 tank/data@s7 | head -c 3M | ssh -i /root/gate_key root@offsite '{PREFIX}zfs receive -u -s vault/in/tank/data' 2>/dev/null || true"""
    hosts.sh("backup", cut)
    third = hosts.replicated("backup", **PUSH)
    assert third["tank/data"]["action"] == "resume"
    assert hosts.guids("offsite", "vault/in/tank/data") == hosts.guids("backup", "tank/data")


def test_a_refusal_is_reported_as_such(hosts: Hosts, key: Path) -> None:
    source_pool(hosts)
    hosts.pool("backup", "vault")
    guard(hosts, "source", key, "--mode send --dataset tank/data")
    hosts.lab.popen("source", LOGGER)
    hosts.sh("source", "for i in $(seq 100); do [ -S /dev/log ] && exit 0; sleep 0.05; done; exit 1")
    result = hosts.replicate("backup", **{**PULL, "source": ["tank/database"]})
    assert "list on root@source failed" in result["msg"]
    assert "zfs_gate: refused: tank/database is not within its datasets [outside_datasets]" in result["msg"]
    assert (result["code"], result["error"]["host"]) == ("gate_refused", "root@source")
    assert "the gate in authorized_keys there does not let it through" in result["msg"]
    log = hosts.sh("source", "cat /tmp/log; pkill -x perl; rm -f /dev/log")
    assert re.search(
        r"^<84>zfs_gate\[\d+\]: refused: tank/database is not within its datasets \[outside_datasets\]; from 10\.99\.0\.2: sh -c 'echo ferro", log, re.MULTILINE
    )
    assert through(hosts, "source", key, "").returncode == REFUSED


@pytest.mark.parametrize(("mode", "host"), [("send", "source"), ("receive", "offsite")])
def test_every_attack_is_refused_by_a_real_sshd(hosts: Hosts, key: Path, mode: str, host: str) -> None:
    source_pool(hosts, host)
    guard(hosts, host, key, f"--mode {mode} --dataset tank/data")
    before = everything(hosts, host)
    # NUL cannot be said over ssh: the client ends the command there. The parser's own test has
    # those.
    lines = [line for line in attacks() if "\0" not in line and len(line) < 100_000]
    assert len(lines) > 200
    old, now = (through(hosts, host, key, prefix + "id") for prefix in (PREFIX, PREFIX_NOW))
    assert (old.returncode, now.returncode) == (0, 0)
    assert now.stdout == f"{BEGIN}\n".encode() + old.stdout and now.stderr == f"{BEGIN}\n".encode() + old.stderr
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda line: through(hosts, host, key, line), lines))
    for line, answer in zip(lines, answers, strict=True):
        assert answer.returncode == REFUSED, line
        assert answer.stdout == b"" and answer.stderr.startswith(b"zfs_gate: refused: ") and answer.stderr.count(b"\n") == 1, line
    assert everything(hosts, host) == before
    assert hosts.sh(host, "ls /tmp") == ""


def forged(token: str, old: bytes, new: bytes) -> str:
    """A resume token with another name in it. Its checksum is no secret."""
    _, _, size, packed = token.split("-")
    content = zlib.decompress(bytes.fromhex(packed))
    assert old in content and len(old) == len(new) and len(content) == int(size, 16)
    packed_again = zlib.compress(content.replace(old, new))
    words = struct.unpack(f"<{len(packed_again) // 4}I", packed_again[: len(packed_again) // 4 * 4])
    return f"1-{sum(words) & (2**64 - 1):x}-{size}-{packed_again.hex()}"


def test_a_resume_token_cannot_reach_beyond_the_datasets(hosts: Hosts, key: Path) -> None:
    source_pool(hosts)
    hosts.pool("source", "other")
    guard(hosts, "source", key, "--mode send --dataset tank/data")
    hosts.sh(
        "source",
        "for name in data hide; do head -c 3M /dev/urandom > /tank/$name/g; zfs snapshot tank/$name@s2; zfs send tank/$name@s2 | head -c 2M | zfs receive -s other/$name 2>/dev/null || true; done",
    )
    token = {name: hosts.sh("source", f"zfs get -H -o value receive_resume_token other/{name}").strip() for name in ("data", "hide")}
    ours = through(hosts, "source", key, f"{PREFIX}zfs send -t {token['data']}")
    assert ours.returncode == 0 and len(ours.stdout) > 1_000_000
    theirs = through(hosts, "source", key, f"{PREFIX}zfs send -t {token['hide']}")
    assert (theirs.returncode, theirs.stdout) == (REFUSED, b"") and b"tank/hide is not within its datasets" in theirs.stderr
    # The name of ours and the guid of theirs: ZFS would look for the guid in the whole pool.
    token_of_both = forged(token["hide"], b"tank/hide@s2", b"tank/data@s2")
    assert "tank/hide@s2" in hosts.sh("source", f"zfs send -nvPt {token_of_both} 2>&1")
    both = through(hosts, "source", key, f"{PREFIX}zfs send -t {token_of_both}")
    assert (both.returncode, both.stdout) == (REFUSED, b"") and b"would send tank/hide@s2" in both.stderr


def test_a_thief_of_the_hubs_key_can_neither_destroy_nor_alter_what_offsite_holds(hosts: Hosts, key: Path) -> None:
    source_pool(hosts, "backup")
    hosts.sh("backup", "zfs snapshot -r tank@s2")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in; zfs create vault/own; echo own > /vault/own/f; zfs snapshot vault/own@s1")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    hosts.replicated("backup", **PUSH)
    # A placeholder over real data: inherits what it would take to be overwritten by force.
    hosts.sh("backup", "zfs create -p tank/data/deep/er; zfs snapshot tank/data/deep/er@s1")
    hosts.replicated("backup", **PUSH)
    held = everything(hosts, "offsite")
    assert "vault/in/tank/data/deep\t" in held

    # The thief has root on the backup server, too: he makes what streams he likes.
    hosts.sh(
        "backup",
        "zfs create -p tank/evil/er; zfs snapshot -r tank/evil@s1; zfs create tank/evil/new; zfs rename -r tank/evil@s1 tank/evil@x; zfs snapshot -r tank/evil@y",
    )
    hosts.sh("backup", "zfs rename -r tank/data@s1 tank/data@renamed; zfs snapshot -r tank/data@s9")
    streams = {
        "full": "zfs send tank/evil@y", "recursive": "zfs send -R tank/evil@y", "renaming": "zfs send -R -I @renamed tank/data@s9",
        "properties": "zfs send -p tank/evil@y", "incremental": "zfs send -i @s2 tank/data@s9",
    }  # fmt: skip
    key_there = "-o ControlMaster=auto -o ControlPath=/tmp/thief -o ControlPersist=3 -i /root/gate_key root@offsite"
    hosts.lab.run("backup", f"ssh -MNf {key_there} >/dev/null 2>&1")
    onto = lambda stream, options: f"{streams[stream]} | ssh {key_there} '{PREFIX}zfs receive -u {options}'"  # noqa: E731
    tries = [
        *(onto(stream, f"-F vault/in/tank/{name}") for stream in ("full", "recursive") for name in ("data", "data/vol", "data/deep", "data/deep/er")),
        onto("full", "-F vault/in"), onto("full", "vault/own"), onto("full", "vault"), onto("full", "vault/in/tank/data"),
        onto("renaming", "vault/in/tank/data"), onto("renaming", "-F vault/in/tank/data"), onto("recursive", "vault/in/new"),
        onto("full", "vault/inside"), onto("full", "vault/in/../own/x"), onto("properties", "vault/in"), onto("full", "-o canmount=on vault/in/new"),
        f"head -c 1M /dev/urandom | ssh {key_there} '{PREFIX}zfs receive -u vault/in/new'",
        f"ssh {key_there} '{PREFIX}zfs receive -A vault/in/tank/data' < /dev/null",
        *(
            f"ssh {key_there} '{PREFIX}{command}' < /dev/null"
            for command in (
                "zfs destroy -r vault/in", "zfs destroy vault/in/tank/data@s1", "zfs rollback vault/in/tank/data@s1", "zfs rollback -r vault/in/tank/data@s1",
                "zfs rename vault/in/tank vault/in/gone", "zfs set readonly=off vault/in/tank/data", "zfs send -Lc vault/in/tank/data@s1",
                "zpool destroy vault", "rm -rf /vault", "sh", "zfs inherit readonly vault/in/tank/data", "zfs snapshot vault/in/tank/data@x",
            )
        ),
    ]  # fmt: skip
    for attempt in tries:
        status = hosts.lab.run("backup", f"bash -o pipefail -c {shlex.quote(attempt)}", check=False)
        # One does what it may: a placeholder may be filled, once.
        assert status.returncode != 0 or attempt == onto("full", "-F vault/in/tank/data/deep"), attempt
    hosts.lab.run("backup", f"ssh -O exit {key_there}")
    after = everything(hosts, "offsite").splitlines()
    assert [line for line in held.splitlines() if line not in after and not line.startswith("vault/in/tank/data/deep\t")] == []


def test_a_gate_before_an_account_that_can_only_append(hosts: Hosts, key: Path) -> None:
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", f"zfs create -o canmount=off vault/in; zfs allow -u archive canmount,create,mount,readonly,{APPEND},userprop vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in", "archive")
    push = {**PUSH, "target_host": "archive@offsite"}
    first = hosts.replicate("backup", **push)
    assert not first.get("failed") and "warnings" not in first, first
    hosts.sh("backup", "zfs snapshot -r tank@s2; zfs snapshot -r tank@s3")
    hosts.replicated("backup", **push)
    assert list(hosts.guids("offsite", "vault/in/tank/data")) == ["s1", "s2", "s3"]
    # The gate asks both: what it lets through, the kernel must permit as well.
    hosts.sh("offsite", "zfs unallow -u archive readonly vault/in")
    hosts.sh("backup", "zfs create tank/data/new; zfs snapshot tank/data/new@s1")
    assert "the user archive lacks the ZFS permission readonly on vault/in" in hosts.replicate("backup", **push)["msg"]
    hosts.lab.run("offsite", "rm /etc/ssh/authorized_keys.d/archive")


def test_rollback_only_where_the_gate_allows_it(hosts: Hosts, key: Path) -> None:
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    one = {**PUSH, "recursive": False}
    hosts.replicated("backup", **one)
    hosts.sh("offsite", "zfs snapshot vault/in/tank/data@own")
    hosts.sh("backup", "zfs snapshot tank/data@own")
    result = hosts.replicate("backup", **one, on_diverged="rollback")
    assert "needs a gate with --allow-rollback" in result["msg"]
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in --allow-rollback")
    assert hosts.replicated("backup", **one, on_diverged="rollback")["tank/data"]["status"] == "ok"
    hosts.sh("offsite", "zfs destroy -r vault/in/tank/data; zfs create vault/in/tank/data; zfs snapshot vault/in/tank/data@other")
    assert hosts.replicated("backup", **one, on_diverged="set_aside")["tank/data"]["status"] == "ok"


def test_deletions_are_mirrored_only_where_the_gate_allows_it_and_by_its_own_clock(hosts: Hosts, key: Path) -> None:
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    hosts.replicated("backup", **PUSH)
    # Whoever may not have them removed is told so, and has lost nothing.
    push = {**PUSH, "deleted_datasets": "set_aside", "deleted_after": 0}
    assert "needs a gate with --allow-delete" in hosts.replicate("backup", **push)["msg"]
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in --allow-delete 30d")
    hosts.replicated("backup", **push)
    hosts.sh("backup", "zfs destroy -r tank/data/vol; zfs destroy -r 'tank/data/my child'")
    [child, volume] = hosts.replicate("backup", **push)["orphans"]
    assert (child["action"], volume["action"], volume["status"]) == ("mark", "mark", "ok")
    # Two minutes are long enough for the pusher, and not for the gate.
    refused = hosts.replicate("backup", **push)
    assert {orphan["error"]["code"] for orphan in refused["orphans"]} == {"gate_refused"}
    assert "this gate lets go only what has been without for 30 days" in refused["msg"]
    # Nor may he say that it was long ago.
    mark = hosts.sh("offsite", "zfs get -H -o value ferro.zfs:missing vault/in/tank/data/vol").strip()
    old = f"{PREFIX_NOW}zfs set 'ferro.zfs:missing=2020-01-01T00:00:00Z{mark[20:]}' vault/in/tank/data/vol"
    assert through(hosts, "offsite", key, old).returncode == REFUSED
    marks = "zfs get -H -r -s local -t filesystem,volume -o value,name ferro.zfs:missing vault"
    age = f'{marks} | while read m d; do zfs set ferro.zfs:missing=2020-01-01T00:00:00Z${{m#*Z}} "$d"; done'
    hosts.sh("offsite", f"{age}; zfs snapshot vault/in/tank/data/vol@mine")
    [child, volume] = hosts.replicate("backup", **push)["orphans"]
    # The volume has a new snapshot, so its absence begins anew.
    assert (child["status"], volume["action"]) == ("ok", "mark")
    assert child["set_aside"].startswith("vault/in/ferro_deleted/tank:data:my child_")
    assert list(hosts.guids("offsite", child["set_aside"])) == ["s1"]
    hosts.sh("offsite", age)
    [volume] = hosts.replicate("backup", **{**push, "deleted_datasets": "destroy"})["orphans"]
    assert (volume["action"], volume["status"]) == ("destroy", "ok")
    assert "vol" not in hosts.sh("offsite", "zfs list -H -o name -r vault")


def test_what_is_encrypted_leaves_only_raw(hosts: Hosts, key: Path) -> None:
    source_pool(hosts)
    hosts.sh("source", "head -c 3M /dev/urandom > /tank/data/secret/g; zfs snapshot -r tank@s2")
    hosts.pool("backup", "vault")
    guard(hosts, "source", key, "--mode send --dataset tank/data --raw-only")
    assert hosts.sh("source", "zfs get -H -o value keystatus tank/data/secret") == "available\n"
    plain = through(hosts, "source", key, PREFIX + "zfs send -Lc tank/data/secret@s1")
    assert (plain.returncode, plain.stdout) == (REFUSED, b"") and b"tank/data/secret is encrypted, and leaves only as a raw stream here" in plain.stderr
    # Nor by a token of a plain stream that was interrupted.
    hosts.pool("source", "other")
    hosts.sh("source", "zfs send -Lc tank/data/secret@s2 | head -c 2M | zfs receive -s other/secret 2>/dev/null || true")
    token = hosts.sh("source", "zfs get -H -o value receive_resume_token other/secret").strip()
    resumed = through(hosts, "source", key, f"{PREFIX}zfs send -t {token}")
    assert (resumed.returncode, resumed.stdout) == (REFUSED, b"") and b"is encrypted" in resumed.stderr
    done = hosts.replicated("backup", **PULL)
    assert {report["status"] for report in done.values()} == {"ok"}
    assert hosts.sh("backup", "zfs get -H -o value encryption vault/tank/data vault/tank/data/secret") == "off\naes-256-gcm\n"
    result = hosts.replicate("backup", **{**PULL, "target": "vault", "source": ["tank/data/secret"], "strip_prefix": "tank/data", "raw": "never"})
    assert "leaves only as a raw stream" in result["msg"], result


def test_it_tells_what_it_would_allow() -> None:
    gate = [NATIVE / "zfs_gate_x86_64", "--mode", "receive", "--dataset", "tank/data"]
    lines = ["id", "zfs receive -u -s -F tank/data/x", "zfs destroy tank/data", "zfs send -t 1-abc", PREFIX + "zfs allow tank/data"]
    done = subprocess.run([*gate, "--explain", *lines], capture_output=True, text=True, check=False)
    said = [line.partition(": ")[0] for line in done.stdout.splitlines()]
    assert (said, done.returncode) == (["allowed", "allowed", "refused", "refused", "allowed"], 1)
    assert "fits onto the target, and the target is an empty dataset made by zfs_replicate)" in done.stdout
    assert "needs a gate with --allow-rollback" in done.stdout
    again = subprocess.run([*gate, "--explain"], input="\n".join(lines), capture_output=True, text=True, check=False)
    assert again.stdout == done.stdout


def test_it_is_small(tmp_path: Path) -> None:
    for binary in NATIVE.glob("zfs_gate_*"):
        assert binary.stat().st_size < 2_500_000
    assert shutil.which("ldd") is None or b"statically linked" in subprocess.run(["ldd", NATIVE / "zfs_gate_x86_64"], capture_output=True, check=False).stdout
