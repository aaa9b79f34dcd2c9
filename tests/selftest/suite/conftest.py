"""How are the life's tests run? Each in one process, and again with two workers."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[(), ("-n", "2")], ids=["serial", "two_workers"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options of pytest under which the small suite is run."""
    return request.param
