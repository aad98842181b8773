"""Histories (histories.py) as datasets of a real pool, all of them at once."""

from dataclasses import dataclass
from typing import Any

from histories import BOOKMARK, BOTH, GONE, Expected, History, Options
from zfs_hosts import Hosts

OPTIONS = {
    "default": Options(),
    "without the second": Options(exclude=("s2",)),
    "only the third": Options(include=("s3", "s4*")),
    "initial latest": Options(initial="latest"),
    "latest only": Options(intermediates=False),
    "rollback": Options(on_diverged="rollback"),
    "set aside": Options(on_diverged="set_aside"),
    "rollback without the second": Options(on_diverged="rollback", exclude=("s2",), bookmarks=False),
    "raw though plain": Options(raw="always"),
    "encrypted": Options(encrypted=True),
    "encrypted rollback": Options(encrypted=True, on_diverged="rollback"),
    "volume": Options(volume=True),
    "below an encrypted target": Options(encrypted_target=True),
    "below an encrypted target set aside": Options(encrypted_target=True, on_diverged="set_aside"),
    "encrypted below an encrypted target": Options(encrypted=True, encrypted_target=True),
}

DESTROY_AND_BOOKMARK = """\
args = ...
for _, name in ipairs(args.argv) do
  local verb, rest = string.match(name, "^(%a+) (.*)$")
  local failed
  if verb == "bookmark" then
    failed = zfs.sync.bookmark(string.match(rest, "^(%S+) (%S+)$"))
  else
    failed = zfs.sync.destroy(rest)
  end
  assert(failed == 0, name)
end
"""


@dataclass
class Case:
    """A history as datasets of its own, and what must come of it with some options."""

    number: int
    options: str
    history: History
    expected: Expected
    renamed: bool = False  # alike on both sides

    @property
    def made(self) -> Options:
        return OPTIONS[self.options]

    @property
    def group(self) -> str:
        """What is built by one recursive stream: all that have received as much, by themselves where that would not do."""
        encrypted = ("x" if self.made.encrypted else "") + ("t" if self.made.encrypted_target else "")
        extra = self.history.extra
        alone = self.made.encrypted_target or extra.startswith(("early", "placeholder")) or extra == "clone"
        return f"{encrypted}alone" if alone else f"{encrypted}up_to_{max(self.history.received, default=0)}"

    @property
    def path(self) -> str:
        return f"{self.group}/{self.options.replace(' ', '_')}/{'moved_' if self.renamed else ''}c{self.number:04}"

    @property
    def as_made(self) -> str:
        """Options of `zfs create`."""
        return "-s -V 1M" if self.made.volume else "-u"

    @property
    def unmounted(self) -> str:
        """Options of `zfs clone`, which has -u only since 2.2."""
        return "" if self.made.volume else "-o canmount=noauto"

    @property
    def source(self) -> str:
        return f"tank/{self.path}"

    @property
    def target(self) -> str:
        return f"vault/{self.path}"


