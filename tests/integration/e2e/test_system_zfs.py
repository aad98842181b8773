"""roles/system_zfs on a host as its installation leaves it, and on one that has been in use."""

import re
from typing import Any

import pytest
from fleet import Fleet

KEY = "/root/zfs/keys/tank_ledger"


def system(fleet: Fleet, check: bool = False, fails: bool = False, **variables: Any) -> Any:
    return fleet.role("system_zfs", "source", check=check, fails=fails, **variables)


def failure(play: Any) -> str:
    return " ".join(play.failures["source"].split())


@pytest.mark.parametrize("role", ["system_zfs", "zfs_policy"])
def test_a_host_without_a_tree_is_told_so(fleet: Fleet, role: str) -> None:
    play = fleet.playbook([{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [f"ferro.zfs.{role}"]}])
    assert f"The 'zfs' variable must be defined to use the {role} role" in play.failures["localhost"]


def test_a_fault_in_the_tree_is_named_by_its_path_before_anything_is_done(fleet: Fleet) -> None:
    play = system(fleet, fails=True, zfs={"tank": {"datasets": {"a": {"properties": {"quota": ["10G"]}}}}})
    assert "zfs.tank.datasets.a.properties.quota: expected a text, a number, true or false, got a list" in failure(play)
    play = system(fleet, fails=True, zfs={"tank": {"datasets": {"a": {"properties": {"encryption": "on"}}}}})
    assert "zfs.tank.datasets.a.properties.keyformat: encryption needs a keyformat: raw, hex, passphrase; got nothing" in failure(play)
    assert play.changed["source"] == []


def test_check_mode_on_a_fresh_host_says_all_and_does_nothing(fleet: Fleet) -> None:
    play = system(fleet, check=True)
    assert "zpool create tank /dev/ubdb" in play.output
    assert "zfs create -o recordsize=1M -o atime=off tank/films" in play.output
    assert fleet.sh("source", "ls /root; zpool list -H; ls /etc/systemd/system/zfs-load-key.service 2>&1 || true").count("\n") == 1


def test_a_pool_is_not_created_unless_it_is_named(fleet: Fleet) -> None:
    play = system(fleet, fails=True, system_zfs_create_pools=[])
    assert "zfs.tank: there is no pool tank on this host" in failure(play)
    assert "to have it created on /dev/ubdb, name it in system_zfs_create_pools" in failure(play)
    assert fleet.sh("source", "zpool list -H") == ""


def test_a_missing_key_is_found_before_anything_is_created(fleet: Fleet) -> None:
    play = system(fleet, fails=True, system_zfs_keys={})
    assert f"tank/ledger needs a key: put it into {KEY} on the host, or into system_zfs_keys" in failure(play)
    assert fleet.sh("source", "zpool list -H") == ""


def test_everything_is_made_and_a_second_run_changes_nothing(fleet: Fleet) -> None:
    play = system(fleet)
    assert play.rc == 0
    listed = fleet.sh("source", "zfs get -Hp -o name,property,value compression,encryption,recordsize,atime,keylocation -r tank")
    assert "tank/documents\tcompression\tzstd\n" in listed
    assert "tank/documents/cache\tcompression\tzstd\n" in listed
    assert "tank/ledger\tencryption\taes-256-gcm\n" in listed
    assert f"tank/ledger\tkeylocation\tfile://{KEY}\n" in listed
    assert "tank/films\trecordsize\t1048576\n" in listed
    assert "tank/films\tatime\toff\n" in listed
    assert fleet.sh("source", f"stat -c '%a %s' {KEY} /root/zfs/keys") == "400 32\n700 4096\n"
    assert "ZmVycm8u" not in play.output, "a key is shown"
    assert system(fleet).recap["source"]["changed"] == 0
    assert system(fleet, check=True).recap["source"]["changed"] == 0


