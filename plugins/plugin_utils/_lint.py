# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has ansible-lint check the options of our modules in users' playbooks (its rule ``args``).

It loads what runs a task, which is an action plugin here, puts a class of its own in place of AnsibleModule, and calls
``main``. Action plugins have none as a rule, and their options go unchecked.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible.module_utils import basic
from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS

Spec = dict[str, t.Any]


def main_of(module: str) -> Callable[[], None]:
    """What ansible-lint calls."""

    def main() -> None:
        specs = SPECS[module]
        # Not imported by name: ansible-lint replaces it in there.
        basic.AnsibleModule(supports_check_mode=True, **{**specs, "argument_spec": lenient(specs["argument_spec"])})

    return main


def lenient(argument_spec: Spec) -> Spec:
    """The same options, without what ansible-lint would say of templates that are right.

    In a playbook a value may be a template, of any type. Of an option ansible-lint forgives that, but not where it has
    choices for the elements of a list; and where an option lies within another, it gives up on the whole file.
    """
    return {name: _lenient(option) for name, option in argument_spec.items()}


def _lenient(option: Spec) -> Spec:
    if option.get("type") == "list" and "choices" in option:
        return {key: value for key, value in option.items() if key != "choices"}
    return {**option, "options": _any_values(option["options"])} if "options" in option else option


def _any_values(options: Spec) -> Spec:
    """The same names, each with any value."""
    keep = ("required", "aliases", "no_log")
    return {name: {**{key: value for key, value in option.items() if key in keep}, "type": "raw"} for name, option in options.items()}
