# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one walk of the ``zfs:`` tree: what it declares, and which policy each dataset ends up with.

Pure: no files, no processes, no display. Everything the filters say comes from walk(), so two
filters cannot disagree about what a dataset's policy is. Reading comes first and resolving second,
because a slash name may be declared before or away from its ancestors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import place, shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import ancestors
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import (
    DATASET_WORDS,
    HOOK_WORDS,
    OLD_WORDS,
    ON_FAILURE,
    POLICY_WORDS,
    POOL_WORDS,
    PROPERTIES,
    meant,
    unknown_word,
)

T = TypeVar("T")

ENCRYPTION = {"on", "off", *(f"aes-{bits}-{mode}" for bits in (128, 192, 256) for mode in ("ccm", "gcm"))}
# ZFS_MAX_DATASET_NAME_LEN is 256 with its closing NUL.
MAX_NAME = 255


class TreeError(ValueError):
    """The tree has a wrong shape; the text begins with the path of the place in the tree."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")


@dataclass(frozen=True)
class Declared:
    """One dataset as the tree words it, before anything is inherited."""

    name: str
    path: str
    policy: str | None
    hands_down: bool
    discovers: bool
    properties: Mapping[str, Any] | None
    delegation: Any
    hooks: Mapping[str, Any] | None


@dataclass(frozen=True)
class Dataset:
    """One dataset with everything resolved."""

    name: str
    path: str
    policy: str
    discovers: bool
    properties: Mapping[str, Any] | None
    delegation: Any
    # Asks for encryption itself, rather than by being below a dataset that does.
    declares_encryption: bool
    # The dataset whose key unlocks this one, as far as the tree tells; None: not encrypted.
    encryption_root: str | None
    # The policy that children without their own get; None: they get 'none'.
    hands_down: str | None
    # What is wrong with what the tree says of its encryption. It concerns who asks for that, and
    # nobody else.
    encryption_fault: TreeError | None = None
    # Commands before and after its snapshots.
    hooks: Mapping[str, Any] | None = None


@dataclass
class Tree:
    """What a walk found: pools and datasets in the order of the tree, parents first."""

    pools: list[str] = field(default_factory=list)
    # By pool: its path, and everything that the tree says of it.
    settings: dict[str, tuple[str, Mapping[Any, Any]]] = field(default_factory=dict)
    datasets: list[Dataset] = field(default_factory=list)
    # (old word, new word), each once.
    old_words: list[tuple[str, str]] = field(default_factory=list)
    # What is said of keys that nobody reads, each with its path. A misspelt one costs a dataset its
    # backup.
    unknown: list[str] = field(default_factory=list)


def walk(zfs: Any) -> Tree:
    """Read a whole ``zfs:`` tree of either shape. Raises TreeError."""
    tree = Tree()
    declared: dict[str, Declared] = {}
    pool_paths: dict[str, str] = {}
    for name, path, value in _pools(tree, zfs):
        _check_pool_name(name, path)
        if name in pool_paths:
            raise TreeError(path, f"pool {name} is declared twice, also at {pool_paths[name]}")
        pool_paths[name] = path
        tree.pools.append(str(name))
        pool = _mapping(value, path, "a mapping of the pool's settings")
        tree.settings[str(name)] = (path, pool)
        root = _declared(tree, name, path, pool, is_pool=True)
        # A pool's root dataset is spoken of only where the pool gives it a word.
        if root.delegation or root.properties or root.hooks or any(pool.get(word) is not None for word in POLICY_WORDS):
            declared[root.name] = root
        _read_datasets(tree, declared, name, path, pool)
    tree.datasets.extend(_resolve(declared))
    return tree


def _pools(tree: Tree, zfs: Any) -> Iterator[tuple[Any, str, Any]]:
    """Each pool's name, path and settings, from ``{POOL: ...}`` or ``{pools: {POOL: ...}}``."""
    if not isinstance(zfs, Mapping):
        raise TreeError("zfs", f"expected a mapping of pools, got {shown(zfs)}")
    pools = zfs.get("pools")
    # A pool may itself be called 'pools': only a pool has 'datasets'.
    wrapped = "pools" in zfs and not (isinstance(pools, Mapping) and "datasets" in pools)
    if wrapped:
        for name, value in _mapping(pools, "zfs.pools", "a mapping of pools").items():
            yield name, place("zfs.pools", name), value
    for name, value in zfs.items():
        # The plain list of datasets that once stood beside the pools.
        if name == "backups" and isinstance(value, list):
            continue
        if wrapped and not (isinstance(value, Mapping) and "datasets" in value):
            if name != "pools":
                tree.unknown.append(f"{place('zfs', name)}: it stands beside 'pools' and has no 'datasets', so it is no pool; a pool goes below 'pools'")
            continue
        yield name, place("zfs", name), value


