# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts say of themselves comes through as one line of a strict form, or not at all."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter.peers import FilterModule
from ansible_collections.ferro.zfs.plugins.plugin_utils import _machines, _manuals, _peers, _ssh_lines
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[4]
FILTERS = FilterModule().filters()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQ8iXEpRVC0gmjLHhHMH0WJqvRlS/WXlxHKl+PjK0zY"
SHELL = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def refused(name: str, *arguments: t.Any) -> str:
    with pytest.raises(AnsibleFilterError) as error:
        FILTERS[name](*arguments)
    return str(error.value)


@pytest.mark.parametrize("words", ["-t ed25519", "-t rsa -b 2048", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521"])
def test_every_key_of_ssh_keygen_is_taken_without_its_comment(words: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", *words.split(), "-N", "", "-C", "a comment of words", "-f", str(path)], check=True)
    text = (tmp_path / "key.pub").read_text(encoding="utf-8")
    assert FILTERS["ssh_public_key"](text) == " ".join(text.split()[:2])


def test_the_longest_rsa_key_is_taken() -> None:
    def field(blob: bytes) -> bytes:
        return len(blob).to_bytes(4, "big") + blob

    blob = field(b"ssh-rsa") + field(b"\1\0\1") + field(b"\0" + b"\xff" * 2048)
    text = f"ssh-rsa {base64.b64encode(blob).decode()}"
    assert FILTERS["ssh_public_key"](text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY} backup\n{SHELL} without a forced command\n",
        f"{KEY} backup\r{SHELL}",
        f"{KEY} backup\x0b{SHELL}",
        f"{KEY} backup\u2028{SHELL}",
        f'command="/bin/sh" {KEY}',
        f"restrict {KEY}",
        f"@cert-authority * {KEY}",
        f"# {KEY}",
        KEY.replace("ssh-ed25519", "ssh-rsa"),
        KEY.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        KEY[:-1],
        KEY[:-4],
        f"{KEY}AAAA",
        f"{KEY}=",
        KEY.replace("/", "_"),
        KEY[:40] + "\u00e9" + KEY[41:],
        "ssh-ed25519",
        "ssh-ed25519 {{lookup('pipe','id')}}",
        "",
        "\n\n",
        None,
        7,
        [KEY],
        "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa" + b"\0\0\xff\xff" + b"x" * 0xFFFF).decode(),
    ],
)
def test_what_is_no_single_key_is_refused(text: t.Any) -> None:
    said = refused("ssh_public_key", text)
    assert said.isprintable() and len(said) < 400
    refused("ssh_known_host", "nas", text)
    refused("ssh_authorized_key", text, ["/usr/local/bin/zfs_gate"])


@pytest.mark.slow
@given(st.text(), st.text(), st.sampled_from([KEY, SHELL]))
def test_whatever_stands_around_a_key_never_comes_along(before: str, after: str, key: str) -> None:
    try:
        line = _ssh_lines.public_key(f"{before}{key} {after}")
    except _ssh_lines.SshLineError as error:
        assert str(error).isprintable()
    else:
        assert line == key


@pytest.mark.parametrize("name", ["*", "a,b", "!a", "|1|x|y", "@revoked", "a b", "a\nb", "a\n", "../a", "-a", "a/b", "", "n\u00e4s", "a?", "[a]", None])
def test_names_that_stand_for_more_than_one_host_or_for_a_path_are_refused(name: t.Any) -> None:
    refused("ssh_known_host", name, KEY)


def test_lines() -> None:
    assert FILTERS["ssh_known_host"]("nas-1.example.org", f"{KEY} root@nas\n") == f"nas-1.example.org {KEY}"
    command = ["/usr/local/bin/zfs_gate", "--mode", "send", "--dataset", "tank/my data"]
    assert FILTERS["ssh_authorized_key"](f"{KEY} backup", command, ['from="10.0.0.2,10.0.0.3"', "no-pty"]) == (
        f'restrict,command="/usr/local/bin/zfs_gate --mode send --dataset \'tank/my data\'",from="10.0.0.2,10.0.0.3",no-pty {KEY}'
    )


@pytest.mark.parametrize("word", ['a"b', "a\nb", "a\\b", "", "a\x1bb", 7])
def test_words_that_end_the_forced_command_are_refused(word: t.Any) -> None:
    refused("ssh_authorized_key", KEY, ["/usr/local/bin/zfs_gate", word])


