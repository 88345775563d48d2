"""Worlds for the simulator tests: real towns, compiled once per session."""

from __future__ import annotations

from functools import cache

import pytest

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.towns import installed_towns, read_opendrive
from lead.simulator.world.world import World


@cache
def compiled(name: str) -> CompiledMap:
    """A town's compiled map; skips the test where the town is not installed."""
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")
    return compile_map(name, read_opendrive(name))


@pytest.fixture
def town01() -> World:
    return World(compiled("Town01"))


@pytest.fixture
def town04() -> World:
    return World(compiled("Town04"))


@pytest.fixture
def town10() -> World:
    return World(compiled("Town10HD"))