def test_keys_are_loaded_at_boot(fleet: Fleet) -> None:
    fleet.sh("source", "echo dear >/tank/ledger/file")
    fleet.lab.restart("source")
    assert fleet.sh("source", "systemctl is-active zfs-load-key; zfs get -Ho value keystatus,mounted tank/ledger; cat /tank/ledger/file") == (
        "active\navailable\nyes\ndear\n"
    )
    score = fleet.sh("source", "systemd-analyze verify --man=no /etc/systemd/system/zfs-load-key.service 2>&1; systemd-analyze security zfs-load-key | tail -1")
    assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 3, score  # type: ignore[index]


def test_another_key_does_not_overwrite_the_one_that_is_there(fleet: Fleet) -> None:
    before = fleet.sh("source", f"sha256sum {KEY}")
    play = system(fleet, fails=True, system_zfs_keys={"tank/ledger": "x" * 32})
    assert f"{KEY} on the host has another key than system_zfs_keys has for tank/ledger" in failure(play)
    assert fleet.sh("source", f"sha256sum {KEY}") == before


def test_an_exported_pool_is_imported_and_its_keys_loaded(fleet: Fleet) -> None:
    fleet.sh("source", "zpool export tank")
    play = system(fleet, system_zfs_create_pools=[])
    assert play.recap["source"]["changed"] > 0
    assert fleet.sh("source", "cat /tank/ledger/file") == "dear\n"


def test_changes_of_the_tree_are_made_and_nothing_else(fleet: Fleet) -> None:
    fleet.sh("source", "truncate -s 100M /big/second; zfs create tank/undeclared")
    tree = {
        "tank": {
            "root_properties": {"atime": False, "org.example:owner": "ops"},
            "datasets": {
                "documents": {"properties": {"compression": "lz4", "quota": "1G"}, "delegation": {"users": "archive", "jobs": "snapshot"}},
                "disk": {"properties": {"volsize": "10M", "refreservation": "none"}},
                "films/old": {"properties": {"atime": True}},
            },
        },
        "second": {"devices": ["/big/second"], "properties": {"autotrim": True}},
    }
    wanted = {"zfs": tree, "system_zfs_create_pools": ["second"], "system_zfs_keys": {}}
    play = system(fleet, check=True, **wanted)
    assert "would run: zfs set atime=off org.example:owner=ops tank" in play.output
    assert "would run: zfs set compression=lz4 quota=1G tank/documents" in play.output
    assert "zfs create -p -o atime=on tank/films/old" in play.output
    assert "zfs create -V 10M -o refreservation=none tank/disk" in play.output
    assert "zpool create -o autotrim=on second /big/second" in play.output
    assert "snapshot" not in fleet.sh("source", "zfs allow tank/documents")
    system(fleet, **wanted)
    assert "archive snapshot" in fleet.sh("source", "zfs allow tank/documents")
    assert fleet.sh("source", "zfs get -Hpo value volsize,refreservation tank/disk; zpool get -Ho value autotrim second") == "10485760\n0\non\n"
    assert system(fleet, **wanted).recap["source"]["changed"] == 0
    assert "tank/ledger\ntank/undeclared\n" in fleet.sh("source", "zfs list -Ho name")


def test_a_property_is_given_back_to_the_parent(fleet: Fleet) -> None:
    tree = {"tank": {"datasets": {"documents": {"properties": {"compression": "inherit", "com.example:none": "inherit", "recordsize": "inherit"}}}}}
    wanted = {"zfs": tree, "system_zfs_create_pools": [], "system_zfs_keys": {}}
    assert "would run: zfs inherit compression tank/documents" in system(fleet, check=True, **wanted).output
    assert fleet.sh("source", "zfs get -Ho source compression tank/documents") == "local\n"
    system(fleet, **wanted)
    assert fleet.sh("source", "zfs get -Ho source compression,recordsize tank/documents") == "default\ndefault\n"
    assert system(fleet, **wanted).recap["source"]["changed"] == 0