class World:
    """One pool of sources and one of targets on a host, and the identities of their snapshots."""

    def __init__(self, hosts: Hosts, host: str, cases: list[Case]) -> None:
        self.hosts, self.host, self.cases = hosts, host, cases
        self.identity: dict[int, dict[str, str]] = {case.number: {} for case in cases}  # of guids

    def build(self) -> None:
        """Lets every history happen, as many at once as ZFS can: one by one would take five times as long."""
        for pool in ("tank", "vault"):
            self.hosts.pool(self.host, pool, "900M")
        self._create()
        for number in range(1, 5):
            self._snapshot_sources(f"s{number}", [case for case in self.cases if len(case.history.points) >= number], number)
        self.sh("umount " + " ".join(f"/run/all/{case.source}" for case in self.filesystems()))
        self._learn("s1", "s2", "s3", "s4", of="source")
        self._receive()
        self._learn("own", "elsewhere", *(f"s{n}" for n in range(1, 5)), of="target")
        self._program("tank", [word for case in self.cases for word in self._lost(case)])
        self.sh("\n".join(line for case in self.cases for line in self._promoted(case)))
        again: dict[str, list[Case]] = {}
        for case in self.cases:
            if case.history.extra == "reused":
                again.setdefault(f"s{case.history.received[-1]}", []).append(case)
        for name, cases in again.items():
            self._snapshot_sources(name, cases)
        self._learn(*again, of="source", again=True)
        self._move()
        self.sh("zpool sync tank vault")

    def filesystems(self) -> list[Case]:
        return [case for case in self.cases if not case.made.volume]

    def _move(self) -> None:
        lines = []
        for case in self.cases:
            if case.history.extra == "moved":
                before = case.source, case.target
                case.renamed = True
                lines += [f"zfs rename -u {was} {now}" for was, now in zip(before, (case.source, case.target), strict=True)]
        # Volumes are never mounted.
        self.sh("\n".join(line.replace(" -u", "") if "/volume" in line else line for line in lines))

    def _create(self) -> None:
        lines = ["echo 'a long password' > /run/key"]
        for group in sorted({case.group for case in self.cases}):
            encryption = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
            ours, theirs = (encryption if flag in self._flags(group) else "" for flag in "xt")
            lines.append(f"zfs create -u {ours} tank/{group}")
            if not self._recursively(group):
                lines.append(f"zfs create -u tank/{group}/origin_filesystem; zfs snapshot tank/{group}/origin_filesystem@o")
                lines.append(f"zfs create -s -V 1M tank/{group}/origin_volume; zfs snapshot tank/{group}/origin_volume@o")
            lines += [f"zfs create -u tank/{parent}" for parent in self._parents(group)]
            if not self._recursively(group):
                lines += [f"zfs create -u {theirs} vault/{group}", *(f"zfs create -u vault/{parent}" for parent in self._parents(group))]
        lines += [self._made(case) for case in self.cases]
        mounted = " ".join(case.source for case in self.filesystems())
        # Each `zfs` reads the list of mounts: it must not be long for longer than needed.
        mount = "mkdir -p /run/all/$d; mount -t zfs -o zfsutil $d /run/all/$d"
        self.sh("\n".join([*lines, f"for d in {mounted}; do {mount}; done"]))

    @staticmethod
    def _flags(group: str) -> str:
        return group.removesuffix("alone").partition("up_to")[0]

    @staticmethod
    def _made(case: Case) -> str:
        if case.history.extra == "clone":
            origin = f"tank/{case.group}/origin_{'volume' if case.made.volume else 'filesystem'}@o"
            return f"zfs clone {case.unmounted} {origin} {case.source}"
        return f"zfs create {case.as_made} {case.source}"

    def _parents(self, group: str) -> list[str]:
        return sorted({case.path.rpartition("/")[0] for case in self.cases if case.group == group})

    @staticmethod
    def _recursively(group: str) -> int:
        """Up to which snapshot that group is received by one stream."""
        return int(group[-1]) if group[-1].isdigit() else 0

    def _snapshot_sources(self, name: str, cases: list[Case], number: int | None = None) -> None:
        datasets = " ".join(case.source for case in cases)
        groups = {case.group for case in cases if number and self._recursively(case.group) >= number}
        parents = " ".join(f"tank/{parent}" for group in groups for parent in (group, *self._parents(group)))
        if cases:
            mounted = " ".join(case.source for case in cases if not case.made.volume)
            write = f"for d in {mounted}; do echo {name} $d > /run/all/$d/f_{name}; done;" if number and mounted else ""
            self.sh(f"{write} zfs snapshot $(printf '%s@{name} ' {datasets} {parents})")

    def _receive(self) -> None:
        """Brings the targets to where their histories say they are."""
        lines = []
        for group in sorted({case.group for case in self.cases}):
            if last := self._recursively(group):
                raw = "-w" if "x" in self._flags(group) else ""
                lines.append(f"zfs send {raw} -R tank/{group}@s{last} | zfs receive -u vault/{group}")
        self.sh("\n".join(lines))
        recursively = [case for case in self.cases if self._recursively(case.group)]
        self._program("vault", [word for case in recursively for word in self._not_received(case)])
        self.sh("\n".join(line for case in self.cases for line in self._received(case)))

    @staticmethod
    def _not_received(case: Case) -> list[str]:
        received = case.history.received
        return [f"destroy {case.target}@s{number}" for number in range(1, received[-1]) if number not in received]

    @staticmethod
    def _received(case: Case) -> list[str]:
        """What the target got by itself, and how it lived on."""
        history, source, target = case.history, case.source, case.target
        lines = []
        raw, before = "-w" if case.made.encrypted else "", None
        if case.group.endswith("alone"):
            for number in history.received:
                start = f"-i @s{before}" if before else ""
                lines.append(f"zfs send {raw} {start} {source}@s{number} | zfs receive -u {target}")
                lines += [f"zfs snapshot {target}@{history.own}"] if history.extra.startswith("early") and not before else []
                before = number
        last = max(history.received, default=0)
        write = f"mkdir -p /run/own; mount -t zfs -o zfsutil {target} /run/own; echo own > /run/own/own; umount /run/own"
        placeholder = f"zfs create -u -o canmount=off {target}; zfs set ferro.zfs:placeholder=$(zfs get -Hp -o value guid {target}) {target}"
        child = f"zfs create -u {source}/child; zfs snapshot {source}/child@c; zfs send {raw} {source}/child@c | zfs receive -u {target}/child"
        return lines + {
            "empty": [f"zfs snapshot {target}@own"],
            "data": [write, f"zfs snapshot {target}@own"],
            "written": [write],
            "empty written": [f"zfs snapshot {target}@own", write],
            "taken": [f"zfs snapshot {target}@{history.own}"],
            "renamed": [f"zfs rename {source}@s{last} {source}@renamed_s{last}"],
            "renamed there": [f"zfs rename {target}@s{last} {target}@elsewhere"],
            "in use": [f"zfs create {case.as_made} {target}"],
            "placeholder": [placeholder],
            "placeholder above": [placeholder, child],
        }.get(history.extra, [])

    @staticmethod
    def _lost(case: Case) -> list[str]:
        """What the source has not any more."""
        words = []
        promoted = case.history.promoted if case.history.extra == "promoted" else 0
        for number, point in enumerate(case.history.points, 1):
            name = f"renamed_s{number}" if case.history.extra == "renamed" and number == case.history.received[-1] else f"s{number}"
            if point.source in (BOOKMARK, BOTH):
                words.append(f"bookmark {case.source}@{name} {case.source}#b{number}")
            if point.source in (GONE, BOOKMARK) and number > promoted:
                words.append(f"destroy {case.source}@{name}")
        return words

    @staticmethod
    def _promoted(case: Case) -> list[str]:
        """Those that go to a clone of the source, which lies elsewhere, as what lies below is replicated too."""
        if case.history.extra != "promoted":
            return []
        clone = f"tank/{case.group}/clone_{case.number}"
        return [f"zfs clone {case.unmounted} {case.source}@s{case.history.promoted} {clone}", f"zfs promote {clone}"]

    def _program(self, pool: str, words: list[str]) -> None:
        """Destroys and bookmarks many at once."""
        for start in range(0, len(words), 400):
            quoted = " ".join(f"'{word}'" for word in words[start : start + 400])
            self.sh(f"cat > /run/program.lua <<'END'\n{DESTROY_AND_BOOKMARK}END\nzfs program {pool} /run/program.lua {quoted} >/dev/null")

    def _learn(self, *names: str, of: str, again: bool = False) -> None:
        """Notes which guid stands for what: what the source took, and what was taken on the target itself."""
        for case in self.cases:
            known = self.identity[case.number]
            for name, guid in self.snapshots(of).get(getattr(case, of), {}).items():
                if name in names and guid not in known:
                    known[guid] = "again" if again else "own" if of == "target" else name

    _listing: dict[str, dict[str, str]] | None = None

    def snapshots(self, of: str) -> dict[str, dict[str, str]]:
        """All snapshots of a side, oldest first, with their guids."""
        if self._listing is None or self._listed != of:
            pool = {"source": "tank", "target": "vault"}[of]
            rows = self.hosts.sh(self.host, f"zfs list -Hp -t snapshot -s createtxg -o name,guid -r {pool}").splitlines()
            self._listing, self._listed = {}, of
            for row in rows:
                full, guid = row.split("\t")
                dataset, _, name = full.partition("@")
                self._listing.setdefault(dataset, {})[name] = guid
        return self._listing

    def sh(self, script: str) -> str:
        self._listing = None
        return self.hosts.lab.run(self.host, "sh -e", input=script, timeout=1800).stdout

    def replicate(self, **more: Any) -> dict[str, dict[str, Any]]:
        """Reports by target, of a run for each set of options."""
        reports = {}
        for name in sorted({case.options for case in self.cases}):
            roots = sorted({case.source.rpartition("/")[0] for case in self.cases if case.options == name})
            arguments = {"source": roots, "strip_prefix": "tank", "target": "vault", "retries": 0, **OPTIONS[name].arguments(), **more}
            result = self.hosts.replicate(self.host, timeout=1800, **arguments)
            reports.update({report["target"]: report for report in result["datasets"]})
        self._listing = None
        return reports

    def there(self, dataset: str) -> tuple[str, ...]:
        """The identities of a target's snapshots."""
        case = int(dataset.partition("_diverged_")[0][-4:])
        return tuple(self.identity[case].get(guid, guid) for guid in self.snapshots("target").get(dataset, {}).values())
