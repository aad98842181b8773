"""The document that describes the API of zfs_monitor."""

import json
from pathlib import Path

from openapi_spec_validator import validate

DOCUMENT = json.loads((Path(__file__).resolve().parents[3] / "modules/zfs_monitor/openapi.json").read_text())


def test_it_is_what_the_standard_says() -> None:
    validate(DOCUMENT)


def test_paths_and_fields_of_zfs_api_are_there() -> None:
    """As the seeds' clients ask for them; `make generate` writes the document from the code."""
    fields = {
        "/api/v1/health": {"status", "service", "version", "timestamp"},
        "/api/v1/pools/{pool}": {"name", "health", "size_bytes", "allocated_bytes", "free_bytes", "capacity_percent", "fragmentation_percent", "size_human"},
        "/api/v1/datasets/{dataset}": {
            "name",
            "used_bytes",
            "available_bytes",
            "referenced_bytes",
            "mountpoint",
            "compression",
            "compression_ratio",
            "used_human",
        },
        "/api/v1/snapshots": {"hostname", "timestamp", "datasets", "summary", "alerts"},
        "/api/v1/snapshots/{dataset}": {"dataset", "snapshot_count", "total_used_bytes", "snapshots"},
        "/api/v1/backups": {"backups", "count"},
    }
    for path, wanted in fields.items():
        assert wanted <= properties(DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]), path


def properties(schema: dict) -> set[str]:
    if "$ref" in schema:
        return properties(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    inner = [properties(part) for part in schema.get("allOf", [])]
    return set(schema.get("properties", {})).union(*inner)
