"""Check mode of zfs_replicate promises only what can be."""

from typing import Any

import pytest
from streaming import LOCAL, pools
from test_replicate_hostile import zfs_of
from zfs_hosts import Hosts

CHECK = {"_ansible_check_mode": True}


def encrypted(hosts: Hosts) -> dict[str, Any]:
    pools(hosts)
    create = "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
    hosts.sh("source", f"echo 'a long password' > /run/key; {create} tank/e; zfs snapshot tank/e@s1")
    return {"source": ["tank/e"], "target": "vault", "raw": "never"}


@pytest.mark.parametrize("mode", [CHECK, {}])
def test_a_pool_that_is_not_imported(hosts: Hosts, mode: dict[str, Any]) -> None:
    pools(hosts)
    for target in ({"target": "usb"}, {"target": "usb/backup"}, {"target": "usb", "strip_prefix": "tank"}):
        result = hosts.replicate("source", **LOCAL | target | mode)
        assert "preflight failed: pool usb is not imported there, or there is none of this name. Import it first: zpool import usb" in result["msg"]
    result = hosts.replicate("source", **LOCAL | {"source": ["usb/data", "tank/no"]} | mode)
    assert "usb/data: list failed: pool usb is not imported" in result["msg"].replace(" -> vault/usb/data", "")
    assert "source dataset tank/no does not exist" in result["msg"]


@pytest.mark.parametrize("mode", [CHECK, {}])
def test_a_key_that_is_not_loaded(hosts: Hosts, mode: dict[str, Any]) -> None:
    args = encrypted(hosts)
    hosts.sh("source", "zfs unmount tank/e; zfs unload-key tank/e")
    result = hosts.replicate("source", **args | mode)
    assert "its key is not loaded on the sending side, so that it can only be sent raw" in result["msg"]
    assert hosts.replicate("source", **args | mode | {"raw": "auto"}).get("failed") is None


@pytest.mark.parametrize("mode", [CHECK, {}])
def test_properties_of_what_is_encrypted(hosts: Hosts, mode: dict[str, Any]) -> None:
    args = encrypted(hosts)
    result = hosts.replicate("source", **args | mode, send_properties=True)
    assert "ZFS sends the properties of an encrypted dataset only with a raw stream" in result["msg"]


def test_an_estimate_that_fails_is_an_answer(hosts: Hosts) -> None:
    pools(hosts)
    refuses = 'case "$*" in \'send -nvP \'*tank/big*) echo "warning: cannot send \'tank/big@s1\': I/O error" >&2; exit 1 ;; esac; exec /usr/sbin/zfs "$@"'
    with zfs_of(hosts, "source", refuses):
        result = hosts.replicate("source", before="PATH=/usr/local/bin:$PATH", **LOCAL | CHECK)
    assert [report["status"] for report in result["datasets"]] == ["planned", "failed"]
    assert "estimate failed" in result["msg"] and "I/O error" in result["msg"]
