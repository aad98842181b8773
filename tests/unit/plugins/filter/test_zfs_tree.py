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


# --- keys that nobody reads ---

SLIPS = [
    # Each of these once cost the dataset its snapshots and its backup, without a word.
    ("tank: {datasets: {a: {polcy: high}}}", "zfs.tank.datasets.a.polcy: 'polcy' is not a key of a dataset; did you mean 'policy'?"),
    (
        "tank: {datasets: {a: {policy: high, snapshot_discover_children: true}}}",
        "zfs.tank.datasets.a.snapshot_discover_children: 'snapshot_discover_children' is not a key of a dataset; did you mean 'snapshots_discover_children'?",
    ),
    ("tank: {datsets: {a: {policy: high}}}", "zfs.tank.datsets: 'datsets' is not a key of a pool; did you mean 'datasets'?"),
    ("tank: {datasets: {a: {datsets: {b: }}}}", "zfs.tank.datasets.a.datsets: 'datsets' is not a key of a dataset; did you mean 'datasets'?"),
    (
        "tank: {datasets: {a: }, b: {policy: critical}}",
        "zfs.tank.b: 'b' is not a key of a pool; if it is a dataset, it goes below 'datasets'",
    ),
    (
        "tank: {datasets: {a: {compression: zstd}}}",
        "zfs.tank.datasets.a.compression: 'compression' is not a key of a dataset; a property of ZFS goes below 'properties'",
    ),
    ("tank: {atime: off}", "zfs.tank.atime: 'atime' is not a key of a pool; a property of ZFS goes below 'root_properties'"),
    (
        "{pools: {tank: }, fast: {datsets: {a: {policy: high}}}}",
        "zfs.fast: it stands beside 'pools' and has no 'datasets', so it is no pool; a pool goes below 'pools'",
    ),
    (
        "tank: {datasets: {a: {infra: {backup: true}}}}",
        "zfs.tank.datasets.a.infra: 'infra' is not a key of a dataset, which are: children_inherit_policy, config, datasets, delegation, "
        "extra_zfs_properties, policy, properties, snapshots_discover_children, state",
    ),
]


@pytest.mark.parametrize(("text", "message"), SLIPS)
def test_a_word_that_nobody_reads_is_an_error_and_names_what_was_meant(text, message, said):
    for name in sorted(FILTERS):
        with pytest.raises(AnsibleFilterError) as caught:
            run(name, text)
        assert str(caught.value) == f"{message} (zfs_strict: false makes this a warning)"
    said.clear()
    # Read from the variables beside the tree, or given for the tree of another host.
    assert filters(zfs_tree, zfs_strict="no")["zfs_all_pools"](yaml.safe_load(text)) == ["tank"]
    assert filters(zfs_tree, zfs_strict=True)["zfs_all_pools"](yaml.safe_load(text), strict=False) == ["tank"]
    assert said == [(f"{message}. Nobody reads it.", {})] * 2


def test_all_such_words_are_named_at_once():
    with pytest.raises(AnsibleFilterError, match=r"zfs\.tank\.topolgy: .*'topology'\?; zfs\.tank\.datasets\.a\.polcy: .*'policy'\?"):
        run("zfs_all_pools", "tank: {topolgy: mirror, datasets: {a: {polcy: high}}}")


def test_other_words_of_older_inventories():
    entries = run("zfs_datasets_with_config", "tank: {state: present, datasets: {a: {state: present, extra_zfs_properties: {compression: lz4}}}}")
    assert entries == [{"dataset": "tank/a", "policy": "none", "properties": {"compression": "lz4"}}]


def test_a_bad_encryption_concerns_who_asks_for_encryption():
    text = "tank: {datasets: {a: {policy: high, properties: {encryption: {cipher: aes-256-gcm}}}, b: }}"
    assert run("zfs_all_pools", text) == ["tank"]
    assert run("zfs_all_datasets", text) == ["tank/a", "tank/b"]
    assert policies(text) == {"tank/a": "high", "tank/b": "none"}
    with pytest.raises(AnsibleFilterError, match=r"zfs\.tank\.datasets\.a\.properties\.encryption: expected on, off or a cipher, got a mapping"):
        run("zfs_encrypted_datasets", text)
    with pytest.raises(AnsibleFilterError, match="expected on, off or a cipher, got 'aes-256-gmc'; did you mean 'aes-256-gcm'"):
        run("zfs_encrypted_datasets", "tank: {datasets: {a: {properties: {encryption: aes-256-gmc}}}}")


# --- errors ---

