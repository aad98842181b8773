# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about datasets, snapshots, bookmarks and holds. Each takes the fake and its words, and gives what is printed."""

import errno
import json

from fake_zfs.state import PAYLOAD, Refused, ancestors, options, pairs, split


def zfs_list(fake, words):
    given, names = options(words, "tod", "Hpr")
    types = given.get("t", ["filesystem,volume"])[0].split(",")
    columns = given.get("o", ["name"])[0].split(",")
    # Without a name all there are are listed.
    depth = None if "r" in given or not (names or "d" in given) else int(given.get("d", ["0"])[0])
    lines, missing = [], []
    for name in names or [one for one in fake.datasets if "/" not in one]:
        try:
            if split(name)[1]:
                found = [(name, fake.version(name))]
            else:
                # A version is one level below its dataset.
                below = [(one, one[len(name) :].count("/")) for one in fake.below(name, depth)]
                within = [one for one, level in below if depth is None or level <= max(depth - 1, 0)]
                found = [(one, None) for one, _ in below if "filesystem" in types]
                marks = [mark for mark, kind in (("@", "snapshot"), ("#", "bookmark")) if kind in types]
                found += [(one + version["name"], version) for one in within for version in fake.versions(one) if version["name"][0] in marks]
        except Refused as refused:
            missing.append(str(refused))
            continue
        lines += ["\t".join(fake.value(one, column, version)[0] for column in columns) for one, version in found]
    return lines, missing


def zfs_get(fake, words):
    given, (properties, *names) = options(words, "otds", "Hpr")
    sources = given.get("s", [None])[0]
    types = given.get("t", ["filesystem,volume,snapshot,bookmark"])[0].split(",")
    # Without a name all there are are listed.
    depth = None if "r" in given or not (names or "d" in given) else int(given.get("d", ["0"])[0])
    columns = given.get("o", ["name,property,value,source"])[0].split(",")
    lines, missing = [], []
    for name in names:
        try:
            for one in fake.below(name, depth) if depth != 0 else [name]:
                rows = {prop: fake.value(one, prop) for prop in properties.split(",")}
                if fake.value(one, "type")[0] not in types:
                    continue
                for prop, (value, source) in rows.items():
                    if sources and source not in sources.split(","):
                        continue
                    row = {"name": one, "property": prop, "value": value, "source": source}
                    lines.append("\t".join(row[column] for column in columns))
        except Refused as refused:
            missing.append(str(refused))
    return lines, missing


def zfs_create(fake, words):
    given, (name,) = options(words, "oV", "npu")
    if "n" in given:
        if name.partition("/")[0] not in fake.datasets:
            raise Refused(f"cannot open '{name.partition('/')[0]}': no such pool")
        return
    above = [one for one in reversed(ancestors(name)) if one not in fake.datasets]
    for parent in above if "p" in given else []:
        fake.make(parent, {})
    fake.make(name, pairs(given.get("o", [])))


def zfs_set(fake, words):
    for name in [word for word in words if "=" not in word]:
        fake.dataset(name)["properties"].update(pairs(word for word in words if "=" in word))


def zfs_inherit(fake, words):
    prop, *names = words
    for name in names:
        fake.dataset(name)["properties"].pop(prop, None)


def zfs_snapshot(fake, words):
    _, names = options(words, "o", "")
    for full in names:
        name, _, short = split(full)
        fake.add_version(name, f"@{short}", fake.new_guid())


def zfs_bookmark(fake, words):
    source, bookmark = words
    one = fake.version(source)
    name, mark, short = split(bookmark)
    fake.add_version(name or split(source)[0], mark + short, one["guid"], one["creation"])
    # A bookmark has the place of its snapshot.
    fake.versions(name or split(source)[0])[-1]["txg"] = one["txg"]


def zfs_destroy(fake, words):
    given, (full,) = options(words, "", "dnvpr")
    name, mark, shorts = split(full)
    if not mark:
        children = fake.below(full)[1:]
        if (children or any(one["name"][0] == "@" for one in fake.versions(full))) and "r" not in given:
            what = "children" if children else "snapshots"
            raise Refused(f"cannot destroy '{full}': filesystem has children", f"use '-r' to destroy the following {what}:")
        for one in [full, *children]:
            del fake.datasets[one]
        return None
    gone = {f"{mark}{short}": None for short in shorts.split(",")}
    for short in gone:
        if fake.version(name + short)["holds"]:
            raise Refused(f"cannot destroy '{name}{short}': it's being held. Run 'zfs holds -r {name}{short}' to see holders.")
    if "n" in given:
        return [*(f"destroy\t{name}{short}" for short in gone), f"reclaim\t{PAYLOAD * len(gone)}"], []
    fake.dataset(name)["versions"] = [one for one in fake.versions(name) if one["name"] not in gone]
    return None


def zfs_rename(fake, words):
    _, (old, new) = options(words, "", "u")
    if new in fake.datasets:
        raise Refused(f"cannot rename '{old}': dataset already exists")
    if new.rpartition("/")[0] not in fake.datasets:
        raise Refused(f"cannot create '{new}': parent does not exist")
    for one in fake.below(old):
        fake.datasets[new + one[len(old) :]] = fake.datasets.pop(one)


def zfs_rollback(fake, words):
    _, (full,) = options(words, "", "r")
    name = split(full)[0]
    snapshots = [one["name"] for one in fake.versions(name) if one["name"][0] == "@"]
    if fake.version(full)["name"] != snapshots[-1]:
        raise Refused(
            f"cannot rollback to '{full}': more recent snapshots or bookmarks exist", "use '-r' to force deletion of the following snapshots and bookmarks:"
        )
    fake.dataset(name).pop("written", None)


def zfs_program(fake, words):
    given, (_pool, program, _how, *snapshots) = options(words, "", "j")
    if program != "-" or "j" not in given or b"destroy" not in fake.stdin:
        raise Refused("this zfs runs the program that destroys snapshots only")
    failed, gone = {}, {}
    for full in snapshots:
        name, mark, short = split(full)
        one = fake.by_name(name).get(mark + short) if name in fake.datasets else None
        if one is None:
            failed[full] = errno.ENOENT
        elif one["holds"]:
            failed[full] = errno.EBUSY
        elif one.get("numclones", "0") != "0":
            failed[full] = errno.EEXIST
        else:
            gone.setdefault(name, set()).add(mark + short)
    for name, shorts in gone.items():
        fake.dataset(name)["versions"] = [one for one in fake.versions(name) if one["name"] not in shorts]
    return [json.dumps({"return": failed})], []


def zfs_hold(fake, words):
    tag, *names = words
    for name in names:
        if tag in fake.version(name)["holds"]:
            raise Refused(f"cannot hold snapshot '{name}': tag already exists on this dataset")
        fake.version(name)["holds"].append(tag)


def zfs_release(fake, words):
    tag, *names = words
    for name in names:
        if tag not in fake.version(name)["holds"]:
            raise Refused(f"cannot release hold from snapshot '{name}': no such tag on this dataset")
        fake.version(name)["holds"].remove(tag)


def zfs_holds(fake, words):
    _, names = options(words, "", "H")
    return [f"{name}\t{tag}\tthen" for name in names for tag in fake.version(name)["holds"]], []


def zfs_mount(fake, words):
    """Nothing is mounted here."""
