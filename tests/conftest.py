"""With FERRO_STRICT=1, as in continuous integration, a test that would be skipped fails: there it has all that it needs."""

import os
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("FERRO_STRICT") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and FERRO_STRICT=1 allows no skips: {report.longrepr}"
    return report
