# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches a module and what comes back, on every way to a target. No target has Python."""

from __future__ import annotations

import pytest

from .controller import Controller, Run
from .hosts import Sshd

TARGETS = ["local", "plain", "arm"]

WAYS = """
- name: arguments
  ferro.zfs.zfs_replicate:
    source: tank/a,tank/b
    target: 2024-01-02
    retries: "{{ 5 }}"
    recursive: "no"
    ssh: {port: "22"}
    bandwidth_limit: ~
- name: check
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  check_mode: true
  diff: true
- name: environment
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  environment: {GREETING: it's me}
- name: secret
  ferro.zfs.zfs_replicate: {source: tank, target: backup, password: open sesame}
- name: upload
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  environment: {GREETING: it's me}
  vars: {zfs_native_cache: false}
- name: no pipelining
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  vars: {ansible_pipelining: false}
- name: killed
  ferro.zfs.zfs_replicate: {source: tank, target: killed}
- name: silent
  ferro.zfs.zfs_replicate: {source: tank, target: silent}
- name: liar
  ferro.zfs.zfs_replicate: {source: tank, target: liar}
- name: killed after upload
  ferro.zfs.zfs_replicate: {source: tank, target: killed}
  vars: {zfs_native_cache: false}
- name: short name
  zfs_replicate: {source: tank, target: backup}
  collections: [ferro.zfs]
"""


@pytest.fixture(scope="session")
def ways(probed: Controller, sshd: Sshd | None) -> Run:
    return probed.play("local" if sshd is None else "local,plain,arm", WAYS, "-vvv")


@pytest.fixture(params=TARGETS)
def host(request: pytest.FixtureRequest, sshd: Sshd | None) -> str:
    if sshd is None and request.param != "local":
        pytest.skip("no sshd here")
    return str(request.param)


def test_arguments_arrive_typed(ways: Run, host: str) -> None:
    args = ways.one("arguments", host).result["args"]
    assert args["source"] == ["tank/a", "tank/b"]
    assert args["target"] == "2024-01-02"
    assert args["retries"] == 5
    assert args["recursive"] is False
    assert args["ssh"]["port"] == 22
    assert "bandwidth_limit" not in args
    assert args["receive_properties"] == {"canmount": "off", "readonly": "on"}


def test_the_binary_fits_the_machine(ways: Run, host: str) -> None:
    for task in ("arguments", "upload"):
        assert ways.one(task, host).result["built_for"] == ("aarch64" if host == "arm" else "x86_64")


def test_check_mode_diff_and_verbosity(ways: Run, host: str) -> None:
    result = ways.one("check", host).result
    assert [result["args"][f"internal_{name}"] for name in ("check_mode", "diff", "verbosity")] == [True, True, 3]
    assert result["diff"] == {"before": "a\n", "after": "b\n"}
    assert "+b" in ways.output and "-a" in ways.output
    plain = ways.one("arguments", host).result
    assert [plain["args"][f"internal_{name}"] for name in ("check_mode", "diff")] == [False, False]


def test_results_are_as_of_any_module(ways: Run, host: str) -> None:
    record = ways.one("arguments", host)
    assert record.outcome == "ok" and record.result["changed"] is True
    assert "_ansible_secret" not in record.result
    assert record.result["warnings"] == ["a warning of the module"]
    assert "a warning of the module" in ways.output


def test_environment(ways: Run, host: str) -> None:
    assert ways.one("environment", host).result["greeting"] == "it's me"
    assert ways.one("upload", host).result["greeting"] == "it's me"
    assert ways.one("arguments", host).result["greeting"] == ""


