# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of variables, and options of jobs that variables hold: what else a role, or the job at night, would be the first to find. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import meant

# Options of modules for the jobs of a backup server.
JOBS = {
    "backup_server_pull_options": "zfs_replicate",
    "backup_server_push_options": "zfs_replicate",
    "backup_client_pull_options": "zfs_replicate",
    "backup_offsite_push_options": "zfs_replicate",
    "backup_server_verify_options": "zfs_verify",
    "backup_client_verify_options": "zfs_verify",
}
# Looked at by others: the tree, and keys, which are nobody's business here.
ELSEWHERE = {"zfs", "system_zfs_keys", "zfs_policies", "zfs_policy_policies"}
TYPE_WORDS = ("type", "elements", "choices", "options")


def type_faults(get: Callable[[str], Any], options: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Variables whose values are not of the type that the roles say."""
    faults = []
    for name, spec in options.items():
        value = None if name in ELSEWHERE else get(name)
        if value is not None:
            faults += _faults(name, spec, value, name)
    return faults


def job_faults(get: Callable[[str], Any]) -> list[str]:
    """Options that the module of a job does not have, or would not take."""
    faults = []
    for variable, module in JOBS.items():
        job, known = get(variable), SPECS[module]["argument_spec"]
        if not isinstance(job, Mapping):
            continue
        for name, value in job.items():
            if name not in known:
                faults.append(f"{variable}.{name}: {module} has no option '{name}'{meant(name, known)}")
            elif value is not None:
                faults += _faults(name, known[name], value, f"{variable}.{name}")
    return faults


def _faults(name: str, spec: Mapping[str, Any], value: Any, path: str) -> list[str]:
    # Ansible's own words, with which the role or the module would end.
    bare = {word: spec[word] for word in TYPE_WORDS if word in spec}
    return [f"{path}: {message}" for message in ArgumentSpecValidator({name: bare}).validate({name: value}).error_messages]
