# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters decide that compare a tree with a host. What ZFS prints is taken from OpenZFS 2.3."""

from __future__ import annotations

import base64
import hashlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter import zfs_changes
from ansible_collections.ferro.zfs.plugins.plugin_utils import _properties
from called import filters

FILTERS = filters(zfs_changes)
MISSING = "cannot open 'tank/a': dataset does not exist\n"


def run(name: str, text: str, **options: t.Any) -> t.Any:
    return FILTERS[name](yaml.safe_load(text), **options)


def lines(changes: list[dict[str, t.Any]]) -> list[str]:
    return [" ".join(change["command"]) for change in changes]


def row(dataset: str, **values: str) -> str:
    """Rows of zfs get; `value|source` gives a source, else it is local."""
    rows = ""
    for name, value in {"type": "filesystem|-", **values}.items():
        said, _bar, source = value.partition("|")
        rows += f"{dataset}\t{name.replace('__', ':')}\t{source or 'local'}\t{said}\n"
    return rows


def refusal(name: str, text: str, **options: t.Any) -> str:
    with pytest.raises(AnsibleFilterError) as error:
        run(name, text, **options)
    return str(error.value)


# --- values ---


@pytest.mark.parametrize(
    ("name", "declared", "actual"),
    [
        ("quota", "10G", "10737418240"),
        ("quota", 10737418240, "10737418240"),
        ("quota", "none", "0"),
        ("recordsize", "1M", "1048576"),
        ("recordsize", "128KB", "131072"),
        ("volsize", "1.5G", "1610612736"),
        ("userquota@root", "1g", "1073741824"),
        ("atime", False, "off"),
        ("atime", "no", "off"),
        ("atime", "True", "on"),
        ("org.example:keep", True, "true"),
        ("org.example:keep", "yes", "yes"),
        ("compression", "gzip-6", "gzip"),
        ("xattr", "sa", "on"),
        ("acltype", "posixacl", "posix"),
        ("acltype", "noacl", "off"),
        ("aclinherit", "secure", "restricted"),
        ("encryption", True, "aes-256-gcm"),
        ("refreservation", "auto", "12582912"),
        ("feature@encryption", "enabled", "active"),
        ("filesystem_limit", "none", "none"),
        ("mountpoint", "none", "none"),
        ("copies", 2, "2"),
    ],
)
def test_a_value_is_what_zfs_prints_for_it(name: str, declared: t.Any, actual: str) -> None:
    assert _properties.same(name, _properties.word(name, declared, "here"), actual)


@pytest.mark.parametrize(
    ("name", "declared", "actual"),
    [
        ("quota", "10G", "10737418241"),
        ("quota", "none", "1"),
        ("atime", True, "off"),
        ("org.example:size", "1K", "1024"),
        ("org.example:keep", "yes", "true"),
        ("mountpoint", "yes", "on"),
        ("encryption", True, "off"),
        ("encryption", "aes-128-gcm", "aes-256-gcm"),
        ("compression", "zstd-3", "zstd"),
        ("compression", True, "lz4"),
        ("xattr", "dir", "on"),
        ("refreservation", "auto", "0"),
    ],
)
def test_another_value_is_another(name: str, declared: t.Any, actual: str) -> None:
    assert not _properties.same(name, _properties.word(name, declared, "here"), actual)


# --- datasets ---


def test_datasets_are_created_parents_first_with_all_that_is_declared() -> None:
    text = """
    tank:
      datasets:
        a/b: {properties: {atime: off, quota: 1G, compression: }}
        a: {properties: {'org.example:owner': the ops}}
        x/y/z: {policy: low}
        disk: {config: {volsize: 10G, volblocksize: 16K}}
    """
    assert lines(run("zfs_dataset_changes", text)) == [
        "zfs create -o org.example:owner=the ops tank/a",
        "zfs create -o atime=off -o quota=1G tank/a/b",
        "zfs create -p tank/x/y/z",
        "zfs create -V 10G -o volblocksize=16K tank/disk",
    ]


def test_an_encryption_root_is_made_with_its_key_file() -> None:
    text = "tank: {datasets: {a: {properties: {encryption: on, keyformat: raw}, datasets: {b: {properties: {encryption: aes-128-gcm}}}}}}"
    assert lines(run("zfs_dataset_changes", text, keys_directory="/keys/")) == [
        "zfs create -o encryption=on -o keyformat=raw -o keylocation=file:///keys/tank_a tank/a",
        "zfs create -o encryption=aes-128-gcm tank/a/b",
    ]
    prompt = "tank: {datasets: {a: {properties: {encryption: on, keyformat: passphrase, keylocation: prompt}}}}"
    assert "zfs.tank.datasets.a.properties.keylocation: tank/a is to be made with a key that somebody types in" in refusal("zfs_dataset_changes", prompt)


