"""Every back end that works on this machine, fresh for each test; and a town whose scenery is made once a file."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from rendering_support import town_map

from lead.errors import LeadError
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.select import choose_backend
from lead.simulator.world.world import World


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


@pytest.fixture(scope="module")
def town() -> Iterator[World]:
    """Town02."""
    made = World(town_map("Town02"))
    yield made
    made.renderer.close()


@pytest.fixture
def world(town: World) -> Iterator[World]:
    """The town, without what the test put into it afterwards."""
    yield town
    for actor_id in sorted(town.actors, reverse=True):
        town.destroy(actor_id)