def test_secrets_are_scrubbed_wherever_they_show(ways: Run, host: str) -> None:
    result = ways.one("secret", host).result
    assert result["args"]["passphrase"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert "password" not in result["args"]
    assert "open sesame" not in str(result)


def test_uploaded_each_time_where_that_is_asked_for_or_needed(ways: Run, host: str) -> None:
    assert "ansible-tmp-" in ways.one("upload", host).result["program"]
    assert "ansible-ferro.zfs" in ways.one("arguments", host).result["program"]
    assert ways.one("no pipelining", host).outcome == "ok"


def test_a_binary_without_a_result_is_one_clear_failure(ways: Run, host: str) -> None:
    for task in ("killed", "killed after upload"):
        killed = ways.one(task, host)
        assert killed.outcome == "failed"
        assert killed.result["msg"].startswith("zfs_replicate ended without a result (killed by SIGKILL).")
    silent = ways.one("silent", host).result
    assert silent["msg"] == "zfs_replicate ended without a result (exit status 3). stderr: some reason stdout: nothing like JSON"
    liar = ways.one("liar", host)
    assert liar.outcome == "failed" and liar.result["rc"] == 7


def test_short_name(ways: Run, host: str) -> None:
    assert ways.one("short name", host).outcome == "ok"


def test_progress_is_shown_while_the_task_runs(probed: Controller, sshd: Sshd | None) -> None:
    task = "- name: watched\n  ferro.zfs.zfs_replicate: {source: tank, target: watched}"
    hosts = ["local"] if sshd is None else ["local", "plain"]
    shown = probed.play(",".join(hosts), task, "-v")
    for host in hosts:
        assert shown.output.count(f"{host}: half of it is done") == 1, shown.output
        asked = shown.one("watched", host).result
        assert asked["args"]["progress_file"].startswith("/tmp/.ferro-zfs-progress-")
        # What a person did not ask for is none of the invocation.
        assert "progress_file" not in asked.get("invocation", {}).get("module_args", {}) or asked["invocation"]["module_args"]["progress_file"] is None
    # Without anybody who looks, nothing is asked.
    silent = probed.play("local", task)
    assert "half of it" not in silent.output and "progress_file" not in silent.one("watched", "local").result["args"]


def test_invocation_is_added_as_configured(probed: Controller) -> None:
    task = "- name: it\n  ferro.zfs.zfs_replicate: {source: tank, target: backup, passphrase: open sesame}\n"
    shown = probed.play("local", task, ANSIBLE_INJECT_INVOCATION="true").one("it").result["invocation"]["module_args"]
    assert shown["source"] == ["tank"] and shown["passphrase"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_wrong_options_fail_before_any_connection(probed: Controller) -> None:
    probed_inventory = [*probed.inventory]
    probed.inventory.append("nowhere ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1")
    try:
        run = probed.play(
            "nowhere",
            """
- name: name
  ferro.zfs.zfs_replicate: {sorce: tank, target: backup}
- name: choice
  ferro.zfs.zfs_replicate: {source: tank, target: backup, raw: sometimes}
- name: type
  ferro.zfs.zfs_replicate: {source: tank, target: backup, ssh: {port: often}}
- name: suboption
  ferro.zfs.zfs_replicate: {source: tank, target: backup, ssh: {prot: 22}}
""",
        )
    finally:
        probed.inventory = probed_inventory
    assert {record.outcome for record in run.records} == {"failed"}
    name = run.one("name").result["msg"]
    assert name.startswith("Unsupported parameters for (ferro.zfs.zfs_replicate) module: sorce. Supported parameters include: ")
    assert name.endswith(". missing required arguments: source")
    assert run.one("choice").result["msg"] == "value of raw must be one of: auto, always, never, got: sometimes"
    assert "argument 'port' is of type" in run.one("type").result["msg"]
    assert "ssh.prot" in run.one("suboption").result["msg"]


def test_module_defaults(probed: Controller) -> None:
    for group in ("ferro.zfs.zfs_replicate", "group/ferro.zfs.all"):
        run = probed.play(
            "local",
            "- name: it\n  ferro.zfs.zfs_replicate: {source: tank}\n",
            play=f"  module_defaults:\n    {group}: {{target: from defaults}}\n",
        )
        assert run.one("it").result["args"]["target"] == "from defaults", group


def test_loop_over_machines(probed: Controller, sshd: Sshd | None) -> None:
    if sshd is None:
        pytest.skip("no sshd here")
    for vars_ in ("{}", "{zfs_native_cache: false}"):
        run = probed.play(
            "local",
            f"""
- name: it
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  delegate_to: "{{{{ item }}}}"
  loop: [arm, plain, local, arm]
  vars: {vars_}
""",
        )
        built = [result["built_for"] for result in run.one("it", outcome="ok").result["results"]]
        assert built == ["aarch64", "x86_64", "x86_64", "aarch64"]


def test_ad_hoc(probed: Controller) -> None:
    run = probed.program(
        "ansible", "-i", "local,", "-c", "local", "local", "-m", "ferro.zfs.zfs_replicate", "-a", "source=a,b target=c retries=4",
        ANSIBLE_PYTHON_INTERPRETER="/nonexistent/python",
    )  # fmt: skip
    assert run.rc == 0, run.output
    assert '"retries": 4' in run.output


def test_unsupported_machine(probed: Controller, sshd: Sshd | None) -> None:
    if sshd is None:
        pytest.skip("no sshd here")
    run = probed.play(
        "riscv",
        """
- name: cached
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
- name: uploaded
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  vars: {zfs_native_cache: false}
""",
    )
    for task in ("cached", "uploaded"):
        assert run.one(task).result["msg"].startswith("there is no zfs_replicate for this machine, which says of itself that it is 'riscv64'")


def test_installed_from_source(probed: Controller) -> None:
    binary = probed.native / "zfs_replicate_aarch64"
    moved = binary.rename(probed.scratch / "moved")
    try:
        result = probed.play("local", "- name: it\n  ferro.zfs.zfs_replicate: {source: tank, target: backup}\n").one("it").result
    finally:
        moved.rename(binary)
    assert result["msg"].startswith(f"the binary {binary} is missing: this collection was installed from source, as by ansible-galaxy from git")


def test_installed_binary(probed: Controller) -> None:
    folder = probed.scratch / "it's installed"
    folder.mkdir()
    program = folder / "zfs_replicate"
    program.write_text((probed.native / "zfs_replicate_x86_64").read_text(encoding="utf-8"), encoding="utf-8")
    program.chmod(0o755)
    run = probed.play(
        "local",
        f"""
- name: there
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  vars: {{zfs_native_path: "{folder}"}}
- name: elsewhere
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  vars: {{zfs_native_path: /nonexistent}}
- name: relative
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  vars: {{zfs_native_path: ~/bin}}
""",
    )
    assert run.one("there").result["program"] == str(program)
    assert "/nonexistent/zfs_replicate cannot be run on the target (exit status 127)" in run.one("elsewhere").result["msg"]
    assert run.one("relative").result["msg"] == "the variable zfs_native_path must be an absolute path, got '~/bin'"


def test_async(probed: Controller) -> None:
    run = probed.play(
        "local",
        """
- name: polled
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  async: 30
  poll: 1
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
- name: started
  ferro.zfs.zfs_replicate: {source: tank, target: backup}
  async: 30
  poll: 0
  register: job
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
- name: waited for
  ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
  until: status is finished
  retries: 50
  delay: 0.1
  register: status
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
- name: no Python
  ferro.zfs.zfs_replicate: {source: tank, target: backup, passphrase: open sesame}
  async: 30
""",
    )
    assert run.one("polled", outcome="ok").result["args"]["target"] == "backup"
    assert run.one("waited for", outcome="ok").result["args"]["target"] == "backup"
    refused = run.one("no Python").result
    assert refused["msg"].startswith("async needs Python on the target, zfs_replicate without async does not: ")
    left = [path for path in probed.home.glob(".ansible/tmp/ansible-tmp-*/*") if path.name == "args"]
    assert left == [], "the arguments, secrets included, stay on the target"
