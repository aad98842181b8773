# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each filter makes of trees written down here, and what wrong trees are told."""

from __future__ import annotations

import copy

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter import zfs_tree
from called import filters

FILTERS = filters(zfs_tree)

TREE = """
fastpool:
  vdevs: [{type: mirror, disks: [/dev/sda, /dev/sdb]}]
  datasets:
    compositions:
      policy: critical
      children_inherit_policy: true
      snapshots_discover_children: true
      properties: {compression: zstd}
      datasets:
        gitea:
          datasets:
            db: {delegation: {users: [backup], permissions: [send]}}
        logs:
          policy: none
          datasets: {old: }
        cache: {policy: low}
    media/films: {policy: high, config: {recordsize: 1M}}
slowpool:
"""


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """What would be shown, rather than showing it."""
    shown = []
    monkeypatch.setattr(zfs_tree.display, "deprecated", lambda msg, **kw: shown.append((msg, kw)))
    monkeypatch.setattr(zfs_tree.display, "warning", lambda msg: shown.append((msg, {})))
    return shown


def run(name, text):
    return FILTERS[name](yaml.safe_load(text))


def policies(text):
    return {entry["dataset"]: entry["policy"] for entry in run("zfs_datasets_with_policy", text)}


EXPECTED = {
    "zfs_snapshot_hooks": {},
    "zfs_all_pools": ["fastpool", "slowpool"],
    "zfs_all_datasets": [
        "fastpool/compositions",
        "fastpool/compositions/gitea",
        "fastpool/compositions/gitea/db",
        "fastpool/compositions/logs",
        "fastpool/compositions/logs/old",
        "fastpool/compositions/cache",
        "fastpool/media/films",
    ],
    "zfs_datasets_with_policy": [
        {"dataset": "fastpool/compositions", "policy": "critical", "snapshots_discover_children": True},
        {"dataset": "fastpool/compositions/gitea", "policy": "critical", "snapshots_discover_children": False},
        {"dataset": "fastpool/compositions/gitea/db", "policy": "critical", "snapshots_discover_children": False},
        {"dataset": "fastpool/compositions/logs", "policy": "none", "snapshots_discover_children": False},
        {"dataset": "fastpool/compositions/logs/old", "policy": "none", "snapshots_discover_children": False},
        {"dataset": "fastpool/compositions/cache", "policy": "low", "snapshots_discover_children": False},
        {"dataset": "fastpool/media/films", "policy": "high", "snapshots_discover_children": False},
    ],
    "zfs_replication_sources": {
        "source": ["fastpool/compositions", "fastpool/media/films"],
        "exclude": ["fastpool/compositions/logs", "fastpool/compositions/cache"],
    },
    "zfs_datasets_with_config": [
        {"dataset": "fastpool/compositions", "policy": "critical", "properties": {"compression": "zstd"}},
        {"dataset": "fastpool/compositions/gitea", "policy": "critical"},
        {
            "dataset": "fastpool/compositions/gitea/db",
            "policy": "critical",
            "delegation": {"users": ["backup"], "permissions": ["send"]},
        },
        {"dataset": "fastpool/compositions/logs", "policy": "none"},
        {"dataset": "fastpool/compositions/logs/old", "policy": "none"},
        {"dataset": "fastpool/compositions/cache", "policy": "low"},
        {"dataset": "fastpool/media/films", "policy": "high", "properties": {"recordsize": "1M"}},
    ],
}
EXPECTED["zfs_critical_datasets"] = EXPECTED["zfs_datasets_with_config"][:3]
EXPECTED["zfs_offsite_datasets"] = EXPECTED["zfs_datasets_with_config"][:3]
EXPECTED["zfs_backup_datasets"] = [*EXPECTED["zfs_datasets_with_config"][:3], EXPECTED["zfs_datasets_with_config"][6]]
EXPECTED["zfs_encrypted_datasets"] = []
EXPECTED["zfs_datasets_with_importance"] = [
    {"dataset": "fastpool/compositions", "importance": "critical", "discover_children": True},
    {"dataset": "fastpool/compositions/gitea", "importance": "critical", "discover_children": False},
    {"dataset": "fastpool/compositions/gitea/db", "importance": "critical", "discover_children": False},
    {"dataset": "fastpool/compositions/logs", "importance": "none", "discover_children": False},
    {"dataset": "fastpool/compositions/logs/old", "importance": "none", "discover_children": False},
    {"dataset": "fastpool/compositions/cache", "importance": "low", "discover_children": False},
    {"dataset": "fastpool/media/films", "importance": "high", "discover_children": False},
]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_each_filter_on_one_tree_in_both_shapes(name):
    tree = yaml.safe_load(TREE)
    before = copy.deepcopy(tree)
    assert FILTERS[name](tree) == EXPECTED[name]
    assert FILTERS[name]({"pools": tree, "backups": ["tank/data"]}) == EXPECTED[name]
    assert tree == before


def test_a_new_word_says_nothing(said):
    run("zfs_datasets_with_policy", TREE)
    assert said == []


# --- shapes ---


