# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that was taken over answers as it likes. None of it gets to the controller, nor to another host."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from .controller import Controller, Run

# What a module of the target's choice may say.
LIES: dict[str, t.Any] = {
    "changed": False,
    "said": "{{ lookup('ansible.builtin.pipe', 'touch PLACE') }}",
    "ansible_facts": {
        "greeting": "{{ lookup('ansible.builtin.pipe', 'touch PLACE') }}",
        "backup_client_pull_options": {"ssh": {"options": ["ProxyCommand=touch PLACE"]}},
    },
    "add_host": {"host_name": "planted", "groups": ["zfs_backup_servers"], "host_vars": {"ansible_connection": "local"}},
    "add_group": "planted_group",
    "ansible_connection": "local",
    "_ansible_secret": 1,
}

PLAY = """
- name: asked
  ferro.zfs.zfs_replicate: {source: tank, target: backup, passphrase: open sesame}
  register: answer
  vars: VARS
- name: seen
  ansible.builtin.debug:
    msg:
      said: "{{ answer.said }}"
      greeting: "{{ greeting | default('none') }}"
      options: "{{ hostvars[inventory_hostname].backup_client_pull_options | default('none') }}"
      groups: "{{ groups | dict2items | selectattr('key', 'match', 'planted|zfs_') | list }}"
      hosts: "{{ groups.all }}"
# As roles pass it on: through a fact, filters, another host's variables, a message, a loop and a
# template.
- name: kept
  ansible.builtin.set_fact:
    kept: "{{ [answer.said] | select('match', '.*lookup') | map('regex_replace', ' $', '') | first | default('') }}"
- name: through
  ansible.builtin.assert:
    that: through is not match('.*lookup')
    fail_msg: "{{ through ~ item }} {{ hostvars[inventory_hostname].kept | trim }} {{ lookup('ansible.builtin.vars', 'kept') }}"
  vars:
    again: "{{ hostvars[inventory_hostname].kept | default(kept) }}"
    through: "{{ again.splitlines() | join('') }}"
  loop: "{{ [kept, answer.said] | unique }}"
"""


@pytest.fixture
def lying(probed: Controller, tmp_path: Path) -> t.Callable[[str], tuple[Run, Path]]:
    def run(way: str) -> tuple[Run, Path]:
        place = tmp_path / "here"
        program = tmp_path / "zfs_replicate"
        program.write_text(f"#!/bin/sh\n# \1\ncat <<'EOF'\n{json.dumps(LIES).replace('PLACE', str(place))}\nEOF\n", encoding="utf-8")
        program.chmod(0o755)
        if way == "file":
            # What a machine of the attacker's does with a file that it is sent.
            binary = probed.native / "zfs_replicate_x86_64"
            before = binary.read_bytes()
            binary.write_bytes(program.read_bytes())
        variables = {"installed": {"zfs_native_path": str(tmp_path)}, "file": {"zfs_native_cache": False}}[way]
        try:
            return probed.play("local", PLAY.replace("VARS", json.dumps(variables))), place
        finally:
            if way == "file":
                binary.write_bytes(before)

    return run


@pytest.mark.parametrize("way", ["installed", "file"])
def test_its_answer_becomes_no_variable_no_host_and_no_template(lying: t.Callable[[str], tuple[Run, Path]], way: str) -> None:
    run, place = lying(way)
    answer = run.one("asked").result
    seen = run.one("seen").result["msg"]
    assert not place.exists(), "the controller ran what the target said"
    assert seen["said"].startswith("{{ lookup")
    through = [record.result for record in run.records if record.task == "through"]
    assert through and all("{{ lookup" in str(result) for result in through), run.output
    assert (seen["greeting"], seen["options"], seen["groups"]) == ("none", "none", [])
    assert "planted" not in seen["hosts"]
    assert {"add_host", "add_group", "ansible_facts", "ansible_connection", "_ansible_secret"} & set(answer) == set(), answer
