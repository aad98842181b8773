#!/usr/bin/python3 -IS
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`zfs` and `zpool` of a lightweight host: names, properties, snapshots and grants in one JSON file, and no data.

It knows what the roles and the binaries of this collection say, in the words that they use, and refuses the rest. Streams carry the
guids of their snapshots, so that replication can go wrong. A file BROKEN holds what every command says instead, and fails with.
"""

import fcntl
import json
import random
import struct
import sys
import time
from pathlib import Path

STATE = Path("/var/lib/fake-zfs")
PAYLOAD = 64 * 1024
# Of the headers of streams: their size, their beginning, and DMU_BACKUP_FEATURE_RAW.
HEADER, MAGIC, RAW = 312, 0x2F5BACBAC, 1 << 24
INHERITED = {"compression", "recordsize", "atime", "exec", "setuid", "devices", "readonly", "encryption", "keyformat"}
DEFAULTS = {
    "canmount": "on", "compression": "on", "recordsize": "131072", "atime": "on", "exec": "on", "setuid": "on", "devices": "on",
    "readonly": "off", "encryption": "off", "quota": "0", "keylocation": "none", "keyformat": "none", "mountpoint": "none",
    "written": "0", "used": "98304", "referenced": "98304", "available": "1073741824", "numclones": "0", "defer_destroy": "off",
    "clones": "", "receive_resume_token": "-", "origin": "-",
}


class Refused(Exception):
    """What is printed on stderr, one line each; exit status 1."""


class Fake:
    """The state, and what is asked of it; `stdin` is what a stream or program that came in holds."""

    def __init__(self, state, stdin):
        self.stdin = stdin
        self.pools = state["pools"]
        self.datasets = state["datasets"]
        self.txg = state["txg"]

    def state(self):
        return {"pools": self.pools, "datasets": self.datasets, "txg": self.txg}

    # What there is.

    def dataset(self, name):
        if name not in self.datasets:
            raise Refused(f"cannot open '{name}': dataset does not exist")
        return self.datasets[name]

    def versions(self, name):
        return self.dataset(name)["versions"]

    def version(self, full):
        name, mark, short = split(full)
        for one in self.versions(name):
            if one["name"] == mark + short:
                return one
        raise Refused(f"cannot open '{full}': dataset does not exist")

    def below(self, name, depth=None):
        self.dataset(name)
        found = [one for one in self.datasets if one == name or one.startswith(f"{name}/")]
        return sorted(one for one in found if depth is None or one[len(name) :].count("/") <= depth)

    def value(self, full, prop):
        """A property and its source."""
        name, mark, _short = split(full)
        dataset = self.dataset(name)
        if mark:
            one = self.version(full)
            special = {"name": full, "type": "snapshot" if mark == "@" else "bookmark", "guid": one["guid"], "createtxg": one["txg"]}
            special |= {"creation": one["creation"], "userrefs": len(one["holds"])}
            special["ivsetguid"] = one["guid"] ^ 1 if self.value(name, "encryption")[0] != "off" else "-"
            return str(special.get(prop, DEFAULTS.get(prop, "-"))), "-"
        root = self.encryption_root(name)
        special = {"name": full, "type": "filesystem", "guid": dataset["guid"], "createtxg": dataset["txg"], "creation": dataset["creation"]}
        special |= {"encryptionroot": root or "-", "keystatus": "available" if root else "none"}
        if prop in special:
            return str(special[prop]), "-"
        above = [name, *ancestors(name)] if prop in INHERITED or ":" in prop else [name]
        for one in above:
            if prop in self.datasets[one]["properties"]:
                return self.datasets[one]["properties"][prop], "local" if one == name else f"inherited from {one}"
        return DEFAULTS.get(prop, "-"), "-" if ":" in prop else "default"

    def encryption_root(self, name):
        for one in [name, *ancestors(name)]:
            if self.datasets[one]["properties"].get("encryption", "off") != "off":
                return one
        return None

    # What is done.

    def next_txg(self):
        self.txg += 1
        return self.txg

    def make(self, name, properties):
        if name in self.datasets:
            raise Refused(f"cannot create '{name}': dataset already exists")
        if "/" in name and name.rpartition("/")[0] not in self.datasets:
            raise Refused(f"cannot create '{name}': parent does not exist")
        common = {"guid": random.getrandbits(63), "txg": self.next_txg(), "creation": int(time.time())}
        self.datasets[name] = {**common, "properties": dict(properties), "versions": [], "grants": {}}

    def add_version(self, name, short, guid, creation=None):
        if any(one["name"] == short for one in self.versions(name)):
            raise Refused(f"cannot create '{name}{short}': dataset already exists")
        one = {"name": short, "guid": guid, "txg": self.next_txg(), "creation": creation or int(time.time()), "holds": []}
        self.versions(name).append(one)


def split(full):
    for mark in "@#":
        if mark in full:
            name, _, short = full.partition(mark)
            return name, mark, short
    return full, "", ""


def ancestors(name):
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def options(words, with_value="", flags=""):
    """The options before the names, and the names. -o may be given more than once."""
    found = {}
    words = list(words)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        for letter in words.pop(0)[1:]:
            if letter in with_value:
                found.setdefault(letter, []).append(words.pop(0))
            elif letter in flags:
                found[letter] = []
            else:
                raise Refused(f"invalid option '{letter}'")
    return found, words


def pairs(words):
    return dict(word.split("=", 1) for word in words)


# The commands: each takes the fake and its words, and gives what is printed.


def zfs_list(fake, words):
    given, names = options(words, "tod", "Hpr")
    types = given.get("t", ["filesystem,volume"])[0].split(",")
    columns = given.get("o", ["name"])[0].split(",")
    depth = None if "r" in given else int(given.get("d", ["0"])[0])
    lines, missing = [], []
    for name in names or [one for one in fake.datasets if "/" not in one]:
        try:
            if split(name)[1]:
                fake.version(name)
                found = [name]
            else:
                # A version is one level below its dataset.
                within = fake.below(name, depth if types == ["filesystem", "volume"] or depth is None else max(depth - 1, 0))
                found = [one for one in within if "filesystem" in types]
                marks = [mark for mark, kind in (("@", "snapshot"), ("#", "bookmark")) if kind in types]
                found += [one + version["name"] for one in within for version in fake.versions(one) if version["name"][0] in marks]
        except Refused as refused:
            missing.append(str(refused))
            continue
        lines += ["\t".join(fake.value(one, column)[0] for column in columns) for one in found]
    return lines, missing


def zfs_get(fake, words):
    given, (properties, *names) = options(words, "otd", "Hpr")
    types = given.get("t", ["filesystem,volume,snapshot"])[0].split(",")
    depth = None if "r" in given else int(given.get("d", ["0"])[0])
    columns = given.get("o", ["name,property,value,source"])[0].split(",")
    lines, missing = [], []
    for name in names:
        try:
            for one in fake.below(name, depth) if depth != 0 else [name]:
                rows = {prop: fake.value(one, prop) for prop in properties.split(",")}
                if fake.value(one, "type")[0] not in types:
                    continue
                for prop, (value, source) in rows.items():
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
        fake.add_version(name, f"@{short}", random.getrandbits(63))


def zfs_bookmark(fake, words):
    source, bookmark = words
    one = fake.version(source)
    name, mark, short = split(bookmark)
    fake.add_version(name or split(source)[0], mark + short, one["guid"], one["creation"])
    # A bookmark has the place of its snapshot.
    fake.versions(name or split(source)[0])[-1]["txg"] = one["txg"]


def zfs_destroy(fake, words):
    given, (full,) = options(words, "", "dnvp")
    name, mark, shorts = split(full)
    if not mark:
        raise Refused("this zfs destroys snapshots and bookmarks only")
    gone = [f"{mark}{short}" for short in shorts.split(",")]
    for short in gone:
        if fake.version(name + short)["holds"]:
            raise Refused(f"cannot destroy '{name}{short}': it's being held. Run 'zfs holds -r {name}{short}' to see holders.")
    if "n" in given:
        return [*(f"destroy\t{name}{short}" for short in gone), f"reclaim\t{PAYLOAD * len(gone)}"], []
    fake.dataset(name)["versions"] = [one for one in fake.versions(name) if one["name"] not in gone]
    return None


def zfs_program(fake, words):
    given, (_pool, program, _how, *snapshots) = options(words, "", "j")
    if program != "-" or "j" not in given or b"destroy" not in fake.stdin:
        raise Refused("this zfs runs the program that destroys snapshots only")
    failed = {}
    for full in snapshots:
        try:
            zfs_destroy(fake, [full])
        except Refused as refused:
            failed[full] = 16 if "held" in str(refused) else 2
    return [json.dumps({"return": failed})], []


def zfs_send(fake, words):
    given, (full,) = options(words, "iI", "nvPwLcp")
    name, _, _short = split(full)
    to = fake.version(full)
    base = (given.get("i") or given.get("I") or [None])[0]
    base = base and fake.version(base if split(base)[0] else name + base)
    wanted = [to]
    if "I" in given:
        wanted = [one for one in fake.versions(name) if one["name"][0] == "@" and base["txg"] < one["txg"] <= to["txg"]]
    size = PAYLOAD * len(wanted)
    if "n" in given:
        step = f"incremental\t{base['name']}\t{full}\t{size}" if base else f"full\t{full}\t{size}"
        return [step, f"size\t{size}"], []
    raw = "w" in given and fake.value(name, "encryption")[0] not in ("off", "-")
    streams, before = [], base["guid"] if base else 0
    for one in wanted:
        streams.append(plain_stream(name, one, before, raw))
        before = one["guid"]
    return package(name, streams) if "I" in given else streams[0]


def record(kind, *fields, payload=b""):
    """A header as in include/sys/zfs_ioctl.h of OpenZFS: fields are their place, their form and their value."""
    header = bytearray(HEADER)
    for at, form, value in ((0, "I", kind), *fields):
        struct.pack_into("<" + form, header, at, value)
    return bytes(header) + payload


def plain_stream(name, one, base, raw):
    """A snapshot: BEGIN, one WRITE, END."""
    full, guid = f"{name}{one['name']}".encode(), one["guid"]
    features = 4 | (RAW if raw else 0)
    begin = ((8, "Q", MAGIC), (16, "Q", 1 | features << 2), (24, "Q", one["creation"]), (32, "I", 2), (40, "Q", guid), (48, "Q", base), (56, "256s", full))
    write = ((8, "Q", 7), (16, "I", 19), (32, "Q", PAYLOAD), (40, "Q", guid))
    return record(0, *begin) + record(3, *write, payload=bytes(PAYLOAD)) + record(5, (40, "Q", guid))


def package(name, streams):
    head = record(0, (8, "Q", MAGIC), (16, "Q", 2 | 4 << 2), (56, "256s", f"{name}@-".encode()))
    return head + record(5) + b"".join(streams) + record(5)


def plain_streams(data):
    """What `zfs receive` finds in a stream or package: base, guid, name, creation, whether it is raw."""
    at = 0
    while at < len(data):
        kind = struct.unpack_from("<I", data, at)[0]
        if kind == 0 and data[at + 16] & 3 == 1:
            version, creation = struct.unpack_from("<QQ", data, at + 16)
            guid, base = struct.unpack_from("<QQ", data, at + 40)
            full = data[at + 56 : at + HEADER].rstrip(b"\0").decode()
            yield base, guid, "@" + full.partition("@")[2], creation, bool(version >> 2 & RAW)
        at += HEADER + (PAYLOAD if kind == 3 else 0)


def zfs_receive(fake, words):
    given, (name,) = options(words, "ox", "usF")
    for base, guid, short, creation, raw in plain_streams(fake.stdin):
        if name not in fake.datasets:
            if base:
                raise Refused(f"cannot receive incremental stream: destination '{name}' does not exist")
            fake.make(name, ({"encryption": "aes-256-gcm"} if raw else {}) | pairs(given.get("o", [])))
        newest = [one["guid"] for one in fake.versions(name) if one["name"][0] == "@"][-1:]
        if newest != ([base] if base else []):
            raise Refused("cannot receive: most recent snapshot of destination does not match the source's")
        fake.dataset(name)["properties"].update(pairs(given.get("o", [])))
        fake.add_version(name, short, guid, creation)


def zfs_hold(fake, words):
    tag, *names = words
    for name in names:
        fake.version(name)["holds"].append(tag)


def zfs_release(fake, words):
    tag, *names = words
    for name in names:
        fake.version(name)["holds"].remove(tag)


def zfs_holds(fake, words):
    _, names = options(words, "", "H")
    return [f"{name}\t{tag}\tthen" for name in names for tag in fake.version(name)["holds"]], []


SECTIONS = {"l": "Local permissions:", "d": "Descendent permissions:", "ld": "Local+Descendent permissions:"}


def zfs_allow(fake, words, give=True):
    if words == ["-h"]:
        return (STATE / "allow-help").read_text().splitlines(), []
    if len(words) == 1:
        return [line for name in [words[0], *ancestors(words[0])] for line in grants(name, fake.dataset(name)["grants"])], []
    given, names = options(words, "ug", "lde")
    who = [f"{word} {name}" for letter, word in (("u", "user"), ("g", "group")) for name in given.get(letter, [""])[0].split(",") if name]
    permissions, name = names
    reach = "l" if "l" in given else "d" if "d" in given else "ld"
    for one in who or ["everyone"]:
        held = fake.dataset(name)["grants"].setdefault(reach, {}).setdefault(one, [])
        held[:] = sorted((set(held) | set(permissions.split(","))) if give else (set(held) - set(permissions.split(","))))
    return None


def zfs_unallow(fake, words):
    zfs_allow(fake, words, give=False)


def grants(name, of_dataset):
    lines = []
    for reach, title in SECTIONS.items():
        rows = [f"\t{who} {','.join(held)}" for who, held in of_dataset.get(reach, {}).items() if held]
        lines += [title, *rows] if rows else []
    return [f"---- Permissions on {name} ".ljust(70, "-"), *lines] if lines else []


def zfs_mount(fake, words):
    """Nothing is mounted here."""


def zpool_get(fake, words):
    given, (asked, *names) = options(words, "o", "Hp")
    columns = given["o"][0].split(",")
    pools = {name: of for name, of in fake.pools.items() if not names or name in names}
    wanted = None if asked == "all" else asked.split(",")
    rows = [{"name": name, "property": prop, "value": value} for name, of in pools.items() for prop, value in of.items() if wanted is None or prop in wanted]
    return ["\t".join(row[column] for column in columns) for row in rows], []


def zpool_create(fake, words):
    given, (name, *devices) = options(words, "oO", "n")
    if Path(STATE / "no-disks").exists():
        raise Refused(f"cannot open '{devices[-1]}': no such device in /dev", "must be a full path or shorthand device name")
    if "n" in given:
        return
    fake.pools[name] = {"health": "ONLINE", "guid": str(random.getrandbits(63)), **pairs(given.get("o", []))}
    fake.make(name, pairs(given.get("O", [])))


def zpool_set(fake, words):
    word, name = words
    fake.pools[name].update(pairs([word]))


def zpool_import(fake, words):
    return [], ["no pools available to import"]


def main():
    program = Path(sys.argv[0]).name
    verb = {"recv": "receive", "load-key": "mount"}.get(sys.argv[1], sys.argv[1])
    command = globals().get(f"{program}_{verb}")
    if command is None:
        raise Refused(f"unrecognized command '{sys.argv[1]}'")
    broken = STATE / "BROKEN"
    if broken.exists():
        raise Refused(broken.read_text().strip())
    # Read before the lock is taken, and printed after: nobody waits for somebody else's stream.
    stdin = sys.stdin.buffer.read() if verb in ("receive", "program") else b""
    with (STATE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = STATE / "state.json"
        state = path.read_text() if path.exists() else '{"pools": {}, "datasets": {}, "txg": 4}'
        fake = Fake(json.loads(state), stdin)
        answer = command(fake, sys.argv[2:]) or ([], [])
        # A stream, or lines and what is missing.
        printed, missing = ([], []) if isinstance(answer, bytes) else answer
        after = json.dumps(fake.state())
        if after != state:
            path.write_text(after)
    if isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
    sys.stdout.write("".join(f"{line}\n" for line in printed))
    sys.stderr.write("".join(f"{line}\n" for line in missing))
    return 1 if missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as refused:
        sys.exit("\n".join(refused.args))