def _read_datasets(tree: Tree, declared: dict[str, Declared], parent: str, path: str, body: Mapping[Any, Any]) -> None:
    """Add the datasets below one pool or dataset to ``declared``."""
    below = f"{path}.datasets"
    for key, value in _mapping(body.get("datasets"), below, "a mapping of dataset names").items():
        here = place(below, key)
        _check_dataset_name(key, parent, here)
        name = f"{parent}/{key}"
        if name in declared:
            raise TreeError(here, f"{name} is declared twice, also at {declared[name].path}")
        child = _mapping(value, here, "a mapping of the dataset's settings")
        declared[name] = _declared(tree, name, here, child)
        _read_datasets(tree, declared, name, here, child)


def _declared(tree: Tree, name: str, path: str, body: Mapping[Any, Any], is_pool: bool = False) -> Declared:
    _check_words(tree, path, body, is_pool)

    def word(new: str, read: Callable[[Any, str], T]) -> T | None:
        old = OLD_WORDS[new]
        if old in body and (old, new) not in tree.old_words:
            tree.old_words.append((old, new))
        said = {key: read(body[key], place(path, key)) for key in (new, old) if body.get(key) is not None}
        if len(said) == 2 and said[new] != said[old]:
            raise TreeError(place(path, old), f"{old} is the old name of {new}, and the two differ here: keep {new}")
        return next(iter(said.values()), None)

    return Declared(
        name=str(name),
        path=path,
        policy=word("policy", _policy),
        hands_down=word("children_inherit_policy", _flag) or False,
        discovers=word("snapshots_discover_children", _flag) or False,
        # A pool's properties are those of zpool(8); its root dataset's have a word of their own.
        properties=_root_properties(body, path) if is_pool else _properties(body, path),
        delegation=_delegation(body.get("delegation"), place(path, "delegation")),
        hooks=_hooks(body.get("snapshot_hooks"), place(path, "snapshot_hooks")),
    )


def _resolve(declared: Mapping[str, Declared]) -> list[Dataset]:
    """Work out inheritance. The order is that of the tree, with ancestors moved before their descendants."""
    resolved: dict[str, Dataset] = {}

    def visit(one: Declared) -> Dataset:
        if one.name not in resolved:
            above = _nearest_declared(one.name, declared)
            resolved[one.name] = _inherit(one, visit(above) if above else None)
        return resolved[one.name]

    for one in declared.values():
        visit(one)
    # Parents enter the dict before their children, because visit() asks for the parent first.
    return list(resolved.values())


def _inherit(one: Declared, parent: Dataset | None) -> Dataset:
    inherited = parent.hands_down if parent else None
    policy = one.policy or inherited or "none"
    # A chain begun above goes on until a dataset sets its own policy; that one may begin another.
    hands_down = policy if one.hands_down else (None if one.policy else inherited)
    parent_root = parent.encryption_root if parent else None
    fault = None
    try:
        declares, root = _encryption(one, parent_root)
    except TreeError as wrong:
        declares, root, fault = True, parent_root or one.name, wrong
    return Dataset(one.name, one.path, policy, one.discovers, one.properties, one.delegation, declares, root, hands_down, fault, one.hooks)


def _encryption(one: Declared, parent_root: str | None) -> tuple[bool, str | None]:
    """Whether the dataset asks for encryption itself, and whose key unlocks it."""
    properties = one.properties or {}
    encryption = properties.get("encryption")
    if encryption is not None and not isinstance(encryption, (str, bool)):
        raise TreeError(f"{one.path}.properties.encryption", f"expected on, off or a cipher, got {shown(encryption)}")
    if isinstance(encryption, str) and encryption not in ENCRYPTION:
        what = f"expected on, off or a cipher, got {shown(encryption)}{meant(encryption, ENCRYPTION)}"
        raise TreeError(f"{one.path}.properties.encryption", what)
    # YAML reads a bare `off` as false.
    if encryption is False or encryption == "off":
        return False, None
    own_key = properties.get("keyformat") not in (None, False, "none")
    # `encryption` alone below an encrypted dataset changes the cipher, not the key: that takes a
    # keyformat.
    if own_key and (encryption is not None or parent_root):
        return True, one.name
    if encryption is not None:
        return True, parent_root or one.name
    return False, parent_root


def _nearest_declared(name: str, declared: Mapping[str, Declared]) -> Declared | None:
    return next((declared[ancestor] for ancestor in ancestors(name) if ancestor in declared), None)


def _check_words(tree: Tree, path: str, body: Mapping[Any, Any], is_pool: bool) -> None:
    """Note the keys that nobody reads. ``state`` is one that older inventories give, with one value that is true here."""
    known = POOL_WORDS if is_pool else DATASET_WORDS
    tree.unknown += [f"{place(path, key)}: {unknown_word(key, value, is_pool)}" for key, value in body.items() if key not in known]
    if body.get("state") not in (None, "present"):
        what = f"nothing here destroys, so state can only be present, got {shown(body['state'])}"
        raise TreeError(place(path, "state"), f"{what}; take it out of the tree, and destroy it by hand if that is what you want")


