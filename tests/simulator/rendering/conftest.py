"""Every back end that works on this machine, fresh for each test."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from lead.errors import LeadError
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.select import choose_backend


def opened(kind: str) -> Backend:
    """A back end; skips where the hardware or the wheel for it is missing, fails where it should work."""
    if kind == "embree" and importlib.util.find_spec("embreex") is None:
        pytest.skip("embreex has no wheel for this machine")
    try:
        return choose_backend(kind, threads=2)
    except LeadError as reason:
        if kind != "cuda":
            raise
        pytest.skip(str(reason))


@pytest.fixture(params=["embree", "cpu", "cuda"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each back end in turn, with nothing in its scene."""
    made = opened(request.param)
    yield made
    made.close()


@pytest.fixture
def one_backend() -> Iterator[Backend]:
    """The usual back end of this machine, for what all have in common."""
    made = choose_backend("auto", threads=2)
    yield made
    made.close()
