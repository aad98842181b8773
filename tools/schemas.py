# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schema (2020-12) of the files that people write: options of each module as JSON, and variables of an inventory with their `zfs:` tree.

Of options, modules/spec/NAME.json knows; of the tree, plugins/plugin_utils; of other variables, the argument_specs of the roles.
Values are as forgiving as those who read them: a number may be a text, and whatever Ansible fills in (`{{ … }}`) may be anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import schema_tree
import yaml
from command_line import plain

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "modules" / "spec"
BASE = "https://raw.githubusercontent.com/ferro-zfs/ferro.zfs/main/docs/schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

NOTHING: Schema = {"type": "null"}
TEMPLATE = {"$ref": "#/$defs/template"}
YES_OR_NO = {"$ref": "#/$defs/yes_or_no"}
INTEGER: Schema = {"type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$"}
# Of each kind, what is one besides what JSON has for it.
KINDS: dict[str, list[Schema]] = {
    "bool": [{"type": "boolean"}, YES_OR_NO],
    "int": [{"type": "integer"}, INTEGER],
    "float": [{"type": "number"}, {"type": "string", "pattern": r"^\s*[+-]?[0-9.]+\s*$"}],
    "str": [{"type": ["string", "number", "boolean"]}],
    "path": [{"type": "string"}],
    "raw": [{}],
}
DEFINITIONS: Schema = {
    "template": {"type": "string", "pattern": r"\{[{%]"},
    "yes_or_no": {
        "anyOf": [
            {"enum": [0, 1]},
            {"type": "string", "pattern": "^\\s*([Yy]([Ee][Ss])?|[Oo][Nn]|1|[Tt]([Rr][Uu][Ee])?|[Nn][Oo]?|[Oo][Ff][Ff]|0|[Ff]([Aa][Ll][Ss][Ee])?)\\s*$"},
        ]
    },
}


def any_of(*schemas: Schema) -> Schema:
    """What fits one of them."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def option(said: Schema, may_be_empty: bool = True) -> Schema:
    """One option, as modules/spec has it."""
    kinds = _kinds(said)
    if may_be_empty:
        kinds = [*kinds, NOTHING]
    found: Schema = {"description": said["help"]} if said.get("help") else {}
    if "default" in said:
        found["default"] = said["default"]
    return {**found, **any_of(*kinds)}


def _kinds(said: Schema) -> list[Schema]:
    kind, choices, inner = said["type"], said.get("choices"), said.get("options")
    if kind == "list":
        element = {"type": said.get("elements", "raw"), "choices": choices, "options": inner}
        shorthand: Schema = {"type": ["string", "number"]}
        if choices:
            one = "|".join(choices)
            shorthand = {"type": "string", "pattern": rf"^\s*(({one})\s*(,\s*({one})\s*)*)?$"}
        elif inner:
            # A comma parts elements, so of more than one word none is whole.
            shorthand = {"type": "string", "pattern": r"^\s*$"}
        return [{"type": "array", "items": any_of(*_kinds(element))}, shorthand]
    if kind == "dict":
        return [said["schema"] if "schema" in said else options(inner) if inner else {"type": "object"}, {"type": "string", "pattern": "[={]"}]
    if choices:
        # What YAML makes of a bare `on`.
        words = [{"on": True, "off": False}[word] for word in choices if word in ("on", "off")]
        return [{"enum": [*choices, *words]}]
    return KINDS[kind]


def options(said: list[Schema], all_may_lack: bool = False) -> Schema:
    """A dict with these options and no others."""
    found: Schema = {"type": "object", "properties": {one["name"]: option(one, not one.get("required")) for one in said}, "additionalProperties": False}
    required = [one["name"] for one in said if one.get("required")]
    if required and not all_may_lack:
        found["required"] = required
    return found


def spec_of(module: str) -> list[Schema]:
    """The options of a module."""
    said: list[Schema] = json.loads((SPECS / f"{module}.json").read_text(encoding="utf-8"))["options"]
    # Policies are a dict whose keys are the user's, and whose values are not.
    return [{**one, "schema": schema_tree.policies(YES_OR_NO)} if one["name"] == "policies" else one for one in said]


def of_module(module: str) -> Schema:
    """The file that `MODULE FILE` takes."""
    found = options(spec_of(module))
    # What Ansible adds is never an option.
    found["patternProperties"] = {"^_ansible_": {}}
    head = {"$schema": DIALECT, "$id": f"{BASE}/{module}.json", "title": f"Options of {module}"}
    return {**head, **found, "$defs": {"yes_or_no": DEFINITIONS["yes_or_no"]}}


def templated(schema: Any) -> Any:
    """The same where Ansible fills in templates: wherever something else than any text is wanted, one may stand."""
    if isinstance(schema, list):
        return [templated(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: value if key in ("default", "enum", "required") else templated(value) for key, value in schema.items()}
    return {**found, "anyOf": [*found["anyOf"], TEMPLATE]} if "anyOf" in schema else found


def role_option(name: str, said: Schema) -> Schema:
    """An option of a role's argument_specs as modules/spec would have it."""
    found: Schema = {key: said[key] for key in ("type", "elements", "choices", "default") if key in said}
    description = said.get("description", "")
    found.update(name=name, help=plain(description if isinstance(description, str) else description[0]))
    found.setdefault("type", "str")
    if "options" in said:
        found["options"] = [role_option(inner, one) for inner, one in said["options"].items()]
    return found


def role_variables() -> Schema:
    """The variables of all roles."""
    found: Schema = {}
    for file in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        said = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options", {})
        for name, one in said.items():
            # Several roles may say the same one; where it is only mentioned, another says more.
            if name not in found or len(found[name].get("description", "")) < len(role_option(name, one)["help"]):
                found[name] = templated(option(role_option(name, one)))
    return found


def of_inventory() -> Schema:
    """A file of group_vars or host_vars. What else stands there is somebody else's."""
    variables = role_variables()
    policies = templated(any_of(schema_tree.policies(YES_OR_NO), NOTHING))
    variables.update(zfs_policies=policies, zfs_policy_policies=policies, zfs={"$ref": "#/$defs/zfs"}, system_zfs_keys={})
    jobs = schema_tree.job_variables()
    variables.update({name: {"$ref": f"#/$defs/{module}"} for name, module in jobs.items()})
    of_jobs = {module: templated(any_of(options(spec_of(module), all_may_lack=True), NOTHING)) for module in sorted(set(jobs.values()))}
    delegation = [one for one in spec_of("zfs_delegate") if one["name"] != "dataset"]
    grant = templated(options(delegation, all_may_lack=True))
    definitions = {**DEFINITIONS, **of_jobs, **schema_tree.definitions(grant)}
    title = "Variables of an inventory of ferro.zfs"
    return {"$schema": DIALECT, "$id": f"{BASE}/inventory.json", "title": title, "type": ["object", "null"], "properties": variables, "$defs": definitions}


def generated() -> dict[str, str]:
    """Every file of docs/schema with what should stand in it."""
    schemas = {file.stem: of_module(file.stem) for file in sorted(SPECS.glob("*.json"))}
    schemas["inventory"] = of_inventory()
    return {f"{name}.json": _text(schema) for name, schema in schemas.items()}


def _text(schema: Schema) -> str:
    """A line for each option, variable and definition."""
    parts = []
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            lines = (f"{json.dumps(name)}: {json.dumps(one, ensure_ascii=False)}" for name, one in value.items())
            parts.append(f"{json.dumps(key)}: {{\n" + ",\n".join(lines) + "\n}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
