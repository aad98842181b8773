"""Whatever somebody asks zfs_monitor, it answers as the document says that describes its API."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
# As `cargo test` leaves it: a release would not believe FERRO_KSTAT.
BINARY = ROOT / "target/debug/zfs_monitor"
FAKE = f"""#!/usr/bin/env -S python3 -IS
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {str(ROOT / "tests/fleet")!r})
from fake_zfs.program import start
start()
"""
POLICY = {"datasets": [{"dataset": "tank/data", "policy": "few"}], "policies": {"few": {"hourly": 2}}}
RESULT = {"finished": 1780000000, "last_success": 1780000000, "failed": True, "msg": "pool is busy"}


def dataset(guid: int, *snapshots: str) -> dict[str, Any]:
    versions = [{"name": name, "guid": guid + at, "txg": 10 + at, "creation": 1780000000 + at, "holds": []} for at, name in enumerate(snapshots, 1)]
    return {"guid": guid, "txg": 5, "creation": 1780000000, "properties": {}, "versions": versions, "grants": {}}


def file(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=10):
            return True
    except urllib.error.URLError:
        return False


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A host whose snapshots have stopped, so its check is critical."""
    datasets = {"tank": dataset(100), "tank/data": dataset(200, "@autosnap_2026-06-05_09:00:00_hourly")}
    file(tmp_path / "state.json", {"pools": {"tank": {"health": "ONLINE", "guid": "7"}}, "datasets": datasets, "txg": 5000, "next_guid": 7000})
    file(tmp_path / "kstat/tank/state", "ONLINE\n")
    file(tmp_path / "etc/snapshot.json", POLICY)
    file(tmp_path / "var/snapshot.json", RESULT)
    for name in ("zfs", "zpool"):
        file(tmp_path / name, FAKE)
        (tmp_path / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    file(tmp_path / "monitor.json", {"listen": [address], "option_folder": str(tmp_path / "etc"), "result_folder": str(tmp_path / "var")})
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FERRO_KSTAT": str(tmp_path / "kstat")}
    with (tmp_path / "said").open("w") as said, subprocess.Popen([BINARY, tmp_path / "monitor.json"], env=environment, stderr=said) as monitor:
        try:
            deadline = time.monotonic() + 60
            while not answers(f"http://{address}"):
                assert monitor.poll() is None and time.monotonic() < deadline, (tmp_path / "said").read_text()
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            monitor.kill()


def test_no_request_gets_what_is_not_documented(url: str, tmp_path: Path) -> None:
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{url}/api/v1/check", timeout=10)
    words = ["--no-color", "--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/api/openapi.json", "--phases", "examples,coverage,fuzzing"]
    # The same requests each time.
    words += ["--generation-deterministic", "--max-examples", "10"]
    done = subprocess.run([Path(sys.executable).parent / "schemathesis", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 15" in done.stdout, done.stdout
