# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slips in a tree: each is one error that names its path and what was meant."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter import zfs_tree
from called import filters, said_by
from test_zfs_tree import policies, run

FILTERS = filters(zfs_tree)

said = said_by(zfs_tree)

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
        "extra_zfs_properties, policy, properties, snapshot_hooks, snapshots_discover_children, state",
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
    assert said == [f"{message}. Nobody reads it."] * 2


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
