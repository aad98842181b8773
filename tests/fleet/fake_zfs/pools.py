# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about pools."""

import json
import os

from fake_zfs.state import Refused, options, pairs, path_of


def zpool_get(fake, words):
    given, (asked, *names) = options(words, "o", "Hp")
    columns = given["o"][0].split(",")
    for name in names:
        if name not in fake.pools:
            raise Refused(f"cannot open '{name}': no such pool")
    pools = {name: of for name, of in fake.pools.items() if not names or name in names}
    wanted = None if asked == "all" else asked.split(",")
    rows = [{"name": name, "property": prop, "value": value} for name, of in pools.items() for prop, value in of.items() if wanted is None or prop in wanted]
    return ["\t".join(row[column] for column in columns) for row in rows], []


def zpool_list(fake, words):
    given, names = options(words, "o", "Hp")
    for name in names:
        if name not in fake.pools:
            raise Refused(f"cannot open '{name}': no such pool")
    rows = [{"name": name, **fake.pools[name]} for name in names or fake.pools]
    return ["\t".join(str(row.get(column, "-")) for column in given["o"][0].split(",")) for row in rows], []


def zpool_status(fake, words):
    *_, name = words
    if "-j" not in words or name not in fake.pools:
        raise Refused(f"cannot open '{name}': no such pool" if "-j" in words else "the fake knows -j only")
    of = {"name": name, "state": fake.pools[name]["health"], "error_count": 0, **fake.pools[name].get("status", {})}
    return [json.dumps({"pools": {name: of}})], []


def zpool_create(fake, words):
    given, (name, *devices) = options(words, "oO", "n")
    if os.path.exists(path_of("no-disks")):
        raise Refused(f"cannot open '{devices[-1]}': no such device in /dev", "must be a full path or shorthand device name")
    if "n" in given:
        return
    fake.pools[name] = {"health": "ONLINE", "guid": str(fake.new_guid()), **pairs(given.get("o", []))}
    fake.make(name, pairs(given.get("O", [])))


def zpool_set(fake, words):
    word, name = words
    fake.pools[name].update(pairs([word]))


def zpool_import(fake, words):
    return [], ["no pools available to import"]
