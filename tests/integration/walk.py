"""A random walk on real ZFS: what may happen to a source between two replications, and replications that are killed half-way.

Each round is one step, chosen by chance from its own seed, so that round 57 of seed 3 is the same whatever happened before. The walk does
nothing that the documentation says must end in a refusal (docs/replication.md): whatever is refused is a failure of the walk.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from zfs_hosts import Hosts

KEY = "a long password"
STEPS = {
    "write": 5,
    "snapshot": 6,
    "snapshot all": 3,
    "rename snapshot": 2,
    "destroy snapshot": 3,
    "bookmark": 1,
    "create": 2,
    "destroy dataset": 1,
    "rename dataset": 1,
    "prune": 2,
    "prune the target": 1,
    "replicate": 3,
    "replicate while it changes": 2,
    "replicate and kill": 8,
}
VICTIMS = ("module -TERM", "module -INT", "module -KILL", "send", "receive", "ssh")


@dataclass
class Snapshot:
    name: str
    guid: str


@dataclass
class Walk:
    """`remote`: the target is on another host, and each replication is by chance a pull or a push. `holds`: with the option of that name,
    and several datasets at once."""

    hosts: Hosts
    seed: int
    remote: bool
    holds: bool = False
    log: list[str] = field(default_factory=list)
    serial: int = 0
    pruned_there: set[tuple[str, str]] = field(default_factory=set)  # target dataset and guid
    unclean: set[str] = field(default_factory=set)  # hosts where a killed run may have left files, which the next run there removes

    source, pool = "source", "tank"

    @property
    def target(self) -> str:
        return "backup" if self.remote else "source"

    def begin(self) -> None:
        self.hosts.pool(self.source, "tank", "900M")
        self.hosts.pool(self.target, "vault", "1900M")
        encryption = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
        self.sh(
            self.source,
            f"echo '{KEY}' > /run/key; zfs create {encryption} tank/secret; zfs create tank/secret/deep; zfs create tank/open; zfs create tank/open/deep;"
            # Without it, the first replication of what is below would put something unencrypted in its place.
            "zfs snapshot tank/secret@first",
        )

    def round(self, number: int) -> None:
        """One step, and then nothing must be left behind."""
        chance = random.Random(f"{self.seed} {number} {self.remote} {self.holds}")
        step = chance.choices(list(STEPS), list(STEPS.values()))[0]
        self.log.append(f"{number}: {step}")
        getattr(self, step.replace(" ", "_"))(chance)
        self.check_nothing_is_left()

    # What happens to the source

    def write(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        size, file = chance.choice((1, 20, 300, 2000, 5000)), chance.randrange(4)
        self.did(f"{size} KiB to {dataset}")
        self.sh(self.source, f"head -c {size}K /dev/urandom > /{dataset}/f{file}")

    def snapshot(self, chance: random.Random) -> None:
        self.take(chance, self.some_dataset(chance), "")

    def snapshot_all(self, chance: random.Random) -> None:
        for _ in range(chance.randrange(1, 4)):
            self.take(chance, "tank", "-r")
            self.write(chance)

    def take(self, chance: random.Random, dataset: str, recursive: str) -> None:
        self.serial += 1
        day, hour = divmod(self.serial, 24)
        name = chance.choice((f"by_hand_{self.serial}", f"autosnap_2026-01-{1 + day:02}_{hour:02}:00:00_hourly"))
        self.did(f"{recursive} {dataset}@{name}")
        self.sh(self.source, f"zfs snapshot {recursive} {dataset}@{name}")

    def rename_snapshot(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        if snapshots := self.snapshots(self.source, dataset):
            self.serial += 1
            old = chance.choice(snapshots).name
            self.did(f"{dataset}@{old} to @renamed_{self.serial}")
            self.sh(self.source, f"zfs rename {dataset}@{old} {dataset}@renamed_{self.serial}")

    def destroy_snapshot(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        snapshots = self.snapshots(self.source, dataset)
        if dataset == "tank/secret":
            snapshots = snapshots[:-1]  # it must have one; see begin()
        chance.shuffle(snapshots)
        for snapshot in snapshots[: chance.randrange(1, 4)]:
            if snapshot.name in self.held(self.source, dataset):
                self.did(f"not {dataset}@{snapshot.name}, which is held")
                continue
            if self.is_the_only_base(dataset, snapshot):
                # By hand nobody should: docs/replication.md, "one case remains". zfs_prune does not.
                self.did(f"not {dataset}@{snapshot.name}, which is all that the two sides have in common")
                continue
            self.did(f"{dataset}@{snapshot.name}")
            self.sh(self.source, f"zfs destroy {dataset}@{snapshot.name}")

    def is_the_only_base(self, dataset: str, snapshot: Snapshot) -> bool:
        there = self.snapshots(self.target, self.target_of(dataset))
        bookmarks = self.sh(self.source, f"zfs list -Hp -t bookmark -d 1 -o guid {dataset}").split()
        return bool(there) and there[-1].guid == snapshot.guid and snapshot.guid not in bookmarks

    def bookmark(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        if snapshots := self.snapshots(self.source, dataset):
            self.serial += 1
            name = chance.choice(snapshots).name
            self.did(f"{dataset}@{name}")
            self.sh(self.source, f"zfs bookmark {dataset}@{name} {dataset}#by_hand_{self.serial}")

    def create(self, chance: random.Random) -> None:
        parent = chance.choice([dataset for dataset in self.datasets() if dataset.count("/") < 3])
        self.serial += 1
        self.did(f"{parent}/d{self.serial}")
        self.sh(self.source, f"zfs create {parent}/d{self.serial}")

    def destroy_dataset(self, chance: random.Random) -> None:
        # What is held cannot be destroyed, as its replica is still to get the rest.
        if own := [] if self.holds else self.disposable():
            dataset = chance.choice(own)
            self.did(dataset)
            self.sh(self.source, f"zfs destroy -r {dataset}")

    def rename_dataset(self, chance: random.Random) -> None:
        if own := self.disposable():
            dataset = chance.choice(own)
            self.serial += 1
            new = f"{dataset.rpartition('/')[0]}/r{self.serial}"
            self.did(f"{dataset} to {new}")
            self.sh(self.source, f"zfs rename {dataset} {new}")

    def prune(self, chance: random.Random) -> None:
        self.run_prune(self.source, "tank", chance.randrange(1, 4))

    def prune_the_target(self, chance: random.Random) -> None:
        """The target has its own policy: what that destroys does not come again."""
        before = self.guids_there()
        # What has only just come stays; so it is a day later there meanwhile, and that it came when its name says is believed.
        self.sh(self.target, "date -s '+1 day'")
        self.run_prune(self.target, "vault/tank", chance.randrange(2, 6), trust_dates=True)
        self.sh(self.target, "date -s '-1 day'")
        self.pruned_there |= before - self.guids_there()

    def guids_there(self) -> set[tuple[str, str]]:
        # With the dataset: what was replicated under two names is there twice.
        rows = self.sh(self.target, "zfs list -Hp -t snapshot -o name,guid -r vault").splitlines()
        return {(name.partition("@")[0], guid) for name, guid in (row.split("\t") for row in rows)}

    def run_prune(self, host: str, dataset: str, keep: int, **options: bool) -> None:
        if not self.hosts.lab.run(host, f"zfs list -H {dataset}", check=False).stdout:
            return
        datasets = [{"dataset": dataset, "policy": "few", "snapshots_discover_children": True}]
        arguments = json.dumps({"datasets": datasets, "policies": {"few": {"hourly": keep}}, **options})
        result = json.loads(self.hosts.lab.run(host, "zfs_prune -", input=arguments).stdout)
        self.did(f"{len(result['destroyed'])} on {host}")

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
        if snapshots:
            assert there[-1].guid == snapshots[-1].guid, f"{dataset}: {there[-1]} is not {snapshots[-1]}"
        if snapshots and self.holds:
            held = self.held(self.source, dataset), self.held(self.target, self.target_of(dataset))
            assert held == ({snapshots[-1].name}, {there[-1].name}), f"{dataset}: {held}"
        bookmarks = self.sh(self.source, f"zfs list -Hp -t bookmark -d 1 -o name,guid {dataset}").split("\n")
        ours = [row for row in bookmarks if f"#ferro_{self.bookmark_prefix(dataset)}" in row]
        if report["action"] in ("full", "incremental", "resume"):
            assert len(ours) == 1 and ours[0].endswith(f"\t{snapshots[-1].guid}"), f"{dataset}: {ours}"

    def held(self, host: str, dataset: str) -> set[str]:
        """Names of snapshots that somebody holds."""
        rows = self.sh(host, f"zfs list -Hp -t snapshot -d 1 -o name,userrefs {dataset} 2>/dev/null | grep -v '\t0$' || true").splitlines()
        return {row.partition("\t")[0].partition("@")[2] for row in rows}

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
            self.take(chance, "tank", "-r")
        self.did(f"{victim} on {host} after {delay:.2f} s")
        running = self.start(host, {**arguments, "bandwidth_limit": "3M"})
        self.hosts.sh(host, f"sleep {delay:.2f}")
        self.kill(host, victim)
        result = self.ended(running)
        if victim == "module -KILL" and not result:
            self.unclean.add(host)
        else:
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
        return chance.choice(self.directions())

    def directions(self) -> list[tuple[str, dict[str, Any]]]:
        """Where the program can run, and with what: twice the same, if both sides are on one host."""
        arguments: dict[str, Any] = {"source": ["tank"], "target": "vault", "retry_delay": "0.1s"}
        if self.holds:
            arguments |= {"holds": True, "parallel": 3}
        if not self.remote:
            return [(self.source, arguments)] * 2
        # A shared connection outlives a killed run by ten seconds: one is enough here.
        arguments["ssh"] = {"options": ["ControlPersist=1"]}
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
            running = "ps -eo comm=,args= | grep -E '^(ssh|zfs|zfs_replicate|zfs_prune) '"
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
        replicas = self.sh(self.target, "zfs list -Hp -o name,mounted,readonly -r vault/tank 2>/dev/null || true").splitlines()
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
        ours, theirs = self.sums(self.source, "tank"), self.sums(self.target, "vault/tank")
        compared = 0
        for dataset in self.datasets():
            there = {snapshot.guid: snapshot.name for snapshot in self.snapshots(self.target, self.target_of(dataset))}
            here = self.snapshots(self.source, dataset)
            for snapshot in here:
                if snapshot.guid not in there:
                    assert (self.target_of(dataset), snapshot.guid) in self.pruned_there, f"{dataset}@{snapshot.name} is missing"
                    continue
                compared += 1
                name = f"{self.target_of(dataset)}@{there[snapshot.guid]}"
                assert theirs[name] == ours[f"{dataset}@{snapshot.name}"], f"{name} differs"
            assert not here or here[-1].guid in there
        return compared

    def sums(self, host: str, root: str) -> dict[str, str]:
        """The checksum of all files of each snapshot, mounted for as long as it takes."""
        script = f"""
