"""The policy modules through Ansible on real ZFS: exactly what the policy table says is taken, skipped and pruned."""

import json
from pathlib import Path

import yaml
from policy_box import Box, Result, without_seconds

TREE = """
fast:
  datasets:
    compositions:
      policy: critical
      children_inherit_policy: true
      snapshots_discover_children: true
      datasets:
        gitea:
          datasets:
            data:
        logs:
          policy: none
    media/films:
      policy: high
    scratch:
slow:
  datasets:
    replicas:
      policy: low
"""

PLAY = """
- hosts: source
  gather_facts: false
  tasks:
    - name: Take
      ferro.zfs.zfs_policy_snapshot:
        datasets: "{{ zfs | ferro.zfs.zfs_datasets_with_policy }}"
      register: taken
    - name: Prune
      ferro.zfs.zfs_prune:
        datasets: "{{ zfs | ferro.zfs.zfs_datasets_with_policy }}"
      register: pruned
    - name: Tell the test
      ansible.builtin.copy:
        content: "{{ {'taken': taken, 'pruned': pruned} | to_json }}"
        dest: "{{ answer }}"
        mode: "0600"
      check_mode: false
      delegate_to: localhost
      vars:
        ansible_connection: local
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


class Ansible:
    def __init__(self, box: Box, collections: Path, folder: Path) -> None:
        self.box, self.collections, self.folder = box, collections, folder
        (folder / "play.yml").write_text(PLAY)

    def play(self, check: bool = False) -> tuple[Result, Result]:
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        variables = json.dumps({"zfs": yaml.safe_load(TREE), "answer": str(answer)})
        command = ["ansible-playbook", str(self.folder / "play.yml"), "-v", "--extra-vars", variables, *(["--check"] if check else [])]
        env = {"ANSIBLE_COLLECTIONS_PATH": str(self.collections), "ANSIBLE_LOCALHOST_WARNING": "false"}
        done = self.box.lab.exec(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(answer.read_text())
        return said["taken"], said["pruned"]


def test_a_playbook_takes_skips_and_prunes_what_the_table_says(box: Box, collections: Path, tmp_path: Path) -> None:
    box.pool("compositions/gitea/data", "compositions/logs", "media/films", "scratch", name="fast")
    box.pool("replicas/web", name="slow")
    # 40 hours that went by before; the policies keep 36 at most.
    hours = [f"autosnap_2026-11-{19 + hour // 24:02}_{hour % 24:02}:00:00_hourly" for hour in range(40)]
    box.sh(
        f"for n in {' '.join(hours)}; do zfs snapshot fast/compositions@$n fast/compositions/logs@$n fast/media/films@$n; done; zfs snapshot fast/compositions@manual"
    )
    ansible = Ansible(box, collections, tmp_path)
    box.clock("2026-11-21 10:00:05")
    now = "autosnap_2026-11-21_10:00"
    critical = [f"fast/compositions{child}@{now}_{i}" for child in ("", "/gitea", "/gitea/data") for i in ("hourly", "daily", "monthly", "yearly")]
    high = [f"fast/media/films@{now}_{i}" for i in ("hourly", "daily", "monthly", "yearly")]
    low = [f"slow/replicas@{now}_{i}" for i in ("hourly", "daily", "monthly")]
    first = sorted(critical + high + low)
    pruned_first = sorted([f"fast/compositions@{n}" for n in hours[:5]] + [f"fast/media/films@{n}" for n in hours[:17]])
    skipped = [
        {"dataset": "fast/compositions/logs", "code": "policy_takes_none", "reason": "policy none takes no snapshots"},
        {"dataset": "fast/scratch", "code": "policy_takes_none", "reason": "policy none takes no snapshots"},
    ]

    before = box.snapshots()
    taken, pruned = ansible.play(check=True)
    assert (taken["changed"], without_seconds(taken["created"]), taken["left_out"]) == (True, first, skipped)
    # In check mode nothing is taken, so one less has to go.
    assert sorted(pruned["destroyed"]) == sorted([f"fast/compositions@{n}" for n in hours[:4]] + [f"fast/media/films@{n}" for n in hours[:16]])
    assert box.snapshots() == before

    taken, pruned = ansible.play()
    assert (without_seconds(taken["created"]), taken["left_out"], sorted(pruned["destroyed"])) == (first, skipped, pruned_first)
    assert pruned["summary"] == {"datasets": 5, "destroyed": 22, "kept": 36 + 3 + 1 + 24 + 3 + 4 + 4 + 3, "reclaim_bytes": None, "failed": 0}
    assert {"snapshot": "fast/compositions@manual", "reasons": ["foreign"]} in pruned["kept"]
    # What has no policy that prunes has all it had.
    assert len(box.snapshots("fast/compositions/logs")) == 40
    after = box.snapshots()
    for check in (False, True):
        taken, pruned = ansible.play(check)
        assert (taken["changed"], taken["created"], pruned["changed"], pruned["destroyed"]) == (False, [], False, [])
        assert box.snapshots() == after

    # Children that nobody has declared: below a dataset that discovers, below one that says `none`,
    # below one that does neither.
    box.clock("2026-11-21 10:40:05")
    box.sh("zfs create fast/compositions/new; zfs create fast/compositions/logs/new; zfs create slow/replicas/new")
    taken, pruned = ansible.play()
    assert without_seconds(taken["created"]) == sorted(f"fast/compositions/new@autosnap_2026-11-21_10:40_{i}" for i in ("hourly", "daily", "monthly", "yearly"))
    assert not pruned["changed"]

    box.clock("2026-11-21 11:00:05")
    taken, pruned = ansible.play()
    everything = ["fast/compositions", "fast/compositions/gitea", "fast/compositions/gitea/data", "fast/compositions/new", "fast/media/films", "slow/replicas"]
    assert without_seconds(taken["created"]) == sorted(f"{name}@autosnap_2026-11-21_11:00_hourly" for name in everything)
    assert pruned["destroyed"] == [f"fast/compositions@{hours[5]}", f"fast/media/films@{hours[17]}"]