def test_only_what_differs_is_set_and_what_is_right_by_inheritance_too() -> None:
    text = "tank: {datasets: {a: {properties: {atime: off, compression: lz4, quota: 1G, checksum: on, readonly: off, canmount: on}}}}"
    read = row("tank/a", atime="off", compression="zstd", quota="1073741824", checksum="on|default", readonly="off|inherited from tank", canmount="on|default")
    changes = run("zfs_dataset_changes", text, read=read)
    # The parent may change in the same run, and these would change with it.
    assert lines(changes) == ["zfs set compression=lz4 checksum=on readonly=off tank/a"]
    assert changes[0]["before"] == {"compression": "zstd", "checksum": "on", "readonly": "off"}
    assert run("zfs_dataset_changes", text, read=read.replace("zstd", "lz4").replace("default", "local").replace("inherited from tank", "received")) == []


def test_the_root_dataset_has_properties_of_its_own() -> None:
    text = "tank: {properties: {autotrim: on}, root_properties: {atime: off}, datasets: {a: }}"
    assert lines(run("zfs_dataset_changes", text, read=row("tank", atime="on|default") + row("tank/a"))) == ["zfs set atime=off tank"]
    # Its pool is made first, with them.
    assert lines(run("zfs_dataset_changes", text)) == ["zfs create tank/a"]
    assert run("zfs_properties_to_read", text) == ["type", "encryptionroot", "keystatus", "keylocation", "atime"]


@pytest.mark.parametrize(
    ("properties", "actual", "said"),
    [
        ("{encryption: aes-256-gcm, keyformat: raw}", {"encryption": "off|default", "keyformat": "none|default"}, "but tank/a was created with off"),
        ("{casesensitivity: mixed}", {"casesensitivity": "sensitive|-"}, "casesensitivity: the tree says mixed"),
        ("{volblocksize: 8K, volsize: 1G}", {"type": "volume", "volblocksize": "16384|default", "volsize": "1073741824"}, "created with 16384"),
        ("{volsize: 1G}", {"type": "volume|-", "volsize": "2147483648"}, "tank/a has 2147483648 bytes; a smaller one would cut off its data"),
        ("{volsize: 1G}", {"volsize": "-|-"}, "tank/a is a filesystem, which cannot become a volume"),
    ],
)
def test_what_cannot_be_changed_is_an_error(properties: str, actual: dict[str, str], said: str) -> None:
    text = f"tank: {{datasets: {{a: {{properties: {properties}}}}}}}"
    message = refusal("zfs_dataset_changes", text, read=row("tank/a", **actual))
    assert message.startswith("zfs.tank.datasets.a.properties.")
    assert said in message


def test_all_such_errors_are_named_at_once() -> None:
    text = "tank: {datasets: {a: {properties: {utf8only: on}}, b: {properties: {normalization: formD}}}}"
    message = refusal("zfs_dataset_changes", text, read=row("tank/a", utf8only="off|-") + row("tank/b", normalization="none|-"))
    assert "datasets.a.properties.utf8only" in message
    assert "datasets.b.properties.normalization" in message


def test_keys_are_loaded_where_they_are_in_files_and_then_mounted() -> None:
    locked = {"encryptionroot": "tank/a|-", "keystatus": "unavailable|-"}
    text = "tank: {datasets: {a: , b: }}"
    file = row("tank/a", **locked, keylocation="file:///k") + row("tank/b")
    assert lines(run("zfs_dataset_changes", text, read=file)) == ["zfs load-key tank/a", "zfs mount -a"]
    assert run("zfs_dataset_changes", text, read=row("tank/a", **locked, keylocation="prompt") + row("tank/b")) == []


