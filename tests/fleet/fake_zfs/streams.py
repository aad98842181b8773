# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about streams, and the streams: headers as ZFS has them, with the guids of their snapshots, and no data."""

import json
import struct

from fake_zfs.state import PAYLOAD, Refused, options, pairs, split, token_of

# Of the headers of streams: their size, their beginning, and DMU_BACKUP_FEATURE_RAW.
HEADER, MAGIC, RAW, RESUMING = 312, 0x2F5BACBAC, 1 << 24, 1 << 20


def zfs_send(fake, words):
    given, names = options(words, "iIt", "nvPwLcp")
    if "t" in given:
        return send_rest(fake, given)
    (full,) = names
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
        streams.append(plain_stream(name, one, before, RAW if raw else 0))
        before = one["guid"]
    return package(name, streams) if "I" in given else streams[0]


def send_rest(fake, given):
    """What a resume token stands for. ZFS finds the snapshot by its guid, under whatever name."""
    token = json.loads(bytes.fromhex(given["t"][0][2:]))
    full, guid, base = token["name"], token["guid"], token["base"]
    pool = [(one, version) for one in fake.datasets for version in fake.versions(one) if one.split("/")[0] == split(full)[0].split("/")[0]]
    found = [(one, version) for one, version in pool if version["guid"] == guid]
    if not found:
        raise Refused(f"cannot resume send: '{full}' used in the initial send no longer exists")
    name, to = found[0]
    if "n" in given:
        fields = (
            {"fromguid": base, "object": 2, "offset": 0, "bytes": token["bytes"], "toguid": guid}
            if base
            else {"object": 2, "offset": 0, "bytes": token["bytes"], "toguid": guid}
        )
        told = ["resume token contents:", "nvlist version: 0", *(f"\t{field} = {value:#x}" for field, value in fields.items()), f"\ttoname = {full}"]
        told += ["\trawok = 1"] if token["raw"] else []
        return [*told, f"full\t{name}{to['name']}\t{PAYLOAD}", f"size\t{PAYLOAD}"], []
    return plain_stream(name, to, base, RESUMING | (RAW if token["raw"] else 0))


def record(kind, *fields, payload=b""):
    """A header as in include/sys/zfs_ioctl.h of OpenZFS: fields are their place, their form and their value."""
    header = bytearray(HEADER)
    for at, form, value in ((0, "I", kind), *fields):
        struct.pack_into("<" + form, header, at, value)
    return bytes(header) + payload


def plain_stream(name, one, base, features):
    """A snapshot: BEGIN, one WRITE, END."""
    full, guid = f"{name}{one['name']}".encode(), one["guid"]
    features |= 4
    begin = ((8, "Q", MAGIC), (16, "Q", 1 | features << 2), (24, "Q", one["creation"]), (32, "I", 2), (40, "Q", guid), (48, "Q", base), (56, "256s", full))
    write = ((8, "Q", 7), (16, "I", 19), (32, "Q", PAYLOAD), (40, "Q", guid))
    return record(0, *begin) + record(3, *write, payload=bytes(PAYLOAD)) + record(5, (40, "Q", guid))


def package(name, streams):
    head = record(0, (8, "Q", MAGIC), (16, "Q", 2 | 4 << 2), (56, "256s", f"{name}@-".encode()))
    return head + record(5) + b"".join(streams) + record(5)


def plain_streams(data):
    """What `zfs receive` finds in a stream or package: of each snapshot what a token would say, its creation, and whether all of it is there."""
    at, begun = 0, None
    while at + HEADER <= len(data):
        kind = struct.unpack_from("<I", data, at)[0]
        if kind == 0 and data[at + 16] & 3 == 1:
            version, creation = struct.unpack_from("<QQ", data, at + 16)
            guid, base = struct.unpack_from("<QQ", data, at + 40)
            full = data[at + 56 : at + HEADER].rstrip(b"\0").decode()
            begun = {"name": full, "guid": guid, "base": base, "raw": bool(version >> 2 & RAW), "bytes": PAYLOAD // 2}, creation
        elif kind == 5 and begun:
            yield *begun, True
            begun = None
        at += HEADER + (PAYLOAD if kind == 3 else 0)
    if begun:
        yield *begun, False


def zfs_receive(fake, words, received=None):
    """`received`: so many snapshots are received before it fails."""
    given, (name,) = options(words, "ox", "usFA")
    if "A" in given:
        if "partial" not in fake.dataset(name):
            raise Refused(f"'{name}' does not have any resumable receive state to abort")
        del fake.datasets[name]["partial"]
        if not fake.versions(name) and not fake.below(name)[1:]:
            del fake.datasets[name]
        return
    for count, (stream, creation, is_whole) in enumerate(plain_streams(fake.stdin)):
        try:
            receive_one(fake, name, given, stream, creation, is_whole and count != received)
        except Refused as refused:
            refused.stays = True
            raise
        given.pop("F", None)
    if received is None and not fake.stdin:
        raise Refused("cannot receive: failed to read from stream")


def receive_one(fake, name, given, stream, creation, is_whole):
    what = "incremental" if stream["base"] else "new filesystem"
    there = fake.datasets.get(name)
    partial = (there or {}).get("partial")
    if partial and partial["guid"] != stream["guid"]:
        raise Refused(f'cannot receive {what} stream: destination {name} contains partially-complete state from "zfs receive -s".')
    snapshots = [one for one in (there or {}).get("versions", []) if one["name"][0] == "@"]
    # Snapshots behind the base are in nobody's way while nothing was written for them.
    while stream["base"] and snapshots and snapshots[-1]["guid"] != stream["base"] and int(snapshots[-1].get("written", 0)) == 0:
        snapshots.pop()
    newest = [one["guid"] for one in snapshots[-1:]]
    if stream["base"] and there is None:
        raise Refused(f"cannot receive incremental stream: destination '{name}' does not exist")
    if stream["base"] and newest != [stream["base"]]:
        raise Refused(f"cannot receive incremental stream: most recent snapshot of {name} does not", "match incremental source")
    if stream["base"] and int(there.get("written", 0)) and "F" not in given:
        raise Refused(f"cannot receive incremental stream: destination {name} has been modified", "since most recent snapshot")
    if not stream["base"] and newest:
        raise Refused(f"cannot receive new filesystem stream: destination has snapshots (eg. {name}@...)", "must destroy them to overwrite it")
    if not stream["base"] and there is not None and "F" not in given and not partial:
        raise Refused(f"cannot receive new filesystem stream: destination '{name}' exists", "must specify -F to overwrite it")
    if there is None:
        fake.make(name, {"encryption": "aes-256-gcm"} if stream["raw"] else {})
    if not is_whole:
        if "s" not in given:
            if there is None:
                del fake.datasets[name]
            raise Refused(f"cannot receive {what} stream: incomplete stream")
        fake.datasets[name]["partial"] = stream
        lines = ("Partially received snapshot is saved.", "A resuming stream can be generated on the sending system by running:")
        raise Refused(f"cannot receive {what} stream: checksum mismatch or incomplete stream.", *lines, f"    zfs send -t {token_of(stream)}")
    fake.dataset(name).pop("partial", None)
    fake.dataset(name)["properties"].update(pairs(given.get("o", [])))
    fake.add_version(name, "@" + stream["name"].partition("@")[2], stream["guid"], creation)
