# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about permissions."""

from fake_zfs.state import ancestors, options, read

SECTIONS = {
    "s": "Permission sets:",
    "c": "Create time permissions:",
    "l": "Local permissions:",
    "d": "Descendent permissions:",
    "ld": "Local+Descendent permissions:",
}


def zfs_allow(fake, words, give=True):
    if words == ["-h"]:
        return read("allow-help").splitlines(), []
    if len(words) == 1:
        return [line for name in [words[0], *ancestors(words[0])] for line in grants(name, fake.dataset(name)["grants"])], []
    given, names = options(words, "ugs", "ldec")
    who = [f"{word} {name}" for letter, word in (("u", "user"), ("g", "group")) for name in given.get(letter, [""])[0].split(",") if name]
    who = given.get("s", ["*"] if "c" in given else who or ["everyone"])
    # Without permissions, all of them are taken away.
    permissions, name = names if len(names) == 2 else (None, *names)
    kinds = "s" if "s" in given else "c" if "c" in given else "l" if "l" in given else "d" if "d" in given else "ld"
    for one, kind in ((one, kind) for one in who for kind in kinds):
        held = fake.dataset(name)["grants"].setdefault(kind, {}).setdefault(one, [])
        named = set(held) if permissions is None else set(permissions.split(","))
        held[:] = sorted((set(held) | named) if give else (set(held) - named))
    return None


def zfs_unallow(fake, words):
    zfs_allow(fake, words, give=False)


def grants(name, of_dataset):
    lines = []
    local, below = of_dataset.get("l", {}), of_dataset.get("d", {})
    both = {who: [one for one in held if one in below.get(who, [])] for who, held in local.items()}
    alone = {"l": local, "d": below}
    for kind, title in SECTIONS.items():
        of_kind = both if kind == "ld" else of_dataset.get(kind, {})
        if kind in alone:
            of_kind = {who: [one for one in held if one not in both.get(who, [])] for who, held in of_kind.items()}
        rows = ["\t" + f"{who} {','.join(held)}".removeprefix("* ") for who, held in of_kind.items() if held]
        lines += [title, *rows] if rows else []
    return [f"---- Permissions on {name} ".ljust(70, "-"), *lines] if lines else []
