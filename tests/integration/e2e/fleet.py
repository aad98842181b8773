"""Three hosts with systemd, as Debian leaves them, and ansible-playbook with the collection's archive and the inventory beside this file."""

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from zfs_hosts import ROOT, Lab

HERE = Path(__file__).resolve().parent
INVENTORY = HERE / "inventory"
CALLBACKS = HERE.parent / "controller/callback"

# A lab's hosts trust each other and hold each other's key. Those of a user do not, before a role
# makes them.
STRANGERS = "rm -f /root/.ssh/id_ed25519 /etc/ssh/ssh_known_hosts; touch /var/lib/lab-used"


@dataclass
class Record:
    """What became of one task on one host, or of one item of its loop."""

    outcome: str  # ok, failed, skipped, unreachable, item, item failed
    host: str
    task: str
    result: dict[str, Any]


@dataclass
class Play:
    """What became of one ansible-playbook."""

    rc: int
    output: str
    records: list[Record] = field(default_factory=list)

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """By host: ok, changed, unreachable, failed, skipped, rescued, ignored."""
        rows = re.findall(r"^(\S+)\s+: (ok=\d.*)$", self.output, re.MULTILINE)
        return {host: {word: int(number) for word, number in re.findall(r"(\w+)=(\d+)", row)} for host, row in rows}

    @property
    def changed(self) -> dict[str, list[str]]:
        """By host: the tasks that changed something, or in check mode would."""
        found: dict[str, list[str]] = {host: [] for host in self.recap}
        for record in self.records:
            if record.outcome == "ok" and record.result.get("changed"):
                found[record.host].append(record.task)
        return found

    @property
    def failures(self) -> dict[str, str]:
        """By host: what the task that ended its play said."""
        return {r.host: str(r.result.get("msg")) for r in self.records if r.outcome == "failed"}

    @property
    def warnings(self) -> list[str]:
        """What Ansible and modules warned of, each with the lines over which it is wrapped."""
        return re.findall(r"^\[(?:DEPRECATION )?WARNING\].*(?:\n(?=\S)(?!\[|TASK|PLAY|ok:|changed:|skipping:|included:).*)*", self.output, re.MULTILINE)

    def results(self, task: str, host: str | None = None) -> list[dict[str, Any]]:
        """The results of a task, by its name or the end of it (names of roles' tasks begin with 'role : ')."""
        return [r.result for r in self.records if r.task.endswith(task) and host in (None, r.host) and r.outcome in ("ok", "failed")]

    def one(self, task: str, host: str) -> dict[str, Any]:
        found = self.results(task, host)
        assert len(found) == 1, f"{len(found)} results for {task} on {host}:\n{self.output}"
        return found[0]


class Fleet:
    """The hosts of a lab under Ansible."""

    def __init__(self, lab: Lab, collections: Path, inventory: Path = INVENTORY) -> None:
        self.lab = lab
        self.collections = collections
        self.inventory = inventory

    def fresh(self, *hosts: str) -> None:
        """Hosts as their installation leaves them: no pool, no role has been here, and they do not know each other."""
        for host in hosts:
            if self.lab.run(host, "ls /var/lib/lab-used", check=False).returncode == 0:
                self.lab.reboot(host)
            self.lab.run(host, STRANGERS)

    def sh(self, host: str, script: str, check: bool = True) -> str:
        """Runs a shell script on a host; gives what it prints."""
        return self.lab.run(host, f"set -e\n{script}", check=check).stdout

    def json(self, host: str, path: str) -> Any:
        """A JSON file of a host."""
        return json.loads(self.sh(host, f"cat '{path}'"))

    def playbook(self, playbook: str | list[dict[str, Any]], *words: str, limit: str | None = None, check: bool = False, **variables: Any) -> Play:
        """Runs a playbook by its name (ferro.zfs.site), its path, or as a list of plays, with extra variables."""
        with tempfile.TemporaryDirectory(prefix="ferro-e2e-") as scratch:
            if not isinstance(playbook, str):
                path = Path(scratch) / "play.yml"
                path.write_text(yaml.safe_dump(playbook, sort_keys=False))
                playbook = str(path)
            command = ["ansible-playbook", playbook, "-i", str(self.inventory), "-i", str(HERE / "connection.yml"), *words]
            command += ["--limit", limit] if limit else []
            command += ["--check", "--diff"] if check else []
            command += ["--extra-vars", json.dumps(variables)] if variables else []
            return self._run(command, Path(scratch))

    def played(self, playbook: str | list[dict[str, Any]], *words: str, **options: Any) -> Play:
        """The same, where nothing may fail or be unreachable."""
        play = self.playbook(playbook, *words, **options)
        assert play.rc == 0, play.output
        return play

    def role(self, role: str, host: str, check: bool = False, fails: bool = False, **variables: Any) -> Play:
        """Runs one role on one host, with variables of the play. `fails` says whether it should."""
        play = {"name": role, "hosts": host, "gather_facts": False, "vars": variables, "roles": [f"ferro.zfs.{role}"]}
        done = self.playbook([play], check=check)
        assert (done.rc != 0) == fails, done.output
        return done

    def _run(self, command: list[str], scratch: Path) -> Play:
        record = scratch / "record.jsonl"
        (scratch / "ansible.cfg").touch()
        settings = {
            # Without what the caller has set, or has in ~/.ansible.cfg.
            "ANSIBLE_CONFIG": str(scratch / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "RECORD": str(record),
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        }
        done = self.lab.exec(command, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600)
        lines = record.read_text().splitlines() if record.exists() else []
        return Play(done.returncode, done.stdout, [Record(**json.loads(line)) for line in lines])
