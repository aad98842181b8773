# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a native module gets to its target: checked here, sent once, cached there by content, run in one round trip.

Ansible copies a binary module to the target for each task, at seven round trips, because it can only pipeline Python.
This plugin sends the arguments on standard input to a binary that the target already has. Where that cannot be (async,
connections without pipelining, ``requiretty``, ``noexec``) it does what Ansible does.
"""

from __future__ import annotations

import json
import typing as t

from ansible import constants as C
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader
from ansible.utils.display import Display
from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS
from ansible_collections.ferro.zfs.plugins.plugin_utils import _machines, _progress, _remote
from ansible_collections.ferro.zfs.plugins.plugin_utils._remote import NATIVE, Binaries, Reply

Result = dict[str, t.Any]
display = Display()


class Refused(Exception):
    """Why a task fails before, or instead of, running the module. (AnsibleActionFail would add an empty traceback up to 2.18.)"""


class NativeActionBase(ActionBase):
    """The action plugin behind each module; a subclass only says which one."""

    MODULE: str
    HAS_PROGRESS = False
    """The module has an option ``progress_file``."""
    TRANSFERS_FILES = False
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        checked = ArgumentSpecValidator(**SPECS[self.MODULE]).validate(dict(self._task.args))
        # An alias stands beside the option that it means; the binary knows only the option.
        options = {name: checked.validated_parameters.get(name) for name in SPECS[self.MODULE]["argument_spec"]}
        internal = self._internal_arguments()
        try:
            self._refuse_wrong_arguments(checked)
            result.update(self._run_on_target({name: value for name, value in options.items() if value is not None}, internal))
        except Refused as refusal:
            result.update(failed=True, msg=str(refusal))
        # What AnsibleModule adds; from 2.21 on only if it is configured.
        if internal.get("_ansible_inject_invocation", True):
            result.setdefault("invocation", {"module_args": options})
        return remove_values(result, checked._no_log_values)

    # --- before any connection is made ---

    def _refuse_wrong_arguments(self, checked: ValidationResult) -> None:
        """Says all that is wrong, in the words of AnsibleModule: a misspelt option first, then the one that is missing for it."""
        unsupported = f"Unsupported parameters for (ferro.zfs.{self.MODULE}) module: "
        # `checked.errors` itself is true even when it is empty.
        errors = sorted(checked.errors.errors, key=lambda error: not isinstance(error, UnsupportedError))
        messages = [(unsupported if isinstance(error, UnsupportedError) else "") + error.msg for error in errors]
        if messages:
            raise Refused(". ".join(message.rstrip(".") for message in messages))

    def _internal_arguments(self) -> Result:
        """What Ansible tells every module: ``_ansible_check_mode``, ``_ansible_diff``, ``_ansible_verbosity`` and more."""
        internal: Result = {}
        self._update_module_args(f"ferro.zfs.{self.MODULE}", internal, self._vars)
        return internal

    def _variable(self, name: str) -> t.Any:
        """A variable of the host that the task runs on, which ``delegate_to`` may have changed."""
        variables = self._vars
        if self._task.delegate_to:
            variables = variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to, variables)
        # Variables arrive untemplated.
        return self._templar.template(variables.get(name))

    def _path_variable(self, name: str) -> str | None:
        value = self._variable(name)
        if value is None or value == "":
            return None
        # Everything is quoted on its way to the shell, so `~` would be a directory of that name.
        if not (isinstance(value, str) and value.startswith("/")):
            raise Refused(f"the variable {name} must be an absolute path, got {value!r}")
        return value

    def _may_cache(self) -> bool:
        value = self._variable("zfs_native_cache")
        try:
            return value is None or boolean(value)
        except TypeError as error:
            raise Refused(f"the variable zfs_native_cache must be a boolean: {error}") from error

    # --- on the target ---

    def _run_on_target(self, args: Result, internal: Result) -> Result:
        if self._task.async_val and not self._connection.has_native_async:
            return self._in_background(args)
        if not self._connection.has_pipelining:
            return self._by_upload(args)
        if self.HAS_PROGRESS and not internal.get("_ansible_check_mode") and _progress.is_wanted():
            args = {"progress_file": _progress.new_file(), **args}
            with _progress.Watch(self._connection, self._vars.get("inventory_hostname", ""), args["progress_file"]):
                return self._in_one_round_trip(args, internal)
        return self._in_one_round_trip(args, internal)

    def _in_one_round_trip(self, args: Result, internal: Result) -> Result:
        # str: an unquoted date of YAML is a date object up to ansible-core 2.18.
        stdin = json.dumps({**args, **internal}, default=str).encode()
        installed = self._path_variable("zfs_native_path")
        if installed:
            return self._installed(f"{installed}/{self.MODULE}", stdin)
        if C.DEFAULT_KEEP_REMOTE_FILES or not self._may_cache():
            return self._by_upload(args)
        return self._cached(stdin) or self._by_upload(args)

    def _cached(self, stdin: bytes) -> Result | None:
        """Runs the cached binary, after an upload where it is missing. None: it did not run, and never will this way."""
        binaries = self._binaries()
        directory = self._path_variable("zfs_native_cache_dir")
        run = _remote.run_script(binaries, directory)
        reply = self._shell(run, stdin)
        if reply.verdict == "missing":
            upload = _remote.upload_script(binaries, directory, reply.machine)
            stored = self._shell(upload, binaries.content(reply.machine))
            if stored.verdict != "stored":
                display.vvv(f"{self.MODULE}: not cached: {stored.text.strip()} {stored.stderr.strip()}")
                return None
            reply = self._shell(run, stdin)
        if reply.verdict == "unsupported":
            raise Refused(_machines.unsupported(self.MODULE, reply.machine))
        # 126: found but not executable, as on a file system mounted noexec.
        if reply.verdict != "ran" or reply.rc == 126:
            return None
        return self._result(reply.rc, reply.text, reply.stderr)

    def _installed(self, program: str, stdin: bytes) -> Result:
        """Runs what the administrator has installed."""
        reply = self._shell(_remote.installed_script(program), stdin)
        if reply.rc in (126, 127):
            raise Refused(
                f"{program} cannot be run on the target (exit status {reply.rc}); the variable zfs_native_path promises that it is installed "
                f"there. {reply.stderr.strip()}"
            )
        return self._result(reply.rc, reply.text, reply.stderr)

    def _by_upload(self, args: Result, wrap_async: bool = False) -> Result:
        """Does what Ansible does with any binary module: copies it over, runs it, removes it."""
        machine = self._low_level_execute_command("uname -m", sudoable=False)["stdout"].strip()
        machine = machine.splitlines()[-1] if machine else "unknown"
        architecture = _machines.ARCHITECTURES.get(machine)
        if architecture is None:
            raise Refused(_machines.unsupported(self.MODULE, machine))
        self._binaries()
        # One folder for all architectures: the loader remembers the first folder that has a name.
        module_loader.add_directory(str(NATIVE))
        result = self._execute_module(module_name=f"ansible.legacy.{self.MODULE}_{architecture}", module_args=args, task_vars=self._vars, wrap_async=wrap_async)
        if "module_stdout" in result:
            return self._result(result.get("rc"), result["module_stdout"], result.get("module_stderr", ""))
        return _remote.only_result(result)

    def _in_background(self, args: Result) -> Result:
        """``async``: Ansible's own wrapper, which is a Python program."""
        directory = self._make_tmp_path()
        result = self._by_upload(args, wrap_async=True)
        if "ansible_job_id" not in result:
            # Ansible leaves that to its wrapper, which did not run, and the arguments may hold
            # secrets.
            self._remove_tmp_path(directory)
            reason = result.get("msg") or "no reason given"
            return {"failed": True, "changed": False, "msg": f"async needs Python on the target, {self.MODULE} without async does not: {reason}"}
        return result

    # --- both ways ---

    def _binaries(self) -> Binaries:
        try:
            return Binaries.of(self.MODULE)
        except FileNotFoundError as error:
            raise Refused(_machines.missing(error.filename)) from error

    def _shell(self, script: str, stdin: bytes) -> Reply:
        environment = self._compute_environment_string()
        command = _remote.with_environment(environment, script)
        return Reply.of(self._low_level_execute_command(command, in_data=stdin))

    def _result(self, rc: int | None, stdout: str, stderr: str) -> Result:
        """The one JSON object that a module prints."""
        try:
            said = json.loads(stdout)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            return _remote.no_result(self.MODULE, rc, stdout, stderr)
        result = _remote.only_result(said)
        if rc:
            # Ansible ignores the exit status of a module that prints JSON.
            result.setdefault("failed", True)
            result.setdefault("rc", rc)
        return result
