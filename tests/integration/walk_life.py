"""What may happen to a source, and to its replicas by hand of somebody who knows the documentation, between two replications (walk.py)."""

import json
import random
import shlex
from dataclasses import dataclass, field

from zfs_hosts import Hosts

KEY = "a long password"
ENCRYPTION = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
# There is no udev: the device of a volume, or of a snapshot of one, is the one that says so.
DEVICES = "for z in /dev/zd*; do case $z in *p*) ;; *) echo $z $(/lib/udev/zvol_id $z) ;; esac; done"


@dataclass
class Snapshot:
    name: str
    guid: str


@dataclass
class Life:
    """`remote`: the target is on another host. `holds`: the replications use them, so what is held can neither be destroyed nor left behind."""

    hosts: Hosts
    seed: int
    remote: bool
    holds: bool = False
    log: list[str] = field(default_factory=list)
    serial: int = 0
    root: str = "vault/in"
    # Of which dataset of the source (so renaming replicas alike renames it here), and which guid.
    not_expected: set[tuple[str, str]] = field(default_factory=set)

    source = "source"

    @property
    def target(self) -> str:
        return "backup" if self.remote else "source"

    # What happens to the source

    def write(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        size, file = chance.choice((1, 20, 300, 2000, 5000)), chance.randrange(4)
        self.did(f"{size} KiB to {dataset}")
        if dataset in self.volumes():
            device = self.sh(self.source, f"{DEVICES} 2>/dev/null | grep ' {dataset}$' | cut -d' ' -f1").strip()
            if not device:
                # Once in hundreds of rounds, of encrypted ones: why has yet to be found out, which is what is noted here for.
                self.did(f"no device: {self.sh(self.source, f'zfs get -H -o property,value keystatus,encryptionroot,origin {dataset}; ls -l /dev/zd*')}")
                return
            self.sh(self.source, f"head -c {size}K /dev/urandom | dd of={device} bs=64k seek={file * 10} conv=notrunc,fsync 2>/dev/null")
        else:
            self.sh(self.source, f"head -c {size}K /dev/urandom > /{dataset}/f{file}")

    def snapshot(self, chance: random.Random) -> None:
        self.take(chance, self.some_dataset(chance), "")

    def snapshot_all(self, chance: random.Random) -> None:
        top = chance.choice(("tank", self.some_dataset(chance)))
        for _ in range(chance.randrange(1, 4)):
            self.take(chance, top, "-r")
            self.write(chance)

    def take(self, chance: random.Random, dataset: str, recursive: str) -> None:
        self.serial += 1
        day, hour = divmod(self.serial, 24)
        month, day = divmod(day, 28)
        name = chance.choice((f"by_hand_{self.serial}", f"autosnap_2025-{1 + month:02}-{1 + day:02}_{hour:02}:00:00_hourly"))
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
        chance.shuffle(snapshots)
        self.destroy_some(dataset, snapshots[: chance.randrange(1, 4)])

    def destroy_some(self, dataset: str, snapshots: list[Snapshot]) -> None:
        for snapshot in snapshots:
            if snapshot.name in self.held(self.source, dataset):
                self.did(f"not {dataset}@{snapshot.name}, which is held")
            elif self.loses_the_base(dataset, {snapshot.guid}):
                # By hand nobody should: docs/replication.md, "one case remains". zfs_prune does
                # not.
                self.did(f"not {dataset}@{snapshot.name}, which is all that the two sides have in common")
            else:
                self.tried(self.source, f"zfs destroy {dataset}@{snapshot.name}")

    def loses_the_base(self, dataset: str, gone: set[str], with_bookmarks: bool = False) -> bool:
        """Without these snapshots, the source would not know the target's newest any more."""
        there = self.snapshots(self.target, self.target_of(dataset))
        if with_bookmarks:
            return bool(there) and there[-1].guid in gone
        bookmarks = self.sh(self.source, f"zfs list -Hp -t bookmark -d 1 -o guid {dataset}").split()
        return bool(there) and there[-1].guid in gone and there[-1].guid not in bookmarks

    def bookmark(self, chance: random.Random) -> None:
        dataset = self.some_dataset(chance)
        if snapshots := self.snapshots(self.source, dataset):
            self.serial += 1
            name = chance.choice(snapshots).name
            self.did(f"{dataset}@{name}")
            self.sh(self.source, f"zfs bookmark {dataset}@{name} {dataset}#by_hand_{self.serial}")

    def create(self, chance: random.Random) -> None:
        """A filesystem or volume; sometimes with a filesystem in between, which has no snapshot yet when what is below it has."""
        parent = self.some_parent(chance)
        self.serial += 1
        name = f"{parent}/d{self.serial}"
        if chance.random() < 0.5:
            self.sh(self.source, f"zfs create {name}")
            name = f"{name}/e{self.serial}"
        options = chance.choice(("", "", "-V 8M"))
        if self.takes_plain(parent) and self.is_encrypted(parent) and chance.random() < 0.3:
            options += " -o encryption=off"
        self.tried(self.source, f"zfs create {options} {name}")
        if chance.random() < 0.5:
            self.take(chance, name, "")

    def clone(self, chance: random.Random) -> None:
        dataset, parent = self.some_dataset(chance), self.some_parent(chance)
        if snapshots := self.snapshots(self.source, dataset):
            self.serial += 1
            origin = f"{dataset}@{chance.choice(snapshots).name}"
            if self.is_encrypted(dataset) or self.takes_plain(parent):
                clone = f"{parent}/c{self.serial}"
                self.tried(self.source, f"zfs clone {origin} {clone}")
                # Outside its origin's encryption root it is one of its own, whose key is not loaded: nothing could be made below it.
                is_locked = f'[ "$(zfs get -H -o value keystatus {clone} 2>/dev/null)" = unavailable ]'
                self.sh(self.source, f"if {is_locked}; then zfs load-key -L file:///run/key {clone}; fi")

    def promote(self, chance: random.Random) -> None:
        """The clone gets its origin's snapshots and their bookmarks, which that loses."""
        rows = self.sh(self.source, "zfs list -Hp -t filesystem,volume -o name,origin -r tank").splitlines()
        clones = [(name, origin) for name, origin in (row.split("\t") for row in rows) if origin != "-"]
        if not clones:
            return
        clone, origin = chance.choice(clones)
        dataset, _, name = origin.partition("@")
        snapshots = self.snapshots(self.source, dataset)
        at = next(number for number, snapshot in enumerate(snapshots, 1) if snapshot.name == name)
        moved = {snapshot.guid for snapshot in snapshots[:at]}
        if self.loses_the_base(dataset, moved, with_bookmarks=True):
            self.did(f"not {clone}, as its origin would have nothing in common with its replica")
            return
        if self.tried(self.source, f"zfs promote {clone}") and self.snapshots(self.target, self.target_of(clone)):
            # Older than what it was replicated from: they are in the replica of the former origin.
            self.not_expected |= {(clone, guid) for guid in moved}

    def destroy_dataset(self, chance: random.Random) -> None:
        # What is held cannot be destroyed, as its replica is still to get the rest.
        if own := [] if self.holds else self.disposable():
            self.tried(self.source, f"zfs destroy -r {chance.choice(own)}")

    def rename_dataset(self, chance: random.Random) -> None:
        """By chance the replica alike, as the documentation says: only then it goes on incrementally, or is refused."""
        if not (own := self.disposable()):
            return
        dataset = chance.choice(own)
        self.serial += 1
        new = f"{dataset.rpartition('/')[0]}/r{self.serial}"
        if not self.tried(self.source, f"zfs rename {dataset} {new}"):
            return
        if chance.random() < 0.5:
            there = self.target_of(dataset)
            for end in ("", "_ferro_arriving"):
                if self.hosts.lab.run(self.target, f"zfs list -H {there}{end}", check=False).stdout:
                    self.tried(self.target, f"zfs rename {there}{end} {self.target_of(new)}{end}")
            moved = {(name, guid) for name, guid in self.not_expected if f"{name}/".startswith(f"{dataset}/")}
            self.not_expected |= {(new + name.removeprefix(dataset), guid) for name, guid in moved}

    def rename_the_replicas(self, chance: random.Random) -> None:
        """All of them, with their placeholders, by a new name of the target."""
        if self.root != "vault":
            self.serial += 1
            new = chance.choice((f"vault/in{self.serial}", f"vault/much_longer_than_before_{self.serial}"))
            if self.tried(self.target, f"zfs rename {self.root} {new}"):
                self.root = new

    def prune(self, chance: random.Random) -> None:
        self.run_prune(self.source, "tank", chance.randrange(1, 4))

    def prune_the_target(self, chance: random.Random) -> None:
        """The target has its own policy: what that destroys does not come again."""
        before = self.guids_there()
        # What has only just come stays; so it is a day later there meanwhile, and that it came when
        # its name says is believed.
        self.sh(self.target, "date -s '+1 day'")
        self.run_prune(self.target, f"{self.root}/tank", chance.randrange(2, 6), trust_dates=True)
        self.sh(self.target, "date -s '-1 day'")
        self.not_expected |= before - self.guids_there()
        self.sh(self.source, "zpool trim -w tank")
        self.sh(self.target, "zpool trim -w vault")

    def run_prune(self, host: str, dataset: str, keep: int, **options: bool) -> None:
        if not self.hosts.lab.run(host, f"zfs list -H {dataset}", check=False).stdout:
            return
        datasets = [{"dataset": dataset, "policy": "few", "snapshots_discover_children": True}]
        arguments = json.dumps({"datasets": datasets, "policies": {"few": {"hourly": keep}}, **options})
        result = json.loads(self.hosts.lab.run(host, "zfs_prune -", input=arguments, check=False).stdout)
        assert not result.get("failed"), result["msg"]
        self.did(f"{len(result['destroyed'])} on {host}")

    def make_room(self) -> None:
        """A long walk fills its pools: what is old and what nobody feeds any more is destroyed by hand, as an operator does it now and then."""
        before = self.guids_there()
        for dataset in self.datasets():
            self.destroy_some(dataset, self.snapshots(self.source, dataset)[:-3])
        wanted = {self.target_of(dataset) for dataset in self.datasets()}
        rows = self.sh(self.target, f"zfs list -H -o name -s name -r {self.root}/tank 2>/dev/null || true").split()
        for replica in rows:
            if replica in wanted:
                for snapshot in self.snapshots(self.target, replica)[:-4]:
                    self.tried(self.target, f"zfs destroy {replica}@{snapshot.name}")
            elif replica.rpartition("/")[0] in wanted and not replica.endswith("_ferro_arriving"):
                self.tried(self.target, f"zfs destroy -r {replica}")
        self.not_expected |= before - self.guids_there()

    # Small words

    def did(self, what: str) -> None:
        self.log.append(f"     {what}")

    def sh(self, host: str, script: str) -> str:
        return self.hosts.sh(host, script)

    def tried(self, host: str, command: str) -> bool:
        """What ZFS may refuse, as for clones that something has, or for encryption."""
        done = self.hosts.lab.run(host, command, check=False)
        self.did(command + (f": {done.stderr.strip()}" if done.returncode else ""))
        return bool(done.returncode == 0)

    def target_of(self, dataset: str) -> str:
        return f"{self.root}/{dataset}"

    def datasets(self) -> list[str]:
        return self.sh(self.source, "zfs list -H -o name -s name -r tank").split()

    def volumes(self) -> list[str]:
        return self.sh(self.source, "zfs list -H -t volume -o name -r tank").split()

    def disposable(self) -> list[str]:
        """Datasets that the walk has made itself."""
        return [dataset for dataset in self.datasets() if dataset.rpartition("/")[2][1:].isdigit()]

    def some_dataset(self, chance: random.Random) -> str:
        return chance.choice(self.datasets())

    def some_parent(self, chance: random.Random) -> str:
        volumes = self.volumes()
        return chance.choice([dataset for dataset in self.datasets() if dataset.count("/") < 3 and dataset not in volumes])

    def is_encrypted(self, dataset: str) -> bool:
        return self.sh(self.source, f"zfs get -H -o value encryption {dataset}").strip() != "off"

    def takes_plain(self, parent: str) -> bool:
        """Something that is not encrypted may come to lie below. Below a placeholder it would get the key of the target, and then the real
        parent, which is sent raw, is refused (docs/replication.md): so the parent must be there."""
        if not self.is_encrypted(parent):
            return True
        return f"{parent}/".startswith("tank/secret/") and bool(self.snapshots(self.target, self.target_of("tank/secret")))

    def held(self, host: str, dataset: str) -> set[str]:
        """Names of snapshots that somebody holds."""
        rows = self.sh(host, f"zfs list -Hp -t snapshot -d 1 -o name,userrefs {dataset} 2>/dev/null | grep -v '\t0$' || true").splitlines()
        return {row.partition("\t")[0].partition("@")[2] for row in rows}

    def guids_there(self) -> set[tuple[str, str]]:
        # With the dataset: what was replicated under two names is there twice.
        rows = self.sh(self.target, f"zfs list -Hp -t snapshot -o name,guid -r {self.root}").splitlines()
        return {(name.partition("@")[0].removeprefix(f"{self.root}/"), guid) for name, guid in (row.split("\t") for row in rows)}

    def snapshots(self, host: str, dataset: str) -> list[Snapshot]:
        rows = self.hosts.lab.run(host, f"zfs list -Hp -t snapshot -d 1 -s createtxg -o name,guid {dataset}", check=False).stdout.splitlines()
        return [Snapshot(name.partition("@")[2], guid) for name, guid in (row.split("\t") for row in rows)]

    def sums(self, host: str, root: str) -> dict[str, str]:
        """The checksum of the content of each snapshot: all files, mounted for as long as it takes, or the volume."""
        pool = shlex.quote(root.partition("/")[0])
        script = f"""
mkdir -p /run/sum
echo '{KEY}' > /run/key
zfs list -H -o name -t volume -r {root} | xargs -r -n1 zfs inherit volmode
zfs set snapdev=visible volmode=full {pool}
for d in $(zfs list -H -o name,encryptionroot,keystatus -r {root} | awk '$1 == $2 && $3 == "unavailable" {{ print $1 }}'); do
  zfs load-key -L file:///run/key $d
done
zfs list -H -t volume -o name -r {root} | while read -r volume; do zfs list -H -o name -t snapshot -d 1 $volume; done > /run/wanted
for i in $(seq 100); do
  {{ {DEVICES} ; }} > /run/devices 2>/dev/null || true
  cut -d' ' -f2 /run/devices | grep -vxFf - /run/wanted > /run/missing || break
  # A volume that was renamed may keep none for its snapshots until it is asked for them anew.
  [ $i != 20 ] || for volume in $(cut -d@ -f1 /run/missing | sort -u); do
    zfs set snapdev=hidden $volume; zfs inherit snapdev $volume
  done
  sleep 0.1
done
[ ! -s /run/missing ] || {{ echo "no device for $(cat /run/missing)" >&2; exit 1; }}
while read -r device snapshot; do
  grep -qxF "$snapshot" /run/wanted || continue
  sum=$(sha256sum < $device)
  echo "$snapshot ${{sum%% *}}"
done < /run/devices
zfs list -H -t snapshot -o name -r {root} | grep -vxFf /run/wanted | while read -r snapshot; do
  mount -t zfs -o ro "$snapshot" /run/sum
  sum=$(cd /run/sum; find . -type f | sort | xargs -r sha256sum | sha256sum)
  umount /run/sum
  echo "$snapshot ${{sum%% *}}"
done
"""
        sums = {}
        for line in self.hosts.lab.run(host, "sh -e", input=script, timeout=1200).stdout.splitlines():
            name, digest = line.split()
            sums[name] = digest
        return sums
