"""Reports for the tests of the outputs, made once."""

from __future__ import annotations

import pytest
import samples

from auditkit.report_data import Report


@pytest.fixture(scope="session")
def report() -> Report:
    return samples.sample()


@pytest.fixture(scope="session")
def hostile() -> Report:
    return samples.hostile()


@pytest.fixture(scope="session")
def empty() -> Report:
    return samples.empty()
