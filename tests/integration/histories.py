"""Small histories of a source and its target, and what must be done with each: an oracle that shares nothing with the planner.

A history is what happened to up to four snapshots in a row: each may have reached the target, and each may since have been destroyed
on the source, with or without a bookmark of it left. On top of that the target may have had a life of its own (`extra`). What has to be
expected is worked out from the documented contract and from how `zfs receive` without `-F` behaves (`recv_begin_check_existing_impl` in
OpenZFS, module/zfs/dmu_recv.c), on lists of identities; no name, date or option of the program plays a part in it.
"""

import fnmatch
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

ALIVE, GONE, BOOKMARK, BOTH = "alive", "gone", "bookmark", "both"
EXTRAS = (
    "none",
    "empty",  # a snapshot of the target's own after the newest received one, nothing written before it
    "data",  # the same, with something written before it
    "written",  # the target was written to after its newest snapshot
    "empty written",  # both: an own empty snapshot, then something written
    "early",  # an own empty snapshot between two received ones
    "early data elsewhere",  # the name of the source's newest snapshot is taken by an own one between two received ones
    "taken",  # an own empty snapshot has the name of a snapshot that is still to come
    "reused",  # the newest received snapshot was destroyed on the source, and its name used again
    "renamed",  # the newest received snapshot was renamed on the source
    "renamed there",  # the newest received snapshot was renamed on the target
    "in use",  # the target exists, without any snapshot
    "placeholder",  # the target is a parent that was made for what is below it
    "placeholder above",  # the same, and a replica of another dataset lies below it
    "clone",  # the source began as a clone of another dataset
    "promoted",  # the oldest snapshots went to a clone of the source, by `zfs promote` of that, and their bookmarks with them
    "moved",  # source and target were renamed alike
)


@dataclass(frozen=True)
class Point:
    """One snapshot that the source once had."""

    received: bool
    source: str

    def __str__(self) -> str:
        return ("+" if self.received else "-") + {ALIVE: "@", GONE: "x", BOOKMARK: "#", BOTH: "@#"}[self.source]


@dataclass(frozen=True)
class Version:
    """A snapshot or bookmark: `identity` is what a guid stands for."""

    identity: str
    name: str
    bookmark: bool = False
    data: bool = False  # on a target: it differs from the snapshot before it


@dataclass(frozen=True)
class Target:
    snapshots: tuple[Version, ...]
    written: bool = False


@dataclass(frozen=True)
class History:
    points: tuple[Point, ...]
    extra: str = "none"

    def __str__(self) -> str:
        return " ".join(map(str, self.points)) + (f" ({self.extra})" if self.extra != "none" else "")

    @property
    def received(self) -> list[int]:
        return [number for number, point in enumerate(self.points, 1) if point.received]

    @property
    def is_possible(self) -> bool:
        received, points = self.received, self.points
        newest = points[received[-1] - 1] if received else None
        match self.extra:
            case "none":
                return True
            case "in use" | "placeholder" | "placeholder above":
                return not received
            case "clone":
                return bool(points)
            case "promoted":
                return self.promoted > 0
            case "moved":
                return bool(received)
            case "empty" | "data" | "written" | "empty written":
                return bool(received)
            case "early" | "early data elsewhere":
                return len(received) > 1 and (self.extra == "early" or self._to_come() is not None)
            case "taken":
                return bool(received) and self._to_come() is not None
            case "reused":
                return newest is not None and newest.source in (GONE, BOOKMARK)
            case "renamed":
                return newest is not None and newest.source in (ALIVE, BOTH)
            case "renamed there":
                return newest is not None
        raise AssertionError(self.extra)

    @property
    def promoted(self) -> int:
        """How many snapshots a clone could have taken along: from the oldest on, the source has them no more."""
        return len(list(itertools.takewhile(lambda point: point.source in (GONE, BOOKMARK), self.points)))

    def _to_come(self) -> int | None:
        """The newest snapshot of the source that the target does not have."""
        alive = (ALIVE, BOTH)
        return next((n for n, p in reversed(list(enumerate(self.points, 1))) if p.source in alive and not p.received), None)

    @property
    def own(self) -> str:
        """The name of the target's own snapshot."""
        return f"s{self._to_come()}" if self.extra in ("taken", "early data elsewhere") else "own"

    def source(self) -> tuple[Version, ...]:
        """What the source has, oldest first."""
        versions = []
        for number, point in enumerate(self.points, 1):
            name = f"s{number}"
            if self.extra == "promoted" and number <= self.promoted:
                continue
            if point.source in (BOOKMARK, BOTH):
                versions.append(Version(name, f"b{number}", bookmark=True))
            if point.source in (ALIVE, BOTH):
                renamed = self.extra == "renamed" and number == self.received[-1]
                versions.append(Version(name, f"renamed_{name}" if renamed else name))
        if self.extra == "reused":
            versions.append(Version("again", f"s{self.received[-1]}"))
        return tuple(versions)

    def target(self) -> Target | None:
        """What the target has, oldest first."""
        received = [Version(f"s{number}", f"s{number}", data=True) for number in self.received]
        own = Version("own", self.own, data=self.extra == "data")
        match self.extra:
            case "in use":
                return Target(())
            case _ if not received:
                return None
            case "empty" | "data" | "taken" | "empty written":
                received.append(own)
            case "early" | "early data elsewhere":
                received.insert(1, own)
            case "renamed there":
                received[-1] = replace(received[-1], name="elsewhere")
        return Target(tuple(received), written=self.extra in ("written", "empty written"))


