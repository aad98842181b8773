# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of ferro.zfs.restore_file, with folders for snapshots: what it finds, copies, and refuses. ZFS itself is asked in tests/integration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "playbooks/files/restore_file.sh"
# Of tank/home, mounted at HERE/live, with the snapshots s1 to s3; vault/secret has no key, vault/home is not mounted.
ZFS = r"""#!/bin/sh
case "$*" in
  "list -H -o name -- tank/home@s9") exit 1 ;;
  "list -H -o name -- "*@*) echo ok ;;
  "list -H -o name -- HERE/live"*) echo tank/home ;;
  "list -H -o name -- "*) exit 1 ;;
  "list -H -o type,"*" tank/home") printf 'filesystem\tyes\tHERE/live\t-\t-\n' ;;
  "list -H -o type,"*" vault/home") printf 'filesystem\tno\t/tank/home\t-\t-\n' ;;
  "list -H -o type,"*" vault/secret") printf 'filesystem\tno\t/x\tunavailable\tvault/secret\n' ;;
  "list -H -o type,"*" tank/disk") printf 'volume\t-\t-\t-\t-\n' ;;
  "list -H -o type,"*) echo "dataset does not exist" >&2; exit 1 ;;
  "list -Hp -d 1 -t snapshot "*) for last; do :; done; for n in 3 2 1; do printf '%s@s%s\t%s00\n' "$last" $n $n; done ;;
  *) exit 9 ;;
esac
"""
MOUNT = '#!/bin/sh\n[ "$1 $2 $3 $4" = "-t zfs -o ro,nosuid,nodev,noexec" ] || exit 9\nexec /bin/mount --bind HERE/"${5#*@}" "$6"\n'


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A file that was changed and then lost."""
    for number, report in enumerate(("one\n", "two\n", None), 1):
        folder = tmp_path / f"s{number}/me"
        (folder / "a folder").mkdir(parents=True)
        (folder / "a folder/.hidden").write_text("x")
        (folder / "link").symlink_to("/etc")
        if report:
            (folder / "report").write_text(report)
            (folder / "report").chmod(0o640)
    (tmp_path / "live/me").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, text in (("zfs", ZFS), ("mount", MOUNT)):
        (tmp_path / "bin" / name).write_text(text.replace("HERE", str(tmp_path)))
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(here: Path, mode: str, path: str, script: Path = SCRIPT, **given: str) -> list[str]:
    """What it prints, as the playbook starts it."""
    words = [mode, given.get("dataset", ""), path.replace("HERE", str(here)), given.get("snapshot", ""), given.get("at", "")]
    words += [given.get("to", "").replace("HERE", str(here)), given.get("overwrite", "no"), given.get("limit", "1000")]
    alone = ["unshare", "--map-root-user", "--mount", "sh", str(script), *words]
    environment = {**os.environ, "PATH": f"{here}/bin:{os.environ['PATH']}", "TZ": "UTC0"}
    done = subprocess.run(alone, env=environment, cwd=here, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not [*here.glob("**/.ferro-zfs*")]
    return done.stdout.splitlines()


def fault(lines: list[str]) -> str:
    assert "DONE" not in lines
    return next(line.removeprefix("FAULT\t") for line in lines if line.startswith("FAULT\t"))


def test_the_newest_that_holds_it_goes_beside_the_original(here: Path) -> None:
    assert [line.split("\t")[1::2] for line in run(here, "look", "HERE/live/me/report")] == [["s2", "4"], ["s1", "4"]]
    lines = run(here, "here", "HERE/live/me/report")
    new = here / "live/me/report.restored-s2"
    assert lines[0] == "FOUND\ts2" and lines[2:] == [f"TO\t{new}", "DONE"]
    assert new.read_text() == "two\n" and new.stat().st_mode & 0o777 == 0o640
    assert run(here, "here", "me/report", dataset="tank/home", at="1970-01-01 00:02:30")[0] == "FOUND\ts1"


def test_what_is_there_is_never_lost(here: Path) -> None:
    new = here / "live/me/report.restored-s2"
    new.write_text("mine")
    assert "is there already, and stays as it is" in fault(run(here, "here", "HERE/live/me/report"))
    assert new.read_text() == "mine"
    lines = run(here, "here", "HERE/live/me/report", overwrite="yes")
    (aside,) = here.glob("live/me/report.restored-s2.replaced-*")
    assert (new.read_text(), aside.read_text()) == ("two\n", "mine") and any(str(aside) in line for line in lines)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"path": "HERE/live/me/report", "snapshot": "s3"}, "me/report is not in tank/home@s3"),
    ({"path": "HERE/live/me/report", "snapshot": "s9"}, "there is no snapshot s9 of tank/home"),
    ({"path": "HERE/live/me/other"}, "me/other is in none of the newest 3 snapshots of tank/home"),
    ({"path": "HERE/live/me/report", "at": "1970-01-01"}, "has no snapshots up to 1970-01-01"),
    ({"path": "HERE/live/me/report", "at": "soon-ish"}, "date does not understand 'soon-ish'"),
    ({"path": "HERE/live"}, "A whole dataset is for ferro.zfs.restore"),
    ({"path": "me/../../x", "dataset": "tank/home"}, "expected a file or folder in tank/home"),
    ({"path": "me/link/passwd", "dataset": "tank/home"}, "me/link is a symbolic link in tank/home@s3"),
    ({"path": "/etc/passwd"}, "is on no ZFS dataset of this host"),
    ({"path": "report"}, "without restore_file_dataset it is the whole path"),
    ({"path": "x", "dataset": "tank/none"}, "there is no dataset tank/none on this host"),
    ({"path": "x", "dataset": "tank/disk"}, "tank/disk is a volume"),
    ({"path": "x", "dataset": "vault/secret"}, "zfs load-key -L file:///PATH vault/secret"),
    ({"path": "me", "dataset": "vault/home"}, "vault/home is not mounted here"),
    ({"path": "HERE/live/me/report", "to": "HERE/none/x"}, "there is no folder"),
    ({"path": "HERE/live/me/report", "to": "x"}, "expected a path that begins with /"),
    ({"path": "HERE/live/me/report", "to": "/tmp/../x"}, "expected the whole path"),
]


@pytest.mark.parametrize(("words", "part"), FAULTS, ids=[part[:30] for _, part in FAULTS])
def test_what_cannot_be_is_said(here: Path, words: dict[str, str], part: str) -> None:
    lines = run(here, "here", **words)
    assert part in fault(lines)
    holders = [line.split("\t")[1] for line in lines if line.startswith("HOLDS")]
    assert holders == (["s2", "s1"] if words.get("snapshot") == "s3" else ["s3"] if words["path"] == "me" else ["s2"] if "to" in words else [])


def test_another_host_gets_all_of_it_or_nothing(here: Path) -> None:
    given = run(here, "give", "me", dataset="vault/home", snapshot="s2")
    assert given[-1] == "ENDED\twell" and "SIZE" in given[2]
    data = given[given.index("DATA") + 1 : -1]
    for lines, whole in ((data, True), (data[:-1], False)):
        parcel = here / f"parcel-{whole}"
        parcel.write_text(SCRIPT.read_text() + "\n#DATA\n" + "\n".join(lines) + "\n")
        said = run(here, "take", "me", script=parcel, to=f"HERE/live/{whole}", limit="9")
        assert ("DONE" in said) == whole == (here / f"live/{whole}").exists(), said
    assert (here / "live/True/a folder/.hidden").read_text() == "x" and (here / "live/True/link").is_symlink()
    assert (here / "live/True/report").stat().st_mode & 0o777 == 0o640
    assert "KiB left, and this takes" in fault(run(here, "take", "me", script=here / "parcel-True", to="HERE/live/big", limit="99999999999"))
    assert "more than goes by way of the controller" in fault(run(here, "give", "me", dataset="vault/home", snapshot="s2", limit="1"))
