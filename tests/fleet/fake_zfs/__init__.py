# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `zfs` and `zpool` of all tests without a kernel: names, properties, snapshots and grants in one JSON file, and no data.

It knows what the roles and the binaries of this collection say, in the words that they use, and refuses the rest. Streams carry the
guids of their snapshots, so that replication can go wrong. A file BROKEN holds what every command says instead, and fails with.

A folder that holds this program and a state.json is a host of its own. There, where a file `log` exists, each command is written down;
`faults` of the state say what goes wrong (see `Fault`); and `answers`, pairs of a pattern of commands and a file, are printed as they are:
that is for listings of millions of lines, which no JSON holds.
"""