def test_nothing_is_created_below_replicas() -> None:
    text = "pool: {datasets: {backups: {properties: {canmount: off}, datasets: {host: {policy: low}}}, backups2: }}"
    assert lines(run("zfs_dataset_changes", text, replicas=["pool/backups"])) == ["zfs create -o canmount=off pool/backups", "zfs create pool/backups2"]
    assert len(run("zfs_dataset_changes", text, replicas="")) == 3


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ("bad property list: invalid property 'speed'\nusage:\n", "the ZFS of this host knows no property 'speed', which the zfs tree declares"),
        ("cannot open 'tank/a': permission denied\n", "zfs get failed: cannot open 'tank/a': permission denied"),
        (MISSING + "internal error: out of memory\n", "zfs get failed: internal error: out of memory"),
    ],
)
def test_no_failure_is_read_as_does_not_exist(errors: str, said: str) -> None:
    assert refusal("zfs_dataset_changes", "tank: {datasets: {a: }}", errors=errors) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tank: {datasets: {a: {properties: {quota: [1G]}}}}", "zfs.tank.datasets.a.properties.quota: expected a text, a number, true or false, got a list"),
        ("tank: {datasets: {a: {properties: {'-o x': 1}}}}", "zfs.tank.datasets.a.properties['-o x']: not the name of a property"),
        ("tank: {datasets: {a: {properties: {1: 1}}}}", "not the name of a property"),
        ('tank: {datasets: {a: {properties: {"x:y": "a\\tb"}}}}', "a tab or a line break in a property's value is not supported"),
        ("tank: {root_properties: [atime]}", "zfs.tank.root_properties: expected a mapping of ZFS properties, got a list"),
    ],
)
def test_bad_properties_are_named_by_their_path(text: str, said: str) -> None:
    assert said in refusal("zfs_properties_to_read", text)


# --- pools ---

ONLINE = "   pool: tank\n     id: 126\n  state: ONLINE\n action: The pool can be imported.\n config:\n\n\ttank        ONLINE\n\t  sda     ONLINE\n"


def test_a_pool_is_imported_if_there_is_one_and_created_only_by_name() -> None:
    text = "tank: {devices: [/dev/a, /dev/b], topology: mirror, properties: {ashift: 12, autotrim: on}, root_properties: {atime: off}}"
    assert lines(run("zfs_pool_changes", text, importable=ONLINE)) == ["zpool import tank"]
    assert lines(run("zfs_pool_changes", text, importable=ONLINE, create=["tank"], force_import="tank", search=["/dev/x"])) == [
        "zpool import -d /dev/x -f tank"
    ]
    assert lines(run("zfs_pool_changes", text, importable="", create="tank")) == [
        "zpool create -o ashift=12 -o autotrim=on -O atime=off tank mirror /dev/a /dev/b"
    ]
    message = refusal("zfs_pool_changes", text, importable="")
    assert message.startswith("zfs.tank: there is no pool tank on this host")
    assert "created on mirror /dev/a /dev/b, name it in system_zfs_create_pools" in message


def test_before_zfs_is_installed_a_pool_may_be_there_to_import() -> None:
    assert lines(run("zfs_pool_changes", "{tank: {devices: [/dev/a]}, other: }", create=["tank"])) == ["zpool create tank /dev/a", "zpool import other"]