mkdir -p /run/sum
echo '{KEY}' > /run/key
for d in $(zfs list -H -o name,encryptionroot,keystatus -r {root} | awk '$1 == $2 && $3 == "unavailable" {{ print $1 }}'); do
  zfs load-key -L file:///run/key $d
done
zfs list -H -t snapshot -o name -r {root} | while read -r snapshot; do
  mount -t zfs -o ro "$snapshot" /run/sum
  sum=$(cd /run/sum; find . -type f | sort | xargs -r sha256sum | sha256sum)
  umount /run/sum
  echo "$snapshot ${{sum%% *}}"
done
"""
        return dict(line.split() for line in self.hosts.lab.run(host, "sh -e", input=script, timeout=1200).stdout.splitlines())  # type: ignore[misc]

    # Small words

    def did(self, what: str) -> None:
        self.log.append(f"     {what}")

    def sh(self, host: str, script: str) -> str:
        return self.hosts.sh(host, script)

    def target_of(self, dataset: str) -> str:
        return f"vault/{dataset}"

    def datasets(self) -> list[str]:
        return self.sh(self.source, "zfs list -H -o name -s name -r tank").split()

    def disposable(self) -> list[str]:
        """Datasets that the walk has made itself."""
        return [dataset for dataset in self.datasets() if dataset.rpartition("/")[2][1:].isdigit()]

    def some_dataset(self, chance: random.Random) -> str:
        return chance.choice(self.datasets())

    def snapshots(self, host: str, dataset: str) -> list[Snapshot]:
        return [Snapshot(*item) for item in self.listed(host, dataset)]

    def listed(self, host: str, dataset: str) -> list[tuple[str, str]]:
        rows = self.hosts.lab.run(host, f"zfs list -Hp -t snapshot -d 1 -s createtxg -o name,guid {dataset}", check=False).stdout.splitlines()
        return [(name.partition("@")[2], guid) for name, guid in (row.split("\t") for row in rows)]
