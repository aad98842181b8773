"""Whoever may send to a host cannot make it forget: forged snapshots, pushed by plain `zfs send | zfs receive`, and zfs_prune."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from zfs_hosts import Lab, program

HOST = "offsite"
PRUNE = "/usr/local/bin/zfs_prune"
STATE = "/var/lib/ferro-zfs/arrivals"
START = datetime(2027, 3, 1, 4, 0, 5, tzinfo=UTC)
POLICY = {"hourly": 8, "daily": 7, "monthly": 3, "yearly": 5}
Result = dict[str, Any]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    one_host = Lab(f"flood-{os.getpid()}")
    try:
        one_host.up([HOST])
        one_host.copy(HOST, program("zfs_prune"), PRUNE)
        yield one_host
    finally:
        one_host.down()


class Offsite:
    """A source pool, the replica of a dataset of it, and a clock that goes where it is told to."""

    def __init__(self, lab: Lab, marked: bool = False) -> None:
        self.lab, self.now, self.day = lab, START, START
        lab.reset(HOST)
        self.sh(f"rm -rf {STATE}; date -u -s '{START:%F %T}'")
        self.sh("for p in tank vault; do truncate -s 300M /big/$p; zpool create $p /big/$p; done; zfs create tank/a; zfs create vault/held")
        self.options = "-u -o ferro.zfs:replica=1" if marked else "-u"
        self.args: Result = {} if marked else {"replicas": ["vault/held"]}
        self.base = ""
        self.sent: list[str] = []

    def sh(self, script: str) -> str:
        return self.lab.run(HOST, f"set -e\n{script}", timeout=300).stdout

    def go_to(self, moment: datetime) -> None:
        self.now = moment
        self.sh(f"date -u -s '{moment:%F %T}'")

    def push(self, names: list[str]) -> None:
        """What the sender has, or says it has: each taken there at the time in its name, all received now, by plain commands."""
        first, *later = names if not self.base else [self.base, *names]
        script = [f"date -u -s '{moment(name):%F %T}' >/dev/null; zfs snapshot 'tank/a@{name}'" for name in names]
        script.append(f"date -u -s '{self.now:%F %T}' >/dev/null")
        if not self.base:
            script.append(f"zfs send 'tank/a@{first}' | zfs receive {self.options} vault/held/a")
        if later:
            script.append(f"zfs send -I 'tank/a@{first}' 'tank/a@{later[-1]}' | zfs receive {self.options} vault/held/a")
        self.sh("\n".join(script))
        self.base = names[-1]
        self.sent += names

    def prune(self, **args: Any) -> Result:
        datasets = [{"dataset": "vault/held", "policy": "long", "snapshots_discover_children": True}]
        asked = {"datasets": datasets, "policies": {"long": POLICY}, "_ansible_verbosity": 1, **self.args, **args}
        done = self.lab.run(HOST, f"{PRUNE} -", check=False, input=json.dumps(asked))
        assert done.stderr == ""
        result: Result = json.loads(done.stdout)
        assert not result.get("failed"), result["msg"]
        return result

    def there(self) -> set[str]:
        rows = self.sh("zfs list -H -t snapshot -o name -r vault/held").splitlines()
        return {row.partition("@")[2] for row in rows}

    def live(self, days: int) -> None:
        """Normal operation: a snapshot every three hours and one each day, and once a day a push and a run of zfs_prune."""
        for _ in range(days):
            self.day += timedelta(days=1)
            hours = [named(self.day - timedelta(hours=hour), "hourly") for hour in range(21, -1, -3)]
            self.go_to(self.day + timedelta(minutes=1))
            self.push([*hours, named(self.day + timedelta(seconds=1), "daily")])
            self.go_to(self.day + timedelta(minutes=5))
            self.prune()

    def wanted(self) -> set[str]:
        """What the policy wants of all that was sent so far."""
        return {name for interval, count in POLICY.items() for name in [sent for sent in self.sent if kind(sent) == interval][-count:]}


def named(moment: datetime, interval: str) -> str:
    return f"autosnap_{moment:%F_%T}_{interval}"


def moment(name: str) -> datetime:
    return datetime.strptime(name[9:28], "%Y-%m-%d_%H:%M:%S").replace(tzinfo=UTC)


def kind(name: str) -> str:
    return name[29:]


def forged(now: datetime) -> list[str]:
    """124 names, a quarter each of old dates, of these days, of times to come, and of one period: more than the policy has places for."""
    counts = {"hourly": 16, "daily": 13, "monthly": 1, "yearly": 1}
    steps = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}
    second = dict.fromkeys(steps, timedelta(seconds=1))
    lies = [
        (now - timedelta(days=4000), steps),
        (now - timedelta(seconds=7), steps),
        (now + timedelta(days=4000), steps),
        (now - timedelta(minutes=30), second),
    ]
    made_up = {named(newest - step.get(interval, timedelta()) * n, interval) for newest, step in lies for interval in counts for n in range(counts[interval])}
    assert len(made_up) == 124
    return sorted(made_up)


def test_a_flood_makes_nothing_forgotten_sooner(running: Lab) -> None:
    offsite = Offsite(running, marked=True)
    offsite.live(10)
    real = offsite.wanted()
    assert real <= offsite.there()
    flood = forged(offsite.now)
    assert not set(flood) & set(offsite.sent)
    offsite.push(flood)
    result = offsite.prune()
    assert real <= offsite.there(), result["destroyed"]
    reasons = {reason for entry in result["kept"] for reason in entry["reasons"]}
    assert {"retained", "recent_arrival", "future"} <= reasons
    assert any("are dated in the future, such as vault/held/a@autosnap_" in warning for warning in result["warnings"])
    # Time goes on: each is forgotten when it is as old as the policy wants it, and none before.
    for hours in (3, 25, 4 * 24, 6 * 24):
        offsite.go_to(START + timedelta(days=10, hours=hours))
        offsite.prune()
        wanted = {name for name in real if moment(name) > offsite.now - {"hourly": timedelta(hours=8), "daily": timedelta(days=7)}[kind(name)]}
        assert wanted <= offsite.there(), hours
    # And what was forged goes too, as soon as enough has come after it; but not what says that it
    # is of a time to come.
    offsite.day = START + timedelta(days=400 * 5)
    offsite.live(8)
    past = {name for name in offsite.there() if moment(name) < offsite.now and kind(name) in ("daily", "hourly")}
    assert {name for name in offsite.wanted() if kind(name) in ("daily", "hourly")} <= past
    assert len(past) <= 7 + 1 + 8 + 8, sorted(past)


def test_a_dataset_that_has_been_quiet_for_months_keeps_what_it_has(running: Lab) -> None:
    offsite = Offsite(running)
    offsite.live(8)
    offsite.go_to(START + timedelta(days=200))
    offsite.prune()
    real = offsite.wanted()
    assert real <= offsite.there()
    offsite.push(forged(offsite.now))
    destroyed = {name.partition("@")[2] for name in offsite.prune()["destroyed"]}
    # As after any push in normal operation, the newest takes up a place of its interval: so one of
    # each goes.
    assert sorted(kind(name) for name in destroyed & real) in ([], ["daily"], ["hourly"], ["daily", "hourly"])
    offsite.go_to(START + timedelta(days=203))
    destroyed |= {name.partition("@")[2] for name in offsite.prune()["destroyed"]}
    assert len({name for name in destroyed & real if kind(name) == "daily"}) <= 4


def test_honest_pruning_goes_on(running: Lab) -> None:
    offsite = Offsite(running)
    for week in range(1, 4):
        offsite.live(7)
        kinds = [kind(name) for name in offsite.there()]
        # A push brings eight hours at once, and while they are younger than that nothing of them
        # goes for those before.
        assert kinds.count("daily") <= POLICY["daily"] + 1, week
        assert kinds.count("hourly") <= POLICY["hourly"] + 8, week
        assert offsite.wanted() <= offsite.there(), week


def test_what_is_known_of_arrivals_is_kept_and_never_guessed(running: Lab) -> None:
    offsite = Offsite(running)
    offsite.push([named(START - timedelta(days=n), "daily") for n in range(12, 0, -1)])
    checked = offsite.prune(_ansible_check_mode=True)
    assert offsite.sh(f"ls {STATE} 2>/dev/null || true") == ""
    result = offsite.prune()
    guid = offsite.sh("zpool get -Hp -o value guid vault").strip()
    assert offsite.sh(f"ls {STATE}").split() == [f"{guid}.json"]
    assert (checked["destroyed"], result["destroyed"]) == ([], [])
    assert [warning for warning in result["warnings"] if "trust_dates=true believes their dates instead" in warning] == result["warnings"]
    # Who believes the dates need not wait.
    assert len(offsite.prune(trust_dates=True, _ansible_check_mode=True)["destroyed"]) == 5
    # A file that nobody can read is as good as none, and is said to be.
    offsite.go_to(START + timedelta(days=5))
    offsite.sh(f"echo '{{' >{STATE}/{guid}.json")
    result = offsite.prune()
    assert (result["destroyed"], len(result["warnings"])) == ([], 1)
    assert "holds something else than this program writes" in result["warnings"][0]
    offsite.go_to(START + timedelta(days=11, hours=23))
    result = offsite.prune(_ansible_check_mode=True)
    assert (result["destroyed"], "warnings" in result) == ([], False)
    # The pool comes back under another name, and what is known of it with it. A clock that is
    # behind destroys nothing.
    offsite.sh("zpool export vault; zpool import -d /big vault other; zpool export other; zpool import -d /big other vault")
    offsite.go_to(START - timedelta(days=100))
    assert offsite.prune()["destroyed"] == []
    offsite.go_to(START + timedelta(days=12))
    assert len(offsite.prune()["destroyed"]) == 5
