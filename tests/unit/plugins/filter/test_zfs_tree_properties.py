# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every tree: above all, that the filters agree about each dataset's policy."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.ferro.zfs.plugins.filter import zfs_tree
from called import filters
from hypothesis import given
from hypothesis import strategies as st

FILTERS = filters(zfs_tree)


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Old words are drawn all the time; what is said about them is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zfs_tree.display, "deprecated", lambda *args, **kwargs: None)
        yield


POLICIES = ["none", "low", "high", "critical", "mine"]


@st.composite
def settings(draw, children, is_pool=False):
    """One dataset's or pool's settings: new words, old words, nothing at all."""
    body = {}
    if draw(st.booleans()):
        body[draw(st.sampled_from(["policy", "importance"]))] = draw(st.sampled_from([*POLICIES, None]))
    if draw(st.booleans()):
        word = draw(st.sampled_from(["children_inherit_policy", "inherit_policy"]))
        body[word] = draw(st.sampled_from([True, False, "yes", "no"]))
    if draw(st.booleans()):
        body[draw(st.sampled_from(["snapshots_discover_children", "discover_children"]))] = draw(st.booleans())
    if draw(st.booleans()):
        body[draw(st.sampled_from(["properties", "pool_properties" if is_pool else "config"]))] = draw(st.sampled_from([{}, {"encryption": "on"}]))
    if children is not None and draw(st.booleans()):
        body["datasets"] = draw(children)
    return body or None


# Nested maps use the letters, slash names the capitals: no tree says one name twice.
NESTED = st.sampled_from("abc")
SLASHED = st.lists(st.sampled_from("XYZ"), min_size=1, max_size=3).map("/".join)


def datasets(depth):
    return st.dictionaries(
        st.one_of(NESTED, SLASHED) if depth == 3 else NESTED,
        settings(datasets(depth - 1) if depth else None),
        max_size=4,
    )


TREES = st.dictionaries(st.sampled_from(["tank", "fast", "slow"]), settings(datasets(3), is_pool=True), max_size=3)


def truth(tree):
    """The rule as the documentation words it, worked out for one dataset at a time: policy by name."""
    stated, hands_down = {}, {}

    def note(name, body, listed=True):
        body = body or {}
        if listed:
            own = body.get("policy", body.get("importance"))
            flag = body.get("children_inherit_policy", body.get("inherit_policy"))
            stated[name], hands_down[name] = own, flag in (True, "yes")
        for key, child in (body.get("datasets") or {}).items():
            note(f"{name}/{key}", child)

    for pool, body in tree.items():
        words = [value for key, value in (body or {}).items() if key not in ("properties", "pool_properties", "config", "datasets")]
        note(pool, body, listed=any(value is not None for value in words))

    def policy(name):
        if stated[name]:
            return stated[name]
        above = [other for other in stated if name.startswith(f"{other}/")]
        # From the nearest ancestor up: one that hands down decides, one with a policy of its own
        # ends the search.
        for ancestor in sorted(above, key=len, reverse=True):
            if hands_down[ancestor]:
                return policy(ancestor)
            if stated[ancestor]:
                break
        return "none"

    return {name: policy(name) for name in stated}


@given(TREES)
def test_the_filters_agree(tree):
    expected = truth(tree)
    with_policy = {entry["dataset"]: entry["policy"] for entry in FILTERS["zfs_datasets_with_policy"](tree)}
    assert with_policy == expected

    def named(name):
        got = FILTERS[name](tree)
        # Where a filter gives a policy too, it is the same one.
        assert all(entry["policy"] == expected[entry["dataset"]] for entry in got)
        return {entry["dataset"] for entry in got}

    critical, backup, offsite = map(named, ("zfs_critical_datasets", "zfs_backup_datasets", "zfs_offsite_datasets"))
    assert critical == {name for name, policy in expected.items() if policy == "critical"}
    assert backup == {name for name, policy in expected.items() if policy in ("high", "critical")}
    assert offsite == critical <= backup <= named("zfs_datasets_with_config") == set(expected)
    assert named("zfs_encrypted_datasets") <= set(expected)
    old = {entry["dataset"]: entry["importance"] for entry in FILTERS["zfs_datasets_with_importance"](tree)}
    assert old == expected


@given(TREES)
def test_parents_come_first_and_nothing_comes_twice(tree):
    names = FILTERS["zfs_all_datasets"](tree)
    assert len(names) == len(set(names))
    for index, name in enumerate(names):
        assert not any(name.startswith(f"{later}/") for later in names[index:])
    for other in ("zfs_datasets_with_config", "zfs_datasets_with_policy", "zfs_datasets_with_importance"):
        assert [entry["dataset"] for entry in FILTERS[other](tree)] == names
    for some in ("zfs_critical_datasets", "zfs_backup_datasets", "zfs_offsite_datasets", "zfs_encrypted_datasets"):
        picked = [entry["dataset"] for entry in FILTERS[some](tree)]
        assert picked == [name for name in names if name in picked]
    assert FILTERS["zfs_all_pools"](tree) == list(tree)


@given(TREES)
def test_both_shapes_and_a_second_call_give_the_same(tree):
    before = copy.deepcopy(tree)
    for one in FILTERS.values():
        first = one(tree)
        assert one(tree) == first
        assert one({"pools": tree, "backups": ["tank/a"]}) == first
    assert tree == before


@given(TREES)
def test_a_dataset_with_a_key_of_its_own_or_of_an_ancestor(tree):
    encrypted = FILTERS["zfs_encrypted_datasets"](tree)
    roots = {entry["encryption_root"] for entry in encrypted}
    # Every root is itself in the list, so a role finds its keylocation there.
    assert roots <= {entry["dataset"] for entry in encrypted}
    for entry in encrypted:
        assert f"{entry['dataset']}/".startswith(f"{entry['encryption_root']}/")
