# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completions of a program's command line for bash, zsh and fish. Nothing is needed but the shell itself; where a dataset is wanted, `zfs list` is asked."""

from __future__ import annotations

from usage import Flag, Program

HEAD = "# Completion of {name}, of ferro.zfs. Generated; do not edit.\n"
# A pool that does not answer holds nobody's prompt for long.
DATASETS = "timeout 2 zfs list -H -o name -t filesystem,volume 2>/dev/null"
POOLS = "timeout 2 zpool list -H -o name 2>/dev/null"
# Programs whose words may name datasets besides the file with options.
TAKES_DATASETS = ("zfs_replicate", "zfs_policy_snapshot", "zfs_prune")
BASH = """\
_{name}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD - 1]}}
    # `--flag=word` is three words here.
    if [[ $word == = ]]; then
        word=
    elif [[ $flag == = ]]; then
        flag=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    COMPREPLY=()
    case $flag in
{cases}    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '{flags}' -- "$word")
        return
    fi
    mapfile -t COMPREPLY < <({words})
}}
complete -o filenames -F _{name} {name}
"""


def _kind(flag: Flag) -> str:
    """What completes its value."""
    if flag.choices:
        return "words"
    return {"FILE": "files", "FOLDER": "folders", "DATASET": "datasets", "POOL": "pools"}.get(flag.value, "text")


def spellings(flag: Flag) -> dict[str, str]:
    """All ways to write it, with what each means."""
    found = {f"--{flag.name}": flag.help}
    if flag.is_switch:
        found[f"--no-{flag.name}"] = f"No: {flag.help}"
    return found


def bash(program: Program) -> str:
    """For bash, 4.0 and newer."""
    by_kind = {"files": 'compgen -f -- "$word"', "folders": 'compgen -d -- "$word"', "text": "true"}
    by_kind.update(datasets=f'compgen -W "$({DATASETS})" -- "$word"', pools=f'compgen -W "$({POOLS})" -- "$word"')
    asked: dict[str, list[str]] = {}
    for flag in program.all_flags():
        if flag.value:
            command = f"compgen -W '{' '.join(flag.choices)}' -- \"$word\"" if flag.choices else by_kind[_kind(flag)]
            asked.setdefault(command, []).append(f"--{flag.name}")
    cases = ""
    for command, names in asked.items():
        reply = f"            mapfile -t COMPREPLY < <({command})\n" if command != "true" else ""
        cases += f"        {' | '.join(names)})\n{reply}            return\n            ;;\n"
    flags = " ".join(one for flag in program.all_flags() for one in spellings(flag))
    words = by_kind["files"]
    if program.name in TAKES_DATASETS:
        words += "; " + by_kind["datasets"]
    return HEAD.format(name=program.name) + BASH.format(name=program.name, cases=cases, flags=flags, words=words)


def zsh(program: Program) -> str:
    """For zsh, as a function in its fpath."""
    specs = []
    for flag in program.all_flags():
        specs += [_zsh_flag(flag, one, what) for one, what in spellings(flag).items()]
        if flag.letter:
            specs.append(_zsh_flag(flag, f"-{flag.letter}", flag.help))
    action = "{_files; _ferro_zfs_datasets}" if program.name in TAKES_DATASETS else "_files"
    specs.append(f"*:file or dataset:{action}" if program.name in TAKES_DATASETS else f"*:file:{action}")
    quoted = " \\\n    ".join("'" + spec.replace("'", "'\\''") + "'" for spec in specs)
    datasets = f'(( $+functions[_ferro_zfs_datasets] )) ||\n_ferro_zfs_datasets() {{\n    local -a names\n    names=(${{(f)"$({DATASETS})"}})\n    compadd -a names\n}}\n'
    pools = f'(( $+functions[_ferro_zfs_pools] )) ||\n_ferro_zfs_pools() {{\n    local -a names\n    names=(${{(f)"$({POOLS})"}})\n    compadd -a names\n}}\n'
    return f"#compdef {program.name}\n{HEAD.format(name=program.name)}\n{datasets}\n{pools}\n_arguments \\\n    {quoted}\n"


def _zsh_flag(flag: Flag, spelling: str, what: str) -> str:
    often = "*" if flag.is_repeated else ""
    what = _escaped(what, "[]:")
    if not flag.value:
        return f"{often}{spelling}[{what}]"
    actions = {"files": "_files", "folders": "_files -/", "datasets": "_ferro_zfs_datasets", "pools": "_ferro_zfs_pools", "text": ""}
    action = f"({' '.join(flag.choices)})" if flag.choices else actions[_kind(flag)]
    return f"{often}{spelling}=[{what}]:{_escaped(flag.value, ':')}:{action}"


def _escaped(text: str, signs: str) -> str:
    return "".join("\\" + letter if letter in signs or letter == "\\" else letter for letter in text)


def fish(program: Program) -> str:
    """For fish."""
    lines = [HEAD.format(name=program.name)]
    if program.name in TAKES_DATASETS:
        lines.append(f"complete -c {program.name} -a {_fish(f'({DATASETS})')}\n")
    for flag in program.all_flags():
        letter = f" -s {flag.letter}" if flag.letter else ""
        for one, what in spellings(flag).items():
            lines.append(f"complete -c {program.name}{letter} -l {one.removeprefix('--')}{_fish_value(flag)} -d {_fish(what)}\n")
    return "".join(lines)


def _fish_value(flag: Flag) -> str:
    if not flag.value:
        return ""
    if flag.choices:
        return f" -x -a {_fish(' '.join(flag.choices))}"
    datasets, pools = f" -x -a {_fish(f'({DATASETS})')}", f" -x -a {_fish(f'({POOLS})')}"
    return {"files": " -r -F", "folders": " -x -a '(__fish_complete_directories)'", "datasets": datasets, "pools": pools, "text": " -x"}[_kind(flag)]


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