def test_properties_of_an_imported_pool() -> None:
    read = "tank\tashift\t0\ntank\tautotrim\toff\ntank\tcomment\t-\ntank\tfeature@encryption\tactive\n"
    text = "tank: {properties: {ashift: 12, autotrim: on, comment: the big one, feature@encryption: enabled}}"
    assert lines(run("zfs_pool_changes", text, read=read)) == ["zpool set autotrim=on tank", "zpool set comment=the big one tank"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("tank:", {"importable": ONLINE + ONLINE.replace("126", "127")}, "there are 2 pools called tank to import, 126 and 127"),
        ("tank:", {"importable": ONLINE.replace("ONLINE\n action", "UNAVAIL\n status: One or more devices are missing.\n action")}, "UNAVAIL: One or more"),
        ("tank:", {"importable": "", "create": ["tank"]}, "zfs.tank: tank is to be created, but on what? Give devices (and topology), or vdevs"),
        ("tank: {devices: [-f, /dev/a]}", {"importable": "", "create": ["tank"]}, "zfs.tank: '-f' is no device"),
        ("tank: {devices: {a: }}", {"importable": "", "create": ["tank"]}, "zfs.tank.devices.a: not a key of a vdev, which are: disks, role, type"),
        ("tank: {devices: 5}", {"importable": "", "create": ["tank"]}, "zfs.tank.devices: expected a list of devices, got 5 (int)"),
        (
            "tank: {vdevs: [{type: mirorr, disks: [a, b]}]}",
            {"importable": "", "create": ["tank"]},
            "zfs.tank.vdevs[0].type: expected mirror, raidz, raidz1, raidz2, raidz3, draid, draid1, draid2, draid3, stripe, got 'mirorr'; "
            "did you mean 'mirror'?",
        ),
        (
            "tank: {vdevs: [{type: mirror, diks: [a, b]}]}",
            {"importable": "", "create": ["tank"]},
            "zfs.tank.vdevs[0].diks: not a key of a vdev, which are: disks, role, type; did you mean 'disks'?",
        ),
        ("tank: {topology: miror, disks: [a]}", {"importable": "", "create": ["tank"]}, "got 'miror'; did you mean 'mirror'?"),
        ("tank: {topology: mirror, vdevs: [a, b]}", {"importable": "", "create": ["tank"]}, "zfs.tank.topology: vdevs say it themselves"),
        ("tank: {disks: [/dev/a], devices: [/dev/b]}", {"importable": "", "create": ["tank"]}, "zfs.tank.devices: give vdevs, or devices"),
        (
            "tank: {properties: {ashift: 12}, pool_properties: {ashift: 9}}",
            {},
            "zfs.tank.pool_properties: pool_properties is another name of properties: give one of the two",
        ),
        ("tank: {devices: [/dev/a], vdevs: [/dev/b]}", {"importable": "", "create": ["tank"]}, "zfs.tank.vdevs: give vdevs, or devices and topology"),
        ("tank:", {"create": ["tnak"]}, "tnak is to be created, but the zfs tree has no such pool"),
        ("tank: {properties: x}", {}, "zfs.tank.properties: expected a mapping of pool properties, got 'x'"),
    ],
)
def test_pools_that_cannot_be(text: str, options: dict[str, t.Any], said: str) -> None:
    assert said in refusal("zfs_pool_changes", text, **options)


def test_vdevs_in_any_way_that_reads_well() -> None:
    as_mappings = "[{type: mirror, disks: [/dev/a, /dev/b]}, {role: log, type: stripe, disks: /dev/c}]"
    for vdevs in ("mirror /dev/a /dev/b log /dev/c", "[mirror, /dev/a, /dev/b, log, /dev/c]", "[mirror /dev/a /dev/b, [log, /dev/c]]", as_mappings):
        created = lines(run("zfs_pool_changes", f"tank: {{vdevs: {vdevs}}}", importable="", create=["tank"]))
        assert created == ["zpool create tank mirror /dev/a /dev/b log /dev/c"]


# --- what ZFS is asked first, and how faults are reported ---


@pytest.mark.parametrize(
    ("text", "actual", "trial"),
    [
        ("{compression: zst}", None, "zfs create -n -o compression=zst tank/a"),
        ("{volsize: 1G, volblocksize: 8K}", None, "zfs create -n -V 1G -o volblocksize=8K tank/a"),
        # ZFS minds not that there is one by that name already, and has no other trial for a
        # property that is set.
        ("{compression: zst}", {"compression": "lz4"}, "zfs create -n -o compression=zst tank/a"),
        ("{volsize: 2G, sync: never}", {"type": "volume|-", "volsize": "1073741824", "sync": "standard"}, "zfs create -n -V 2G -o sync=never tank/a"),
        ("{sync: never}", {"type": "volume|-", "volsize": "1073741824", "sync": "standard"}, "zfs create -n -V 1073741824 -o sync=never tank/a"),
    ],
)
def test_what_is_created_or_set_can_be_tried(text: str, actual: dict[str, str] | None, trial: str) -> None:
    read = {} if actual is None else {"read": row("tank/a", **actual)}
    (change,) = run("zfs_dataset_changes", f"tank: {{datasets: {{a: {{properties: {text}}}}}}}", errors=MISSING if actual is None else "", **read)
    assert " ".join(change["trial"]) == trial


def test_the_creation_of_a_pool_can_be_tried() -> None:
    (change,) = run("zfs_pool_changes", "tank: {devices: [/dev/a], properties: {ashift: 12}}", importable="", create=["tank"])
    assert " ".join(change["trial"]) == "zpool create -n -o ashift=12 tank /dev/a"


def test_a_report_has_the_fault_that_else_is_an_error() -> None:
    for options in ({}, {"create": ["tnak"]}):
        said = refusal("zfs_pool_changes", "tank:", importable="", **options)
        assert run("zfs_pool_changes", "tank:", importable="", report=True, **options) == {"changes": [], "faults": [said]}
    assert run("zfs_dataset_changes", "tank:", report=True) == {"changes": [], "faults": []}