@pytest.mark.parametrize("option", ['from="a" ssh-rsa', 'from="a"b"', "from=a", "a,b", 'command="sh"', 'COMMAND="sh"', "a\n", 'from="a\nb"', "", 7])
def test_options_that_are_more_than_one_are_refused(option: t.Any) -> None:
    refused("ssh_authorized_key", KEY, ["/usr/local/bin/zfs_gate"], [option])
    refused("ssh_authorized_key", KEY, [], [])


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every program for both architectures, in a folder beside which there is a secret."""
    folder = tmp_path / "_native"
    folder.mkdir()
    for program in _peers.PROGRAMS:
        for architecture in ("x86_64", "aarch64"):
            (folder / f"{program}_{architecture}").touch()
    (tmp_path / "secret").touch()
    monkeypatch.setattr(_peers, "NATIVE", folder)
    return folder


def test_a_machine_chooses_from_a_fixed_list(native: Path) -> None:
    for machine, architecture in _machines.ARCHITECTURES.items():
        assert FILTERS["zfs_program"](machine, "zfs_gate") == str(native / f"zfs_gate_{architecture}")
    modules = Path(__file__).resolve().parents[4] / "modules"
    assert {path.stem for path in modules.glob("*.rs")} | {path.parent.name for path in modules.glob("*/main.rs")} == set(_peers.PROGRAMS)


@pytest.mark.parametrize("machine", ["x/../../secret", "../secret", "x86_64\n", "x86_64 ", "X86_64", "riscv64", "", None, ["x86_64"], "\x1b]0;x\x07"])
def test_a_machine_that_is_none_reads_nothing(native: Path, machine: t.Any) -> None:
    said = refused("zfs_program", machine, "zfs_gate")
    assert "there is one for aarch64 and x86_64" in said and said.isprintable()


def test_a_program_that_is_not_there_is_named(native: Path) -> None:
    assert "no program '../secret'" in refused("zfs_program", "x86_64", "../secret")
    (native / "zfs_gate_x86_64").unlink()
    assert "zfs_gate_x86_64 is missing" in refused("zfs_program", "x86_64", "zfs_gate")


@pytest.mark.parametrize(
    ("release", "package"),
    [
        ("6.12.41+deb13-amd64", "linux-headers-amd64"),
        ("6.1.0-28-cloud-amd64", "linux-headers-cloud-amd64"),
        ("6.12.9+bpo-arm64", "linux-headers-arm64"),
        ("6.6.51+rpt-rpi-v8", "linux-headers-rpi-v8"),
        ("6.12.25+rpt-rpi-2712", "linux-headers-rpi-2712"),
        ("6.8.0-45-generic", "linux-headers-generic"),
        ("6.8.0-1013-raspi", "linux-headers-raspi"),
    ],
)
def test_headers_are_those_of_the_kernels_flavour(release: str, package: str) -> None:
    """Packages of Debian, Raspberry Pi OS and Ubuntu that follow the kernel's upgrades."""
    assert FILTERS["zfs_kernel_headers"](release) == package


@pytest.mark.parametrize("release", ["", "6.12.41", "6.12.41-1", "6.1.0 -o evil-amd64", "6.1.0-amd64\n", "6.1.0-amd64 evil", "6.1.0-", "6.1.0--amd64", None])
def test_a_kernel_without_a_flavour_has_no_headers(release: t.Any) -> None:
    assert "name those that build the module for it in system_zfs_module_packages" in refused("zfs_kernel_headers", release)


def test_variables_that_a_host_has_set_by_itself_are_named() -> None:
    facts = {"backup_client_pull_options": {}, "zfs": {}, "zfsbackup_dataset": "x", "distribution": "Debian", "zfs_datasets": [], "backup_\n": 1}
    hostvars = {"nas": {"ansible_facts": facts}, "backup": {"ansible_facts": {}}, "new": {}}
    assert FILTERS["zfs_variables_from_facts"](["nas", "backup", "new", "gone"], hostvars) == [
        "nas: backup_client_pull_options",
        "nas: zfs",
        "nas: zfsbackup_dataset",
    ]


def test_manuals_go_where_man_and_shells_look(tmp_path: Path) -> None:
    for name in ("man/zfs_prune.8", "completions/zfs_prune.bash", "completions/_zfs_prune", "completions/zfs_prune.fish"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = _manuals.manuals(["zfs_prune", "zfs_info"], tmp_path)
    assert [one["dest"].removeprefix("/usr/local/share/") for one in found] == [
        "man/man8/zfs_prune.8",
        "bash-completion/completions/zfs_prune",
        "zsh/site-functions/_zfs_prune",
        "fish/vendor_completions.d/zfs_prune.fish",
    ]
    assert {one["sha256"] for one in found} == {hashlib.sha256(b"x").hexdigest()}
    # Each is removed with its program.
    listed = [path for role in ("zfs_policy", "zfs_monitor") for path in (ROOT / "roles" / role / "vars/main.yml").read_text(encoding="utf-8").splitlines()]
    for program in ("zfs_prune", "zfs_policy_snapshot", "zfs_monitor"):
        assert {place.format(program) for place in _manuals.PLACES.values()} <= {line.strip().removeprefix("- ") for line in listed}
    assert "no program '../x'" in refused("zfs_manuals", ["../x"])
