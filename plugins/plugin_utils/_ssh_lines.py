# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for the files of OpenSSH, made of what other hosts say: each is one line of a strict form, or an error.

A second line in what a host calls its public key would be a line of its own in authorized_keys, without a forced command.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
import typing as t

# Keys that sign by themselves. A certificate (...-cert-v01@openssh.com) is none.
KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
# An RSA key of 16384 bits has 2.8 kB of base64.
LONGEST_KEY = 8192

# No wildcard, no comma, no marker (@revoked), no hash (|1|), no path, no option.
HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,252}")
KEY_OPTION = re.compile(r'[A-Za-z][A-Za-z0-9-]*(="[^"\\\x00-\x1f\x7f-\x9f]*")?')
WORD = re.compile(r'[^"\\\x00-\x1f\x7f-\x9f]+')


class SshLineError(ValueError):
    """What is wrong with a key, a name or an option."""


def public_key(text: t.Any) -> str:
    """``TYPE BASE64`` of a public key file with one key in it; its comment is left out."""
    lines = _text(text, "a public key").strip().splitlines()
    if len(lines) != 1:
        raise SshLineError(f"a public key is one line, not {len(lines)}: {_shown(text)}")
    words = lines[0].split(None, 2)
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise SshLineError(f"not a public key of OpenSSH: {_shown(text)}. It begins with one of {', '.join(KEY_TYPES)}")
    kind, encoded = words[:2]
    try:
        blob = base64.b64decode(encoded.encode("ascii"), validate=True)
        fields = list(_fields(blob)) if len(encoded) <= LONGEST_KEY else []
    except (UnicodeEncodeError, binascii.Error, IndexError):
        fields = []
    # Nothing but what the type says, to the last byte.
    if len(fields) < 2 or fields[0] != kind.encode() or base64.b64encode(blob).decode() != encoded:
        raise SshLineError(f"a damaged public key of the type {kind}: {_shown(text)}")
    return f"{kind} {encoded}"


def known_host(name: t.Any, key: t.Any) -> str:
    """The line of a known_hosts file."""
    return f"{host_name(name)} {public_key(key)}"


def authorized_key(key: t.Any, command: t.Sequence[t.Any], options: t.Sequence[t.Any] = ()) -> str:
    """The line of an authorized_keys file that lets a key run one command and do nothing else."""
    words = [_text(word, "a word of the forced command") for word in command]
    for word in words:
        if not WORD.fullmatch(word):
            raise SshLineError(f"this cannot be a word of a forced command: {_shown(word)}")
    for option in options:
        # `restrict` stands first; `command` is ours, and a second one shuts the key out.
        if not KEY_OPTION.fullmatch(_text(option, "an option of a key")) or option.lower().startswith("command="):
            raise SshLineError(f'this cannot be an option of a key in authorized_keys: {_shown(option)}. One looks like from="10.0.0.2"')
    if not words:
        raise SshLineError("there is no forced command")
    # sshd reads \" as the one character, and shlex makes use of it for an apostrophe.
    forced = 'command="' + shlex.join(words).replace('"', r"\"") + '"'
    return f"{','.join(['restrict', forced, *options])} {public_key(key)}"


def host_name(name: t.Any) -> str:
    """A name that can be part of a path, a unit, a dataset and a known_hosts file."""
    if not HOST_NAME.fullmatch(_text(name, "the name of a host")):
        raise SshLineError(f"names of hosts become parts of names of datasets, units and files: {_shown(name)} has more than letters, digits and _ . : -")
    return str(name)


def _fields(blob: bytes) -> t.Iterator[bytes]:
    """The strings that a key consists of (RFC 4253, 6.6), each behind its length."""
    at = 0
    while at < len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        at += 4 + length
        if at > len(blob):
            raise IndexError("cut short")
        yield blob[at - length : at]


def _text(value: t.Any, what: str) -> str:
    if not isinstance(value, str):
        raise SshLineError(f"{what} is text, not {type(value).__name__}")
    return value


def _shown(value: t.Any) -> str:
    """The beginning of what somebody else wrote, as one line without control characters."""
    return ascii(str(value)[:80])