def test_check_mode_says_what_zfs_would_refuse_in_its_own_words(fleet: Fleet) -> None:
    """Nothing of it was found before the real run, which then stopped halfway."""
    fleet.sh("source", "truncate -s 100M /big/third")
    # All that can be set: what is used may still change by what a test before has done.
    settings = "zfs get -Hp -s local,default,inherited,received,temporary -o name,property,value all; zpool list -H -o name"
    before = fleet.sh("source", settings)
    tree = {"tank": {"datasets": {"documents": {"properties": {"compression": "zst"}}, "new": {"datasets": {"er": {"properties": {"recordsize": "3K"}}}}}}}
    for check in (True, False):
        play = system(fleet, fails=True, check=check, zfs=tree, system_zfs_keys={})
        said = play.records[-1].result["msg"]
        assert [one.partition(" (")[0].partition(" must")[0] for one in said] == [
            "cannot verify 'tank/documents': 'compression'",
            "cannot verify 'tank/new/er': 'recordsize'",
        ]
        for disk, words in {"/dev/nope": "cannot resolve path '/dev/nope'", "/dev/ubdb": "/dev/ubdb is part of active pool 'tank'"}.items():
            pools = {"zfs": {"third": {"vdevs": ["/big/third", disk]}}, "system_zfs_create_pools": ["third"], "system_zfs_keys": {}}
            said = system(fleet, fails=True, check=check, **pools).records[-1].result["msg"]
            assert len(said) == 1
            assert words in said[0].partition(" (zpool create -n")[0]
    assert fleet.sh("source", settings) == before


def test_what_only_creation_can_set_is_an_error(fleet: Fleet) -> None:
    play = system(fleet, fails=True, system_zfs_keys={}, zfs={"tank": {"datasets": {"films": {"properties": {"casesensitivity": "mixed", "atime": True}}}}})
    assert (
        "zfs.tank.datasets.films.properties.casesensitivity: the tree says mixed, but tank/films was created with sensitive, and that "
        "cannot be changed" in failure(play)
    )


# A package in a repository on the host itself, which is the only one that apt has in the lab.
REPOSITORY = """
mkdir -p /opt/ferro/DEBIAN; cd /opt
printf 'Package: ferro-e2e\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody\\nDescription: for a test\\n' | tee ferro/DEBIAN/control >Packages
dpkg-deb --build ferro ferro.deb >/dev/null
printf 'Filename: ./ferro.deb\\nSize: %s\\nSHA256: %s\\n' $(stat -c %s ferro.deb) $(sha256sum ferro.deb | cut -d' ' -f1) >>Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt ./' >/etc/apt/sources.list
"""


def test_a_missing_package_is_installed(fleet: Fleet) -> None:
    fleet.sh("source", REPOSITORY)
    wanted: dict[str, Any] = {"zfs": {}, "system_zfs_create_pools": [], "system_zfs_keys": {}, "system_zfs_packages": ["zfsutils-linux", "ferro-e2e"]}
    assert "would install ferro-e2e;" in fleet.role("system_zfs", "source", check=True, **wanted).output
    assert fleet.role("system_zfs", "source", **wanted).changed["source"] == ["ferro.zfs.system_zfs : Install missing packages"]
    assert fleet.sh("source", "dpkg-query -W -f '${Status}' ferro-e2e") == "install ok installed"
    assert fleet.role("system_zfs", "source", **wanted).recap["source"]["changed"] == 0


def test_check_mode_before_zfs_is_installed(fleet: Fleet) -> None:
    # As if it were not: neither in what the package manager says, nor commands, nor a module.
    fleet.sh("offsite", "dpkg --purge --force-all zfsutils-linux zfs-zed zfs-dkms 2>&1; mv /lib/modules /lib/moved; ! command -v zpool")
    # The lab's kernel is none of Debian's.
    unknown = fleet.role("system_zfs", "offsite", check=True, fails=True)
    assert "name those that build the module for it in system_zfs_module_packages" in unknown.failures["offsite"]
    play = fleet.role("system_zfs", "offsite", check=True, system_zfs_module_packages=["linux-headers-amd64", "zfs-dkms"])
    assert re.search("would install zfsutils-linux, zfs-zed, linux-headers-.*, zfs-dkms;", play.output), play.output
    assert "zpool create offsitepool /dev/ubdb" in play.output
    assert "zfs create -o canmount=off offsitepool/backups" in play.output