def _mapping(value: Any, path: str, wanted: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TreeError(path, f"expected {wanted}, got {shown(value)}")
    return value


def _policy(value: Any, path: str) -> str:
    # Policies are the user's to define, so any name will do here; the modules know which exist.
    if not isinstance(value, str) or not value.strip():
        wanted = "expected the name of a policy (none, low, high, critical or one of your own)"
        raise TreeError(path, f"{wanted}, got {shown(value)}")
    return value


def _flag(value: Any, path: str) -> bool:
    try:
        return bool(boolean(value))
    except TypeError:
        raise TreeError(path, f"expected true or false, got {shown(value)}") from None


def _properties(body: Mapping[Any, Any], path: str) -> Mapping[str, Any] | None:
    return one_of(body, path, PROPERTIES, "ZFS properties") or None


def one_of(body: Mapping[Any, Any], path: str, names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """The mapping that is called by one of these names, of which the first is ours."""
    given = [name for name in names if body.get(name) is not None]
    if len(given) > 1:
        raise TreeError(place(path, given[1]), f"{given[1]} is another name of {names[0]}: give one of the two")
    name = given[0] if given else names[0]
    return _mapping(body.get(name), place(path, name), f"a mapping of {what}")


def _root_properties(body: Mapping[Any, Any], path: str) -> Mapping[str, Any] | None:
    return _mapping(body.get("root_properties"), place(path, "root_properties"), "a mapping of ZFS properties") or None


def _delegation(value: Any, path: str) -> Any:
    """Passed on as it is; what the grants mean is between the user and the role that applies them."""
    if isinstance(value, list):
        for index, grant in enumerate(value):
            if not isinstance(grant, Mapping):
                raise TreeError(f"{path}[{index}]", f"expected a mapping of one grant, got {shown(grant)}")
        return value or None
    return _mapping(value, path, "a mapping of grants, or a list of such") or None


def _hooks(value: Any, path: str) -> Mapping[str, Any] | None:
    """What is run before and after snapshots, as the module takes it; what it makes of the words is between the user and the host."""
    hooks = {word: said for word, said in _mapping(value, path, "a mapping with before and after").items() if said is not None}
    for word, said in hooks.items():
        here = place(path, word)
        if word not in HOOK_WORDS:
            raise TreeError(here, f"not a key of snapshot_hooks, which are: {', '.join(HOOK_WORDS)}{meant(word, HOOK_WORDS)}")
        if word in ("before", "after"):
            if not isinstance(said, list) or not said or not all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in said):
                raise TreeError(here, f"expected a program by its full path and its arguments, as a list, got {shown(said)}")
            if not str(said[0]).startswith("/"):
                raise TreeError(here, f"no shell looks for a program, so give its full path, got {shown(said[0])}")
        if word == "on_failure" and said not in ON_FAILURE:
            raise TreeError(here, f"expected {', '.join(ON_FAILURE)}, got {shown(said)}{meant(said, ON_FAILURE)}")
    if hooks and not hooks.keys() & {"before", "after"}:
        raise TreeError(path, "neither before nor after is given")
    return hooks or None


def _check_pool_name(name: Any, path: str) -> None:
    fault = _name_fault(name)
    if fault is None and not re.match("[A-Za-z]", name):
        fault = "a pool's name begins with a letter"
    if fault is None and "/" in name:
        fault = "a pool's name has no '/'"
    if fault is None and len(name) > MAX_NAME:
        fault = f"longer than {MAX_NAME} characters"
    if fault:
        raise TreeError(path, f"not a pool name: {fault}")


def _check_dataset_name(key: Any, parent: str, path: str) -> None:
    fault = _name_fault(key)
    if fault is None and len(parent) + 1 + len(key) > MAX_NAME:
        fault = f"longer than {MAX_NAME} characters with its parents"
    if fault:
        raise TreeError(path, f"not a dataset name: {fault}")


def _name_fault(name: Any) -> str | None:
    """Why ZFS, or a command line, would not take the name."""
    if not isinstance(name, str):
        return f"YAML reads it as {shown(name)}, so put it in quotes"
    for part in name.split("/"):
        if not part:
            return "empty, or an empty part beside a '/'"
        if part in (".", ".."):
            return f"'{part}' is not a name"
        if part.startswith("-"):
            return "it, or a part of it, begins with '-'"
        if part != part.strip():
            return "white space at an end"
        wrong = re.search(r"[^A-Za-z0-9_.: -]", part)
        if wrong:
            return f"'{wrong[0]}' is not allowed in it"
    return None