# --- keys ---

RAW = base64.b64encode(b"k" * 32).decode()


def files(*formats: str) -> list[dict[str, str]]:
    return [{"dataset": f"tank/{one}", "path": f"/keys/tank_{one}", "keyformat": one} for one in formats]


def test_key_files_of_a_tree() -> None:
    text = """
    tank:
      datasets:
        raw: {properties: {encryption: on, keyformat: raw}}
        hex: {properties: {encryption: on, keyformat: hex, keylocation: 'file:///elsewhere'}, datasets: {below: {properties: {encryption: on}}}}
        typed: {properties: {encryption: on, keyformat: passphrase, keylocation: prompt}}
        plain:
    """
    assert run("zfs_key_files", text, keys_directory="/keys") == [
        {"dataset": "tank/raw", "path": "/keys/tank_raw", "keyformat": "raw"},
        {"dataset": "tank/hex", "path": "/elsewhere", "keyformat": "hex"},
    ]
    same = "tank: {datasets: {a_b: {properties: {encryption: on, keyformat: raw}}, a/b: {properties: {encryption: on, keyformat: raw}}}}"
    assert "tank/a/b and tank/a_b have the same key file, /root/zfs/keys/tank_a_b" in refusal("zfs_key_files", same)
    assert "keyformat: encryption needs a keyformat" in refusal("zfs_key_files", "tank: {datasets: {a: {properties: {encryption: on}}}}")


def test_keys_are_written_where_there_are_none() -> None:
    keys = {"tank/raw": RAW, "tank/hex": "ab" * 32, "tank/passphrase": "correct horse\n"}
    changes = FILTERS["zfs_key_changes"](files("raw", "hex", "passphrase"), keys)
    assert [base64.b64decode(change["content"]) for change in changes] == [b"k" * 32, b"ab" * 32, b"correct horse"]
    sums = f"{hashlib.sha256(b'k' * 32).hexdigest()}  /keys/tank_raw\n"
    sums += f"{hashlib.sha256(b'ab' * 32).hexdigest()}  /keys/tank_hex\n"
    # Made with echo: ZFS reads it up to the end of the line.
    sums += f"{hashlib.sha256(b'correct horse' + bytes([10])).hexdigest()}  /keys/tank_passphrase\n"
    assert FILTERS["zfs_key_changes"](files("raw", "hex", "passphrase"), keys, sums) == []
    assert FILTERS["zfs_key_changes"](files("raw"), {}, sums) == []


@pytest.mark.parametrize(
    ("keys", "sums", "said"),
    [
        ({}, "", "tank/raw needs a key: put it into /keys/tank_raw on the host, or into system_zfs_keys"),
        ({"tank/raw": RAW}, "00  /keys/tank_raw\n", "/keys/tank_raw on the host has another key than system_zfs_keys has for tank/raw"),
        ({"tank/raw": "c2hvcnQ="}, "", "system_zfs_keys['tank/raw']: a key of the format raw has 32 bytes"),
        ({"tank/raw": 5}, "", "system_zfs_keys['tank/raw']: expected a text"),
        ({"tank/raw": RAW, "tank/wra": RAW}, "", "system_zfs_keys has a key for tank/wra, which is no dataset with a key file of its own"),
    ],
)
def test_keys_that_cannot_be(keys: dict[str, t.Any], sums: str, said: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        FILTERS["zfs_key_changes"](files("raw"), keys, sums)
    assert said in str(error.value)
    assert RAW not in str(error.value)


# --- delegations ---


def test_delegations_are_options_of_the_module() -> None:
    text = "tank: {delegation: {users: u, jobs: prune}, datasets: {a: {delegation: [{groups: [g], permissions: [send]}, {everyone: true}]}, b: }}"
    assert run("zfs_delegations", text) == [
        {"dataset": "tank", "users": "u", "jobs": "prune"},
        {"dataset": "tank/a", "groups": ["g"], "permissions": ["send"]},
        {"dataset": "tank/a", "everyone": True},
    ]
    message = refusal("zfs_delegations", "tank: {datasets: {a: {delegation: [{user: u}]}}}")
    assert message.startswith("zfs.tank.datasets.a.delegation[0].user: not an option of zfs_delegate, which are: create_time,")
