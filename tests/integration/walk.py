"""A random walk on real ZFS: what may happen to a source between two replications, and replications that are killed half-way.

Each round is one step, chosen by chance from its own seed, so that round 57 of seed 3 is the same whatever happened before. The walk does
nothing that the documentation says must end in a refusal (docs/replication.md): whatever is refused is a failure of the walk.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from walk_life import ENCRYPTION, KEY, Life, Snapshot

STEPS = {
    "write": 5,
    "snapshot": 6,
    "snapshot all": 3,
    "rename snapshot": 2,
    "destroy snapshot": 3,
    "bookmark": 1,
    "create": 3,
    "clone": 2,
    "promote": 2,
    "destroy dataset": 2,
    "rename dataset": 2,
    "rename the replicas": 1,
    "prune": 2,
    "prune the target": 1,
    "replicate": 4,
    "replicate while it changes": 2,
    "replicate and kill": 8,
}
VICTIMS = ("module -TERM", "module -INT", "module -KILL", "send", "receive", "ssh")
ROOM_EVERY = 25


@dataclass
class Walk(Life):
    """`remote`: the target is on another host, and each replication is by chance a pull or a push. `holds`: with the option of that name,
    and several datasets at once. `gate`: both hosts let the other in through zfs_gate only. Without `holds`, the target is encrypted."""

    gate: bool = False
    unclean: set[str] = field(default_factory=set)  # hosts where a killed run may have left files, which the next run there removes

    def begin(self) -> None:
        self.hosts.pool(self.source, "tank", "1200M")
        self.hosts.pool(self.target, "vault", "1900M")
        # Their files lie in memory, less of it than both may fill in the long run.
        self.sh(self.source, "zpool set autotrim=on tank")
        self.sh(self.target, "zpool set autotrim=on vault")
        for host in {self.source, self.target}:
            self.sh(host, f"echo '{KEY}' > /run/key")
        if self.holds:
            self.root = "vault"
        else:
            self.sh(self.target, f"zfs create {ENCRYPTION} vault/in")
        self.sh(
            self.source,
            f"zfs create {ENCRYPTION} tank/secret; zfs create tank/secret/deep; zfs create tank/open; zfs create tank/open/deep;"
            "zfs create -V 8M tank/open/volume; zfs create -V 8M tank/secret/volume; zfs snapshot tank/secret/deep@first tank/open/deep@first",
        )
        if self.gate:
            self.set_up_gates()

    def set_up_gates(self) -> None:
        ends = {self.source: "--mode send --dataset tank", self.target: "--mode receive --dataset vault"}
        for host in ends:
            self.sh(host, "rm -f /root/gate_key*; ssh-keygen -q -t ed25519 -N '' -f /root/gate_key")
        for (host, options), other in zip(ends.items(), reversed(ends), strict=True):
            public = self.sh(other, "cat /root/gate_key.pub")
            line = f'command="/usr/local/bin/zfs_gate {options}",restrict {public}'
            self.hosts.lab.run(host, "cat > /etc/ssh/authorized_keys.d/root", input=line)

    def end(self) -> None:
        """Nothing of it outlives it."""
        for host in (self.source, self.target):
            self.sh(host, "rm -f /etc/ssh/authorized_keys.d/root /root/gate_key*")

    def round(self, number: int) -> None:
        """One step, and then nothing must be left behind."""
        chance = random.Random(f"{self.seed} {number} {self.remote} {self.holds} {self.gate}")
        step = chance.choices(list(STEPS), list(STEPS.values()))[0]
        self.log.append(f"{number}: {step}")
        getattr(self, step.replace(" ", "_"))(chance)
        if number % ROOM_EVERY == ROOM_EVERY - 1:
            self.make_room()
        self.check_nothing_is_left()

    # Replication

    def replicate(self, chance: random.Random) -> None:
        """An undisturbed run: all has to be well after it."""
        host, arguments = self.arguments(chance)
        before = {dataset: self.snapshots(self.source, dataset) for dataset in self.datasets()}
        reports = self.hosts.replicated(host, **arguments)
        self.unclean.discard(host)
        self.did(f"on {host}: " + ", ".join(f"{name} {report['action']}" for name, report in reports.items() if report["action"] != "up_to_date"))
        for dataset, snapshots in before.items():
            self.check_dataset(dataset, snapshots, reports[dataset])

    def check_dataset(self, dataset: str, snapshots: list[Snapshot], report: dict[str, Any]) -> None:
        there = self.snapshots(self.target, self.target_of(dataset))
        if snapshots and (dataset, snapshots[-1].guid) not in self.not_expected:
            # Not always as the newest: that may be gone from the source, but for its bookmark.
            newest = snapshots[-1]
            assert newest.guid in [snapshot.guid for snapshot in there], f"{dataset}: {newest} is not in {there}"
        if snapshots and self.holds:
            held = self.held(self.source, dataset), self.held(self.target, self.target_of(dataset))
            assert held == ({snapshots[-1].name}, {there[-1].name}), f"{dataset}: {held}"
        bookmarks = self.sh(self.source, f"zfs list -Hp -t bookmark -d 1 -o name,guid {dataset}").split("\n")
        ours = [row for row in bookmarks if f"#ferro_{self.bookmark_prefix(dataset)}" in row]
        if report["action"] in ("full", "incremental", "resume"):
            assert len(ours) == 1 and ours[0].endswith(f"\t{snapshots[-1].guid}"), f"{dataset}: {ours}"

    def bookmark_prefix(self, dataset: str) -> str:
        """What the documented name of a bookmark begins with: guid of the target's pool, checksum (FNV-1a) of its path."""
        checksum = 0x811C9DC5
        for byte in self.target_of(dataset).encode():
            checksum = (checksum ^ byte) * 0x01000193 & 0xFFFFFFFF
        return f"{self.pool_guid():016x}_{checksum:08x}_"

    def pool_guid(self) -> int:
        return int(self.sh(self.target, "zfs get -Hp -o value guid vault"))

    def replicate_while_it_changes(self, chance: random.Random) -> None:
        host, arguments = self.arguments(chance)
        delay = chance.uniform(0, 1.5)
        running = self.start(host, {**arguments, "bandwidth_limit": "4M"})
        self.hosts.sh(host, f"sleep {delay:.2f}")
        for _ in range(2):
            self.write(chance)
            self.take(chance, *chance.choice((("tank", "-r"), (self.some_dataset(chance), ""))))
        result = self.ended(running)
        self.unclean.discard(host)
        assert not result.get("failed"), result["msg"]

    def replicate_and_kill(self, chance: random.Random) -> None:
        host, arguments = self.arguments(chance)
        victim = chance.choice(VICTIMS if self.remote else VICTIMS[:-1])
        delay = chance.uniform(0.05, 2)
        # Something is always on its way.
        for _ in range(chance.randrange(1, 4)):
            self.write(chance)
            self.take(chance, chance.choice(("tank", self.some_dataset(chance))), "-r")
        self.did(f"{victim} on {host} after {delay:.2f} s")
        running = self.start(host, {**arguments, "bandwidth_limit": "3M"})
        self.hosts.sh(host, f"sleep {delay:.2f}")
        self.kill(host, victim)
        result = self.ended(running)
        if victim == "module -KILL" and not result:
            self.unclean.add(host)
        elif result.get("datasets"):
            # Stopped so early that it had not even looked, it has not cleared up after others
            # either.
            self.unclean.discard(host)
        for report in result.get("datasets", []):
            error = report.get("error")
            assert not error or error["stage"] not in ("plan", "verify", "preflight"), f"{report['source']}: {error}"

    def kill(self, host: str, victim: str) -> None:
        if victim.startswith("module"):
            self.hosts.sh(host, f"pkill {victim.split()[1]} -x zfs_replicate || true")
        elif victim == "ssh":
            self.hosts.sh(host, "pkill -KILL -x ssh || true")
        else:
            self.hosts.sh(self.source if victim == "send" else self.target, f"pkill -KILL -f '^zfs {victim}' || true")

    def arguments(self, chance: random.Random) -> tuple[str, dict[str, Any]]:
        host, arguments = chance.choice(self.directions())
        return host, arguments | ({"compress": "zstd"} if self.remote and chance.random() < 0.3 else {})

    def directions(self) -> list[tuple[str, dict[str, Any]]]:
        """Where the program can run, and with what: twice the same, if both sides are on one host."""
        arguments: dict[str, Any] = {"source": ["tank"], "target": self.root, "retry_delay": "0.1s"}
        if self.holds:
            arguments |= {"holds": True, "parallel": 3}
        if not self.remote:
            return [(self.source, arguments)] * 2
        # A shared connection outlives a killed run by ten seconds: one is enough here.
        arguments["ssh"] = {"options": ["ControlPersist=1"]} | ({"identity_file": "/root/gate_key"} if self.gate else {})
        return [(self.target, {**arguments, "source_host": "root@source"}), (self.source, {**arguments, "target_host": "root@backup"})]

    def start(self, host: str, arguments: dict[str, Any]) -> Any:
        self.hosts.lab.run(host, "cat > /run/args.json", input=json.dumps(arguments))
        return self.hosts.lab.popen(host, "exec zfs_replicate /run/args.json", stdin=-3, stdout=-1, stderr=-1, text=True)

    def ended(self, running: Any) -> dict[str, Any]:
        stdout, stderr = running.communicate(timeout=120)
        assert stderr == "", stderr
        result: dict[str, Any] = json.loads(stdout or "{}")
        return result

    # What must be so after each round

    def check_nothing_is_left(self) -> None:
        for host in {self.source, self.target}:
            running = "ps -eo comm=,args= | grep -E '^(ssh|zfs|zstd|zfs_replicate|zfs_prune|zfs_gate) '"
            # The idle shared connection of a killed run is the last to go.
            left = self.sh(host, f"for i in $(seq 60); do {running} >/dev/null || exit 0; sleep 0.05; done; {running}; true")
            assert left == "", f"still running on {host}: {left}"
            left_over = "find /run/ferro-zfs /run/lock /tmp -mindepth 1 -path '/run/ferro-zfs/*' -o -name 'zfs_*' 2>/dev/null || true"
            files = self.sh(host, left_over).split()
            assert host in self.unclean or not files, f"left on {host}: {files}"
            for file in files:
                if file.endswith(".lock"):
                    self.sh(host, f"flock -n '{file}' true")
            held = "zfs list -Hp -t snapshot -o name,userrefs | grep -v '\t0$' | cut -f1 | tr '\\n' '\\0' | xargs -r0 zfs holds -H | cut -f1,2"
            holds = [row for row in self.sh(host, held).splitlines() if not (self.holds and row.partition("\t")[2].startswith("ferro_"))]
            assert holds == [], f"held on {host}: {holds}"
        replicas = self.sh(self.target, f"zfs list -Hp -o name,mounted,readonly -r {self.root}/tank 2>/dev/null || true").splitlines()
        assert not [row for row in replicas if "_diverged_" in row or "\tyes\t" in row], replicas
        bookmarks = self.sh(self.source, "zfs list -H -t bookmark -o name").split()
        foreign = [name for name in bookmarks if not name.partition("#")[2].startswith(("ferro_", "by_hand_"))]
        assert not foreign, foreign

    def check_the_end(self) -> int:
        """One clean run, and everything that is wanted is there, with the same content. Gives the number of snapshots compared."""
        changed = True
        for host, arguments in self.directions():
            result = self.hosts.replicate(host, **arguments)
            assert not result.get("failed"), result["msg"]
            assert changed or not result["changed"], "the second run changed something"
            changed = False
            self.unclean.discard(host)
        self.check_nothing_is_left()
        ours, theirs = self.sums(self.source, "tank"), self.sums(self.target, f"{self.root}/tank")
        compared = 0
        for dataset in self.datasets():
            there = {snapshot.guid: snapshot.name for snapshot in self.snapshots(self.target, self.target_of(dataset))}
            here = self.snapshots(self.source, dataset)
            for snapshot in here:
                if snapshot.guid not in there:
                    assert (dataset, snapshot.guid) in self.not_expected, f"{dataset}@{snapshot.name} is missing"
                    continue
                compared += 1
                name = f"{self.target_of(dataset)}@{there[snapshot.guid]}"
                assert theirs[name] == ours[f"{dataset}@{snapshot.name}"], f"{name} differs"
        return compared