@pytest.mark.parametrize(
    ("text", "pools", "datasets"),
    [
        ("{}", [], []),
        ("pools:", [], []),
        ("{tank: , other: {vdevs: []}}", ["tank", "other"], []),
        ("pools: {datasets: {a: }}", ["pools"], ["pools/a"]),
        ("pools: {pools: {datasets: {a: }}}", ["pools"], ["pools/a"]),
        ("{pools: {tank: {datasets: {a: }}}, more: {datasets: {b: }}}", ["tank", "more"], ["tank/a", "more/b"]),
        ("{tank: {datasets: {a: }}, backups: [tank/a]}", ["tank"], ["tank/a"]),
        # A pool's root dataset is spoken of where the pool says a word about it; its properties are
        # the pool's.
        ("tank: {policy: low, properties: {ashift: 12}, datasets: {a: }}", ["tank"], ["tank", "tank/a"]),
        ("tank: {properties: {ashift: 12}, datasets: {a: }}", ["tank"], ["tank/a"]),
        # Children before parents in the tree, parents first in the result.
        ("tank: {datasets: {a/b/c: , z: , a/b: , a: }}", ["tank"], ["tank/a", "tank/a/b", "tank/a/b/c", "tank/z"]),
    ],
)
def test_shapes(text, pools, datasets):
    assert run("zfs_all_pools", text) == pools
    assert run("zfs_all_datasets", text) == datasets


def test_the_properties_of_a_pool_are_not_those_of_its_root_dataset():
    text = "tank: {policy: low, properties: {ashift: 12, encryption: 'on'}, delegation: [{users: [u]}]}"
    assert run("zfs_datasets_with_config", text) == [{"dataset": "tank", "policy": "low", "delegation": [{"users": ["u"]}]}]
    assert run("zfs_encrypted_datasets", text) == []


# --- inheritance ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "tank: {policy: high, children_inherit_policy: true, datasets: {a: {datasets: {b: }}}}",
            {"tank": "high", "tank/a": "high", "tank/a/b": "high"},
        ),
        ("tank: {datasets: {a: {policy: high, datasets: {b: }}}}", {"tank/a": "high", "tank/a/b": "none"}),
        # Its own policy ends a chain, and begins another only if it says so.
        (
            "tank: {datasets: {a: {policy: high, children_inherit_policy: yes, datasets: {b: {policy: low, datasets: "
            "{c: , d: {policy: critical, children_inherit_policy: 'true', datasets: {e: }}}}}}}}",
            {
                "tank/a": "high",
                "tank/a/b": "low",
                "tank/a/b/c": "none",
                "tank/a/b/d": "critical",
                "tank/a/b/d/e": "critical",
            },
        ),
        # Nothing is what it says: not set. Nor does 'false' end what an ancestor began.
        (
            "tank: {datasets: {a: {policy: mine, children_inherit_policy: true, datasets: {b: {policy: , children_inherit_policy: false, datasets: {c: }}}}}}",
            {"tank/a": "mine", "tank/a/b": "mine", "tank/a/b/c": "mine"},
        ),
        # A slash name inherits from its nearest declared ancestor, wherever that one stands.
        (
            "tank: {datasets: {a/b/c: , a: {policy: high, children_inherit_policy: true}, a/b/x: {policy: low}}}",
            {"tank/a": "high", "tank/a/b/c": "high", "tank/a/b/x": "low"},
        ),
    ],
)
def test_inheritance(text, expected):
    assert policies(text) == expected


# --- encryption ---


def test_encrypted_datasets_and_whose_key_they_need():
    text = """
    tank:
      datasets:
        plain: {properties: {encryption: off}}
        plainer: {properties: {encryption: "off"}}
        secret:
          properties: {encryption: aes-256-gcm, keyformat: passphrase}
          datasets:
            inherits: {properties: {compression: zstd}}
            other_cipher: {properties: {encryption: aes-128-gcm}}
            own_key: {config: {keyformat: raw}, datasets: {below: {properties: {encryption: on}}}}
            opened: {properties: {encryption: off}, datasets: {again: {properties: {encryption: on}}}}
    """
    got = [(entry["dataset"], entry["encryption_root"]) for entry in run("zfs_encrypted_datasets", text)]
    assert got == [
        ("tank/secret", "tank/secret"),
        ("tank/secret/other_cipher", "tank/secret"),
        ("tank/secret/own_key", "tank/secret/own_key"),
        ("tank/secret/own_key/below", "tank/secret/own_key"),
        ("tank/secret/opened/again", "tank/secret/opened/again"),
    ]
    assert run("zfs_encrypted_datasets", text)[0]["properties"] == {
        "encryption": "aes-256-gcm",
        "keyformat": "passphrase",
    }


# --- old words ---


def test_old_words_mean_what_the_new_ones_do_and_are_named_once(said):
    old = TREE.replace("children_inherit_policy", "inherit_policy").replace("snapshots_discover", "discover")
    old = old.replace(" policy:", " importance:").replace("{policy:", "{importance:")
    assert run("zfs_datasets_with_policy", old) == EXPECTED["zfs_datasets_with_policy"]
    assert said == [
        (
            f"The key '{before}' in the zfs tree is deprecated, use '{after}'.",
            {"version": "2.0.0", "collection_name": "ferro.zfs"},
        )
        for before, after in (
            ("importance", "policy"),
            ("inherit_policy", "children_inherit_policy"),
            ("discover_children", "snapshots_discover_children"),
        )
    ]


