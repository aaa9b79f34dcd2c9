"""Fixture `options`: a test of goldens that uses it runs in one process and again with two workers."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[(), ("-n", "2")], ids=["serial", "two_workers"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The pytest options of the small suite."""
    return request.param