def histories(most: int, states: str = "all") -> Iterator[History]:
    """Every history of up to `most` snapshots. `states`: "few" leaves out what differs in nothing but old bookmarks."""
    kinds = [Point(True, GONE), Point(True, ALIVE), Point(True, BOOKMARK), Point(False, ALIVE)]
    if states == "all":
        kinds += [Point(True, BOTH), Point(False, BOOKMARK), Point(False, BOTH)]
    for length in range(most + 1):
        for points in itertools.product(kinds, repeat=length):
            for extra in EXTRAS:
                history = History(points, extra)
                if history.is_possible:
                    yield history


@dataclass(frozen=True)
class Options:
    """Options of the program that change what is expected."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    initial: str = "all"
    intermediates: bool = True
    on_diverged: str = "fail"
    raw: str = "auto"
    bookmarks: bool = True
    # Not options: how the source was made, and what the target lies below.
    encrypted: bool = False
    volume: bool = False
    encrypted_target: bool = False

    def arguments(self) -> dict[str, Any]:
        return {
            "snapshots": {"include": list(self.include), "exclude": list(self.exclude)},
            "initial": self.initial,
            "intermediates": self.intermediates,
            "on_diverged": self.on_diverged,
            "raw": self.raw,
            "bookmarks": self.bookmarks,
        }

    def wants(self, name: str) -> bool:
        included = not self.include or any(fnmatch.fnmatchcase(name, glob) for glob in self.include)
        return included and not any(fnmatch.fnmatchcase(name, glob) for glob in self.exclude)


@dataclass(frozen=True)
class Expected:
    """What must come of a history."""

    verdict: str  # up_to_date, no_snapshots, full, incremental, refused
    streams: int = 0  # the fewest that do it
    target: tuple[str, ...] = ()  # identities on the target afterwards, oldest first
    lost: tuple[str, ...] = ()  # names of the target's snapshots that are rolled back
    set_aside: tuple[str, ...] = ()  # identities on what was renamed
    base: str | None = None
    wanted: tuple[str, ...] = field(default=())  # names, oldest first


def expected(history: History, options: Options) -> Expected:
    """The contract, applied to one history."""
    source, target = history.source(), history.target()
    kept = tuple(version.identity for version in target.snapshots) if target else ()
    there = set(kept)
    base = next((version for version in reversed(source) if version.identity in there), None)
    base_at = max((i for i, version in enumerate(source) if base and version.identity == base.identity), default=-1)
    # Of a bookmark and a snapshot of the same moment the snapshot is the better base.
    base = source[base_at] if base_at >= 0 else None

    wanted = wanted_of(source[base_at + 1 :], options, first=not (target and target.snapshots))
    names = tuple(version.name for version in wanted)
    if not wanted:
        return Expected("up_to_date" if base else "no_snapshots", target=kept)
    anew = wanted_of(source, options, first=True)
    if not target:
        return Expected("full", fewest(None, source, wanted), tuple(v.identity for v in wanted), wanted=names)
    if base and accepts(target, base.identity, wanted, options):
        streams = fewest(base, source[base_at + 1 :], wanted)
        return Expected("incremental", streams, (*kept, *(v.identity for v in wanted)), base=base.identity, wanted=names)
    if options.on_diverged == "rollback" and base:
        at = kept.index(base.identity) + 1
        if accepts(Target(target.snapshots[:at]), base.identity, wanted, options):
            streams = fewest(base, source[base_at + 1 :], wanted)
            after = (*kept[:at], *(v.identity for v in wanted))
            lost = tuple(version.name for version in target.snapshots[at:])
            return Expected("incremental", streams, after, lost=lost, base=base.identity, wanted=names)
    if options.on_diverged == "set_aside" and anew:
        after = tuple(version.identity for version in anew)
        return Expected("full", fewest(None, source, anew), after, set_aside=kept, wanted=tuple(v.name for v in anew))
    return Expected("refused", target=kept, base=base.identity if base else None, wanted=names)


def wanted_of(versions: tuple[Version, ...], options: Options, first: bool) -> list[Version]:
    wanted = [version for version in versions if not version.bookmark and options.wants(version.name)]
    only_latest = not options.intermediates or (first and options.initial == "latest")
    return wanted[-1:] if only_latest else wanted


def accepts(target: Target, base: str, wanted: list[Version], options: Options) -> bool:
    """Whether the kernel receives these, one after the other, without `-F`."""
    identities = [version.identity for version in target.snapshots]
    newer = target.snapshots[identities.index(base) + 1 :]
    raw = options.encrypted and options.raw != "never"
    if target.written or any(version.data for version in newer) or (raw and newer):
        return False
    taken = {version.name for version in target.snapshots}
    return not any(version.name in taken for version in wanted)


def fewest(base: Version | None, later: tuple[Version, ...], wanted: list[Version]) -> int:
    """The fewest streams that bring exactly `wanted`, by trying every way: each stream brings one snapshot, or, started from a snapshot,
    all that the source has up to some later one."""
    alive = [version for version in later if not version.bookmark]

    @cache
    def rest(done: int) -> int:
        if done == len(wanted):
            return 0
        ways = [1 + rest(done + 1)]
        start = wanted[done - 1] if done else base
        if start and not start.bookmark:
            begin = alive.index(start) + 1 if start in alive else 0
            for end in range(done + 2, len(wanted) + 1):
                if alive[begin : begin + end - done] == wanted[done:end]:
                    ways.append(1 + rest(end))
        return min(ways)

    return rest(0)
