# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of all modules. Generated from their Rust types by `make generate`; do not edit."""

# No module runs on a target as Python, but ansible-test of 2.16 holds stubs to Python 2.7.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

SPECS = {
    "zfs_delegate": {
        "argument_spec": {
            "dataset": {
                "type": "list",
                "elements": "str",
                "required": True,
            },
            "users": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "groups": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "everyone": {
                "type": "bool",
                "default": False,
            },
            "permissions": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "jobs": {
                "type": "list",
                "elements": "str",
                "choices": ["replicate_source", "replicate_target", "snapshot", "prune"],
                "default": [],
            },
            "scope": {
                "type": "str",
                "choices": ["both", "local", "descendents"],
                "default": "both",
            },
            "create_time": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "sets": {
                "type": "dict",
                "default": {},
            },
            "state": {
                "type": "str",
                "choices": ["present", "absent", "exact"],
                "default": "present",
            },
        },
    },
    "zfs_info": {
        "argument_spec": {
            "pools": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "parts": {
                "type": "list",
                "elements": "str",
                "choices": ["pools", "datasets", "snapshots", "jobs", "replication"],
                "default": ["pools", "datasets", "snapshots", "jobs", "replication"],
            },
            "datasets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "dataset": {
                        "type": "str",
                        "required": True,
                    },
                    "policy": {
                        "type": "str",
                        "required": True,
                    },
                    "snapshots_discover_children": {
                        "type": "bool",
                        "default": False,
                    },
                },
            },
            "policies": {
                "type": "dict",
            },
            "prefix": {
                "type": "str",
            },
            "frequently_minutes": {
                "type": "int",
            },
            "skip_unchanged": {
                "type": "bool",
            },
            "replicas": {
                "type": "list",
                "elements": "str",
            },
            "overdue_after": {
                "type": "int",
                "default": 2,
            },
            "job_max_age": {
                "type": "str",
                "default": "93600s",
            },
            "scrub_max_age": {
                "type": "str",
                "default": "3456000s",
            },
            "target_max_age": {
                "type": "str",
                "default": "259200s",
            },
            "capacity_warning": {
                "type": "int",
                "default": 85,
            },
            "capacity_critical": {
                "type": "int",
                "default": 95,
            },
            "timeout": {
                "type": "str",
                "default": "10s",
            },
            "listing_timeout": {
                "type": "str",
                "default": "600s",
            },
            "option_folder": {
                "type": "str",
                "default": "/etc/ferro-zfs",
            },
            "result_folder": {
                "type": "str",
                "default": "/var/lib/ferro-zfs",
            },
        },
        "required_by": {
            "policies": ["datasets"],
            "prefix": ["datasets"],
            "frequently_minutes": ["datasets"],
            "skip_unchanged": ["datasets"],
            "replicas": ["datasets"],
        },
    },
    "zfs_policy_snapshot": {
        "argument_spec": {
            "datasets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "dataset": {
                        "type": "str",
                        "required": True,
                    },
                    "policy": {
                        "type": "str",
                        "required": True,
                    },
                    "snapshots_discover_children": {
                        "type": "bool",
                        "default": False,
                    },
                },
                "required": True,
            },
            "policies": {
                "type": "dict",
                "default": {
                    "critical": {
                        "frequently": 0,
                        "hourly": 36,
                        "daily": 30,
                        "weekly": 0,
                        "monthly": 3,
                        "yearly": 5,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "high": {
                        "frequently": 0,
                        "hourly": 24,
                        "daily": 14,
                        "weekly": 0,
                        "monthly": 1,
                        "yearly": 1,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "low": {
                        "frequently": 0,
                        "hourly": 3,
                        "daily": 7,
                        "weekly": 0,
                        "monthly": 1,
                        "yearly": 0,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "none": {
                        "frequently": 0,
                        "hourly": 0,
                        "daily": 0,
                        "weekly": 0,
                        "monthly": 0,
                        "yearly": 0,
                        "autosnap": False,
                        "autoprune": False,
                    },
                },
            },
            "interval": {
                "type": "list",
                "elements": "str",
                "choices": ["due", "frequently", "hourly", "daily", "weekly", "monthly", "yearly"],
                "default": ["due"],
            },
            "frequently_minutes": {
                "type": "int",
                "default": 15,
            },
            "prefix": {
                "type": "str",
                "default": "autosnap",
            },
            "utc": {
                "type": "bool",
                "default": False,
            },
            "skip_unchanged": {
                "type": "bool",
                "default": False,
            },
            "snapshot_replicas": {
                "type": "bool",
                "default": False,
            },
            "on_missing": {
                "type": "str",
                "choices": ["fail", "warn"],
                "default": "fail",
            },
            "hooks": {
                "type": "dict",
                "default": {},
            },
        },
    },
    "zfs_prune": {
        "argument_spec": {
            "datasets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "dataset": {
                        "type": "str",
                        "required": True,
                    },
                    "policy": {
                        "type": "str",
                        "required": True,
                    },
                    "snapshots_discover_children": {
                        "type": "bool",
                        "default": False,
                    },
                },
                "required": True,
            },
            "policies": {
                "type": "dict",
                "default": {
                    "critical": {
                        "frequently": 0,
                        "hourly": 36,
                        "daily": 30,
                        "weekly": 0,
                        "monthly": 3,
                        "yearly": 5,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "high": {
                        "frequently": 0,
                        "hourly": 24,
                        "daily": 14,
                        "weekly": 0,
                        "monthly": 1,
                        "yearly": 1,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "low": {
                        "frequently": 0,
                        "hourly": 3,
                        "daily": 7,
                        "weekly": 0,
                        "monthly": 1,
                        "yearly": 0,
                        "autosnap": True,
                        "autoprune": True,
                    },
                    "none": {
                        "frequently": 0,
                        "hourly": 0,
                        "daily": 0,
                        "weekly": 0,
                        "monthly": 0,
                        "yearly": 0,
                        "autosnap": False,
                        "autoprune": False,
                    },
                },
            },
            "prefix": {
                "type": "str",
                "default": "autosnap",
            },
            "other_names": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "protect": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "keep_unreplicated": {
                "type": "bool",
                "default": False,
            },
            "keep_within": {
                "type": "str",
            },
            "replicas": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "trust_dates": {
                "type": "bool",
                "default": False,
            },
            "frequently_minutes": {
                "type": "int",
                "default": 15,
            },
            "max_destroy": {
                "type": "str",
            },
            "defer": {
                "type": "bool",
                "default": False,
            },
        },
    },
    "zfs_replicate": {
        "argument_spec": {
            "source": {
                "type": "list",
                "elements": "str",
                "required": True,
            },
            "target": {
                "type": "str",
                "required": True,
            },
            "source_host": {
                "type": "str",
            },
            "target_host": {
                "type": "str",
            },
            "ssh": {
                "type": "dict",
                "options": {
                    "port": {
                        "type": "int",
                    },
                    "identity_file": {
                        "type": "str",
                    },
                    "config_file": {
                        "type": "str",
                    },
                    "connect_timeout": {
                        "type": "int",
                    },
                    "become": {
                        "type": "str",
                        "choices": ["none", "sudo", "doas"],
                        "default": "none",
                    },
                    "options": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                },
            },
            "strip_prefix": {
                "type": "str",
            },
            "recursive": {
                "type": "bool",
                "default": True,
            },
            "children_only": {
                "type": "bool",
                "default": False,
            },
            "select": {
                "type": "dict",
                "options": {
                    "properties": {
                        "type": "list",
                        "elements": "str",
                        "default": ["ferro.zfs:replicate"],
                    },
                    "opt_in": {
                        "type": "bool",
                        "default": False,
                    },
                },
            },
            "exclude": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "snapshots": {
                "type": "dict",
                "options": {
                    "include": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                    "exclude": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                    "newest": {
                        "type": "int",
                    },
                    "since": {
                        "type": "str",
                    },
                },
            },
            "initial": {
                "type": "str",
                "choices": ["all", "latest"],
                "default": "all",
            },
            "intermediates": {
                "type": "bool",
                "default": True,
            },
            "clones": {
                "type": "str",
                "choices": ["auto", "keep", "whole"],
                "default": "auto",
            },
            "raw": {
                "type": "str",
                "choices": ["auto", "always", "never"],
                "default": "auto",
            },
            "send_flags": {
                "type": "dict",
                "options": {
                    "large_block": {
                        "type": "str",
                        "choices": ["auto", "always", "never"],
                        "default": "auto",
                    },
                    "compressed": {
                        "type": "str",
                        "choices": ["auto", "always", "never"],
                        "default": "auto",
                    },
                    "embedded": {
                        "type": "str",
                        "choices": ["auto", "always", "never"],
                        "default": "auto",
                    },
                },
            },
            "on_diverged": {
                "type": "str",
                "choices": ["fail", "rollback", "set_aside"],
                "default": "fail",
            },
            "receive_properties": {
                "type": "dict",
                "default": {
                    "canmount": "off",
                    "readonly": "on",
                },
            },
            "receive_exclude": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "send_properties": {
                "type": "bool",
                "default": False,
            },
            "require_encrypted_target": {
                "type": "bool",
                "default": False,
            },
            "placeholder_encryption": {
                "type": "str",
                "choices": ["inherit", "off"],
                "default": "inherit",
            },
            "bookmarks": {
                "type": "bool",
                "default": True,
            },
            "holds": {
                "type": "bool",
                "default": False,
            },
            "resume": {
                "type": "bool",
                "default": True,
            },
            "compress": {
                "type": "str",
                "choices": ["none", "zstd"],
                "default": "none",
            },
            "bandwidth_limit": {
                "type": "str",
            },
            "buffer_size": {
                "type": "str",
                "default": "32M",
            },
            "parallel": {
                "type": "int",
                "default": 1,
            },
            "retries": {
                "type": "int",
                "default": 2,
            },
            "retry_delay": {
                "type": "str",
                "default": "5s",
            },
            "stall_timeout": {
                "type": "str",
                "default": "600s",
            },
            "progress_file": {
                "type": "str",
            },
            "renamed": {
                "type": "str",
                "choices": ["report", "follow"],
                "default": "report",
            },
            "deleted_datasets": {
                "type": "str",
                "choices": ["keep", "report", "set_aside", "destroy"],
                "default": "report",
            },
            "deleted_after": {
                "type": "str",
                "default": "2592000s",
            },
            "max_delete": {
                "type": "int",
                "default": 10,
            },
            "lock": {
                "type": "str",
            },
            "on_locked": {
                "type": "str",
                "choices": ["fail", "skip", "wait"],
                "default": "fail",
            },
            "concurrency": {
                "type": "dict",
                "options": {
                    "folder": {
                        "type": "str",
                        "required": True,
                    },
                    "runs": {
                        "type": "int",
                        "required": True,
                    },
                    "patience": {
                        "type": "str",
                        "default": "3600s",
                    },
                },
            },
            "hooks": {
                "type": "dict",
                "options": {
                    "before": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                    "after": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                    "timeout": {
                        "type": "str",
                        "default": "60s",
                    },
                    "on_failure": {
                        "type": "str",
                        "choices": ["fail", "skip", "continue"],
                        "default": "fail",
                    },
                },
            },
        },
    },
    "zfs_verify": {
        "argument_spec": {
            "source": {
                "type": "list",
                "elements": "str",
                "required": True,
            },
            "target": {
                "type": "str",
                "required": True,
            },
            "source_host": {
                "type": "str",
            },
            "target_host": {
                "type": "str",
            },
            "ssh": {
                "type": "dict",
                "options": {
                    "port": {
                        "type": "int",
                    },
                    "identity_file": {
                        "type": "str",
                    },
                    "config_file": {
                        "type": "str",
                    },
                    "connect_timeout": {
                        "type": "int",
                    },
                    "become": {
                        "type": "str",
                        "choices": ["none", "sudo", "doas"],
                        "default": "none",
                    },
                    "options": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                },
            },
            "strip_prefix": {
                "type": "str",
            },
            "recursive": {
                "type": "bool",
                "default": True,
            },
            "children_only": {
                "type": "bool",
                "default": False,
            },
            "select": {
                "type": "dict",
                "options": {
                    "properties": {
                        "type": "list",
                        "elements": "str",
                        "default": ["ferro.zfs:replicate"],
                    },
                    "opt_in": {
                        "type": "bool",
                        "default": False,
                    },
                },
            },
            "exclude": {
                "type": "list",
                "elements": "str",
                "default": [],
            },
            "sample": {
                "type": "str",
            },
            "timeout": {
                "type": "str",
            },
            "state_file": {
                "type": "str",
            },
            "bandwidth_limit": {
                "type": "str",
            },
            "stall_timeout": {
                "type": "str",
                "default": "600s",
            },
        },
    },
}
