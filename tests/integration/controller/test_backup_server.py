# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role backup_server finds out on the controller, before it touches a host."""

from __future__ import annotations

import json
import typing as t

import pytest

from .controller import Controller, Run

TREE = {"tank": {"datasets": {"a": {"policy": "critical"}}}}
VALIDATE = "- name: it\n  ansible.builtin.include_role: {name: ferro.zfs.backup_server, tasks_from: validate}\n"
# What the role makes of it, for a task after it.
PUBLIC = VALIDATE.replace("tasks_from: validate", "tasks_from: validate, public: true")


@pytest.fixture
def fleet(probed: Controller) -> t.Iterator[t.Callable[..., Run]]:
    """Runs the checks on `hub` in a fleet with these other servers and offsite hosts, none of which is ever spoken to."""
    before = [*probed.inventory]

    def run(servers: dict[str, dict[str, t.Any]], offsite: list[str], tasks: str = VALIDATE, before: str = "", **variables: t.Any) -> Run:
        hosts = {"nas": {"zfs": TREE}, **{name: {"backup_offsite_dataset": "far/backups"} for name in offsite}}
        servers = {"hub": {"ansible_connection": "local", **variables}, **servers}
        for name, given in servers.items():
            hosts[name] = {**hosts.get(name, {}), "backup_server_dataset": "vault/backups", **given}
        words = [f"{name} " + " ".join(f"{key}='{json.dumps(value)}'" for key, value in given.items()) for name, given in hosts.items()]
        groups = {"zfs_backup_clients": ["nas"], "zfs_backup_servers": [*servers], "zfs_backup_offsite": offsite}
        lines = [line for group, names in groups.items() for line in (f"[{group}]", *names)]
        probed.inventory = [*words, *lines]
        return probed.play("hub", before + tasks)

    yield run
    probed.inventory = before


def failures(run: Run) -> str:
    return " ".join(str(record.result["msg"]) for record in run.records if record.outcome == "failed")


def test_two_servers_do_not_push_to_one_place(fleet: t.Callable[..., Run]) -> None:
    said = failures(fleet({"twin": {}}, ["far"]))
    assert said.startswith("twin and this host would push the same clients to the same place of far."), said
    for other in ({"backup_server_push_below": "twin"}, {"backup_server_clients": ["other"]}, {"backup_server_offsite": ["away"]}):
        assert failures(fleet({"twin": other}, ["far"])) == "", other
    assert failures(fleet({"twin": {"backup_server_offsite_enabled": False}}, ["far"])) == ""
    assert failures(fleet({"twin": {}}, [])) == ""


def test_names_and_facts_of_peers_are_checked_before_the_first_write(fleet: t.Callable[..., Run]) -> None:
    fact = "- ansible.builtin.set_fact: {backup_client_pull_options: {}, cacheable: true}\n  delegate_to: nas\n  delegate_facts: true\n"
    assert "nas: backup_client_pull_options" in failures(fleet({}, ["far"], before=fact))
    assert "names of hosts become parts of names" in failures(fleet({}, ["far"], backup_server_clients=["nas", "../x"]))
    assert failures(fleet({}, ["far"])) == ""


def test_a_host_does_not_push_to_itself(fleet: t.Callable[..., Run]) -> None:
    show = PUBLIC + "- name: seen\n  ansible.builtin.debug: {msg: '{{ backup_server_jobs }}'}\n"
    assert fleet({}, ["far", "hub"], show).one("seen").result["msg"] == ["pull@nas", "push@far"]


@pytest.mark.parametrize(("below", "target"), [("", "far/backups"), ("hub", "far/backups/hub")])
def test_what_is_pushed_lands_below_the_name_that_is_given(fleet: t.Callable[..., Run], probed: Controller, below: str, target: str) -> None:
    template = probed.collections / "ansible_collections/ferro/zfs/roles/backup_server/templates/push.json.j2"
    show = (
        PUBLIC + f"- name: seen\n  vars: {{item: push@far}}\n  ansible.builtin.debug: {{msg: \"{{{{ lookup('ansible.builtin.template', '{template}') }}}}\"}}\n"
    )
    seen = fleet({}, ["far"], show, backup_server_push_below=below).one("seen").result["msg"]
    assert (json.loads(seen) if isinstance(seen, str) else seen)["target"] == target


GATE = """
- name: it
  ansible.builtin.include_role: {name: ferro.zfs.backup_gate, tasks_from: validate}
  vars: {backup_gate_mode: send, backup_gate_datasets: [tank], backup_gate_servers: [], backup_gate_user: zfsbackup, GIVEN}
"""


@pytest.mark.parametrize(
    "given",
    [
        'backup_gate_user: "zfsbackup\\nMatch all\\nPermitRootLogin yes"',
        'backup_gate_user: "root,zfsbackup"',
        "backup_gate_user: ../x",
        'backup_gate_home: "/x\\n"',
        "backup_gate_home: x",
        "backup_gate_program: '/bin/sh -c x'",
    ],
)
def test_names_that_would_be_more_than_one_word_in_a_file_are_refused(probed: Controller, given: str) -> None:
    name = given.partition(":")[0]
    task = GATE.replace("backup_gate_user: zfsbackup, ", "" if name == "backup_gate_user" else "backup_gate_user: zfsbackup, ")
    run = probed.play("local", task.replace("GIVEN", given))
    assert "an account has small letters" in failures(run), run.output