POLICY_WANTED = "expected the name of a policy (none, low, high, critical or one of your own)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "zfs: expected a mapping of pools, got nothing"),
        ("[tank]", "zfs: expected a mapping of pools, got a list"),
        ("tank", "zfs: expected a mapping of pools, got 'tank'"),
        ("pools: [tank]", "zfs.pools: expected a mapping of pools, got a list"),
        ("tank: 5", "zfs.tank: expected a mapping of the pool's settings, got 5 (int)"),
        ("pools: {tank: x}", "zfs.pools.tank: expected a mapping of the pool's settings, got 'x'"),
        ("tank: {datasets: [a]}", "zfs.tank.datasets: expected a mapping of dataset names, got a list"),
        ("tank: {datasets: {a: true}}", "zfs.tank.datasets.a: expected a mapping of the dataset's settings, got true"),
        ("tank: {datasets: {a: {datasets: b}}}", "zfs.tank.datasets.a.datasets: expected a mapping of dataset names, got 'b'"),
        ("tank: {datasets: {data: {policy: 5}}}", f"zfs.tank.datasets.data.policy: {POLICY_WANTED}, got 5 (int)"),
        ("tank: {datasets: {data: {policy: no}}}", f"zfs.tank.datasets.data.policy: {POLICY_WANTED}, got false"),
        ("tank: {datasets: {data: {policy: ''}}}", f"zfs.tank.datasets.data.policy: {POLICY_WANTED}, got ''"),
        ("tank: {datasets: {a: {importance: [x]}}}", f"zfs.tank.datasets.a.importance: {POLICY_WANTED}, got a list"),
        (
            "tank: {datasets: {a/b: {children_inherit_policy: maybe}}}",
            "zfs.tank.datasets.a/b.children_inherit_policy: expected true or false, got 'maybe'",
        ),
        (
            "tank: {datasets: {a.b: {snapshots_discover_children: {}}}}",
            "zfs.tank.datasets['a.b'].snapshots_discover_children: expected true or false, got a mapping",
        ),
        (
            "tank: {datasets: {a: {policy: high, importance: low}}}",
            "zfs.tank.datasets.a.importance: importance is the old name of policy, and the two differ here: keep policy",
        ),
        ("tank: {datasets: {a: {properties: [x]}}}", "zfs.tank.datasets.a.properties: expected a mapping of ZFS properties, got a list"),
        (
            "tank: {datasets: {a: {properties: {x: y}, config: {x: y}}}}",
            "zfs.tank.datasets.a.config: config is another name of properties: give one of the two",
        ),
        (
            "tank: {datasets: {a: {properties: {encryption: 1}}}}",
            "zfs.tank.datasets.a.properties.encryption: expected on, off or a cipher, got 1 (int)",
        ),
        (
            "tank: {datasets: {a: {delegation: backup}}}",
            "zfs.tank.datasets.a.delegation: expected a mapping of grants, or a list of such, got 'backup'",
        ),
        (
            "tank: {datasets: {a: {delegation: [backup]}}}",
            "zfs.tank.datasets.a.delegation[0]: expected a mapping of one grant, got 'backup'",
        ),
        (
            "tank: {datasets: {a: {datasets: {b: }}, a/b: }}",
            "zfs.tank.datasets.a/b: tank/a/b is declared twice, also at zfs.tank.datasets.a.datasets.b",
        ),
        (
            "{pools: {tank: }, tank: {datasets: {a: }}}",
            "zfs.tank: pool tank is declared twice, also at zfs.pools.tank",
        ),
        (
            "tank: {datasets: {a: {state: absent}}}",
            "zfs.tank.datasets.a.state: nothing here destroys, so state can only be present, got 'absent'; take it out of the tree, and destroy "
            "it by hand if that is what you want",
        ),
        (
            "tank: {datasets: {a: {properties: {x: y}, extra_zfs_properties: {x: y}}}}",
            "zfs.tank.datasets.a.extra_zfs_properties: extra_zfs_properties is another name of properties: give one of the two",
        ),
        ("1tank:", "zfs.1tank: not a pool name: a pool's name begins with a letter"),
        ("tank/data:", "zfs.tank/data: not a pool name: a pool's name has no '/'"),
        ("-tank:", "zfs.-tank: not a pool name: it, or a part of it, begins with '-'"),
        ("on:", "zfs.True: not a pool name: YAML reads it as true, so put it in quotes"),
    ],
)
def test_errors_give_the_path(text, message):
    for name in sorted(FILTERS):
        if name == "zfs_encrypted_datasets" or "encryption" not in text:  # which concerns nobody else
            with pytest.raises(AnsibleFilterError) as caught:
                run(name, text)
            assert str(caught.value) == message


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "empty, or an empty part beside a '/'"),
        ("/a", "empty, or an empty part beside a '/'"),
        ("a/", "empty, or an empty part beside a '/'"),
        ("a//b", "empty, or an empty part beside a '/'"),
        ("a/..", "'..' is not a name"),
        ("-a", "it, or a part of it, begins with '-'"),
        ("a/-rf", "it, or a part of it, begins with '-'"),
        (" a", "white space at an end"),
        ("a /b", "white space at an end"),
        ("a\n", "white space at an end"),
        ("a@b", "'@' is not allowed in it"),
        ("a#b", "'#' is not allowed in it"),
        ("a%recv", "'%' is not allowed in it"),
        ("a\nb", "'\n' is not allowed in it"),
        ("a$(id)", "'$' is not allowed in it"),
        ("é", "'é' is not allowed in it"),
        (2024, "YAML reads it as 2024 (int), so put it in quotes"),
        ("x" * 251, "longer than 255 characters with its parents"),
    ],
)
def test_names_that_zfs_does_not_take(key, fault):
    with pytest.raises(AnsibleFilterError) as caught:
        FILTERS["zfs_all_datasets"]({"tank": {"datasets": {key: None}}})
    assert str(caught.value).startswith("zfs.tank.datasets")
    assert str(caught.value).endswith(f": not a dataset name: {fault}")


@pytest.mark.parametrize("key", ["a b", "a.b:c_d-e", "2024", "x" * 250, "a/b c/d"])
def test_names_that_zfs_takes(key):
    assert FILTERS["zfs_all_datasets"]({"tank": {"datasets": {key: None}}}) == [f"tank/{key}"]


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
