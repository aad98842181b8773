# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a module says of itself to what Ansible reads."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import generate_docs

SAID = {
    "module": "zfs_sample",
    "required_together": [["a", "b"]],
    "options": {
        "raw": {"type": "str", "choices": {"auto": "By itself.", "never": ""}, "default": "auto", "description": ["Whether: raw."]},
        "ssh": {
            "type": "dict",
            "description": ["How."],
            "options": {"key": {"type": "str", "no_log": True, "version_added": "1.2.0", "description": []}},
        },
    },
}


def test_spec() -> None:
    assert generate_docs.spec(SAID) == {
        "required_together": [["a", "b"]],
        "argument_spec": {
            "raw": {"type": "str", "choices": ["auto", "never"], "default": "auto"},
            "ssh": {"type": "dict", "options": {"key": {"type": "str", "no_log": True}}},
        },
    }


def test_documentation() -> None:
    key = {"description": ["Undocumented."], "type": "str", "version_added": "1.2.0"}
    assert yaml.safe_load(generate_docs.documentation(SAID)) == {
        "options": {
            "raw": {
                "description": ["Whether: raw.", "V(auto) - By itself."],
                "type": "str",
                "choices": ["auto", "never"],
                "default": "auto",
            },
            "ssh": {"description": ["How."], "type": "dict", "suboptions": {"key": key}},
        }
    }


def test_python_is_python() -> None:
    value = {"a": [1, "it's", None], "b": {"c": True, "d": {}, "e": []}}
    assert ast.literal_eval(generate_docs.python(value)) == value


def test_only_what_is_between_the_markers_changes() -> None:
    stub = f"before\n{generate_docs.BEGIN}old\n{generate_docs.END}after\n"
    assert generate_docs.with_options(stub, "new\n") == f"before\n{generate_docs.BEGIN}new\n{generate_docs.END}after\n"
    with pytest.raises(SystemExit):
        generate_docs.with_options("no markers", "new\n")