def test_the_old_filter_names_its_successor(said):
    run("zfs_datasets_with_importance", "tank:")
    assert said == [
        (
            "The filter zfs_datasets_with_importance is deprecated, use ferro.zfs.zfs_datasets_with_policy.",
            {"version": "2.0.0", "collection_name": "ferro.zfs"},
        )
    ]


def test_old_and_new_word_may_agree():
    assert policies("tank: {datasets: {a: {policy: high, importance: high}}}") == {"tank/a": "high"}


def test_replication_sources_name_what_differs_from_above():
    zfs = yaml.safe_load(TREE)
    # `logs/old` is as little wanted as `logs`, so it goes without saying.
    zfs["fastpool"]["datasets"]["compositions"]["datasets"]["logs"]["datasets"]["audit"] = {"policy": "critical"}
    sources = FILTERS["zfs_replication_sources"]
    assert sources(zfs, ["critical"], below="vault/nas") == {
        "source": ["vault/nas/fastpool/compositions", "vault/nas/fastpool/compositions/logs/audit"],
        "exclude": ["vault/nas/fastpool/compositions/logs", "vault/nas/fastpool/compositions/cache"],
    }
    mixed = yaml.safe_load("tank: {policy: high, datasets: {data: , backups: {policy: critical, datasets: {nas: {policy: critical}}}}}")
    mixed["tank"]["children_inherit_policy"] = True
    assert sources(mixed) == {"source": ["tank"], "exclude": []}
    for replicas in ("tank/backups", ["tank/backups", "gone"], "tank/backups, gone"):
        assert sources(mixed, replicas=replicas) == {"source": ["tank"], "exclude": ["tank/backups"]}
    assert sources(mixed, replicas=["tank/undeclared"]) == {"source": ["tank"], "exclude": ["tank/undeclared"]}
    assert sources(zfs, policies=["mine"]) == {"source": [], "exclude": []}
    assert sources(mixed, "low,critical", replicas=None) == {"source": ["tank/backups"], "exclude": []}
    with pytest.raises(AnsibleFilterError, match="expected a list of names"):
        sources(zfs, {"critical": 1})


# --- replicas ---


def test_replicas_have_no_policy_for_snapshots_whatever_is_discovered():
    filter_ = FILTERS["zfs_datasets_with_policy"]
    tree = yaml.safe_load("pool: {datasets: {backups: {policy: high, datasets: {host: {policy: low}}}, backups2: {policy: low}}}")
    assert [d["dataset"] for d in filter_(tree, replicas=["pool/backups"])] == ["pool/backups2"]
    assert filter_(tree, replicas=[]) == filter_(tree)
    tree["pool"] |= {"policy": "low", "snapshots_discover_children": True}
    assert filter_(tree, replicas="pool/backups") == [
        {"dataset": "pool", "policy": "low", "snapshots_discover_children": True},
        {"dataset": "pool/backups2", "policy": "low", "snapshots_discover_children": False},
        {"dataset": "pool/backups", "policy": "none", "snapshots_discover_children": False},
    ]


def test_snapshot_hooks_are_worded_as_the_module_takes_them() -> None:
    text = """
    tank:
      snapshot_hooks: {after: [/bin/sync]}
      datasets:
        db: {policy: high, snapshot_hooks: {before: [/usr/sbin/db, freeze, 5], timeout: 30s, on_failure: skip}}
        replicas/nas/db: {snapshot_hooks: {before: [/bin/true]}}
        plain: {policy: low, snapshot_hooks: }
    """
    hooks = FILTERS["zfs_snapshot_hooks"](yaml.safe_load(text), replicas="tank/replicas")
    assert hooks == {"tank": {"after": ["/bin/sync"]}, "tank/db": {"before": ["/usr/sbin/db", "freeze", 5], "timeout": "30s", "on_failure": "skip"}}


@pytest.mark.parametrize(
    ("hooks", "why"),
    [
        ("{befor: [/bin/true]}", "snapshot_hooks.befor: not a key of snapshot_hooks, which are: before, after, timeout, on_failure; did you mean 'before'?"),
        ("{before: /bin/true}", "snapshot_hooks.before: expected a program by its full path and its arguments, as a list, got '/bin/true'"),
        ("{before: [db, freeze]}", "snapshot_hooks.before: no shell looks for a program, so give its full path, got 'db'"),
        ("{after: [/bin/true], on_failure: stop}", "snapshot_hooks.on_failure: expected fail, skip, continue, got 'stop'"),
        ("{timeout: 30s}", "snapshot_hooks: neither before nor after is given"),
    ],
)
def test_wrong_snapshot_hooks_say_where(hooks: str, why: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        run("zfs_snapshot_hooks", f"{{tank: {{datasets: {{db: {{snapshot_hooks: {hooks}}}}}}}}}")
    assert why in str(error.value)
