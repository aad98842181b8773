# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the program: which command it is, what goes wrong with it, what it prints."""

import fcntl
import json
import os
import sys
import time
from fnmatch import fnmatchcase

from fake_zfs import datasets, grants, pools, streams
from fake_zfs.state import Fake, Refused, path_of, read


class Fault:
    """What goes wrong with the commands that fit the pattern `command`, after `skip` of them, `times` times (always if not given).

    `meanwhile`: commands of somebody else, parted by `;`, that are run before. `says`: what is printed on stderr, and it fails, with `status`, before
    anything is done. With `sent` a `zfs send` fails after so many bytes, with `received` a `zfs receive` after so many snapshots, with
    `late` any command once it has done its work. `sleeps`: for so many seconds before all that.
    """

    def __init__(self, state, line):
        self.found = {}
        for fault in state.get("faults", []):
            if not fnmatchcase(line, fault["command"]) or fault.get("times") == 0:
                continue
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                continue
            if "times" in fault:
                fault["times"] -= 1
            self.found = fault
            break

    def __getattr__(self, name):
        return self.found.get(name)

    def fail(self):
        refused = Refused(*self.says.splitlines())
        refused.status, refused.stays = self.status or 1, True
        raise refused

    @property
    def is_early(self):
        return self.says and self.sent is None and self.received is None and not self.late


def command_of(program, verb):
    verb = {"recv": "receive", "load-key": "mount"}.get(verb, verb)
    for module in (datasets, streams, grants, pools):
        if command := getattr(module, f"{program}_{verb}", None):
            return command
    raise Refused(f"unrecognized command '{verb}'")


def note(line):
    """Says what was asked, where somebody wants to know. In one write, or two hosts' lines would mix."""
    if os.path.exists(path_of("log")):
        name = read("name")
        host = f"{name}: " if name else ""
        with open(path_of("log"), "ab", buffering=0) as file:
            file.write(f"{host}{line}\n".encode())


def answered(line):
    """Whether this is one of the commands whose output lies ready."""
    for pattern, name in json.loads(read("answers", "[]")):
        if fnmatchcase(line, pattern):
            with open(path_of(name), "rb") as file:
                while block := file.read(1 << 20):
                    sys.stdout.buffer.write(block)
            return True
    return False


def change(act):
    """Reads the state, lets `act` change it, and writes it, all while nobody else does."""
    with open(path_of("lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read("state.json", '{"pools": {}, "datasets": {}, "txg": 4}')
        state = json.loads(before)
        kept = True
        try:
            return act(state)
        except Refused as refused:
            kept = refused.stays
            raise
        finally:
            after = json.dumps(state)
            if kept and after != before:
                # At once, as a command may be killed at any time; and for all accounts.
                with open(path_of("state.json.new"), "w", encoding="utf-8") as file:
                    file.write(after)
                os.replace(path_of("state.json.new"), path_of("state.json"))


def carry_out(command, words, stdin, fault, state):
    """Lines and what is missing, or a stream."""
    fake = Fake(state, stdin)
    answer = (command(fake, words, fault.received) if fault.received is not None else command(fake, words)) or ([], [])
    if fault.sent is not None:
        answer = answer[: fault.sent]
    elif fault.says:
        fault.fail()
    return answer


def expects_faults():
    """Whether anything is to go wrong at all, without reading all of a state that may be large."""
    with open(path_of("lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        _, key, rest = read("state.json").rpartition('"faults":')
    return bool(key) and not rest.lstrip().startswith("[]")


def meet(line, state):
    """The fault of this command, if it has one, once it has done what comes before."""
    fault = Fault(state, line)
    for command in (fault.meanwhile or "").split(";"):
        if command:
            verb, *words = command.split()
            command_of("zfs", verb)(Fake(state, b""), words)
    return fault


def main():
    program, words = os.path.basename(sys.argv[0]), sys.argv[2:]
    line = " ".join(sys.argv[1:])
    line = line if program == "zfs" else f"{program} {line}"
    note(line)
    if answered(line):
        return 0
    command = command_of(program, sys.argv[1])
    if os.path.exists(path_of("BROKEN")):
        raise Refused(read("BROKEN").strip())
    fault = change(lambda state: meet(line, state)) if expects_faults() else Fault({}, line)
    if fault.sleeps:
        time.sleep(fault.sleeps)
    if fault.is_early:
        fault.fail()
    # Read before the lock is taken, and printed after: nobody waits for somebody else's stream.
    stdin = sys.stdin.buffer.read() if command in (streams.zfs_receive, datasets.zfs_program) and "-A" not in words else b""
    answer = change(lambda state: carry_out(command, words, stdin, fault, state))
    if isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
        if fault.sent is not None:
            sys.stdout.flush()
            fault.fail()
        return 0
    printed, missing = answer
    sys.stdout.write("".join(f"{line}\n" for line in printed))
    sys.stderr.write("".join(f"{line}\n" for line in missing))
    return 1 if missing else 0


def start():
    os.umask(0)
    try:
        sys.exit(main())
    except Refused as refused:
        print("\n".join(refused.args), file=sys.stderr)
        sys.exit(refused.status)
