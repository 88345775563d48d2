"""Towns for the tests of this room, compiled once per session."""

from __future__ import annotations

from collections.abc import Callable

import carla
import pytest

from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.towns import cache_dir, read_opendrive


@pytest.fixture(scope="session")
def town() -> Callable[[str], CompiledMap]:
    """Compiles a town by name; skips the test if it is not installed. Keeps one town at a time."""
    # Taken now: tests may point the cache elsewhere later.
    folder = cache_dir() / "towns"
    compiled: dict[str, CompiledMap] = {}

    def compile_town(name: str) -> CompiledMap:
        if name not in compiled:
            path = folder / f"{name}.xodr.gz"
            if not path.exists():
                pytest.skip(f"{name} is not installed: lead towns install {name}")
            compiled.clear()
            compiled[name] = compile_map(name, read_opendrive(path), use_cache=False)
        return compiled[name]

    return compile_town


@pytest.fixture(scope="session")
def client_map() -> Callable[[CompiledMap], carla.Map]:
    """The client's own map of a compiled town."""
    maps: dict[str, carla.Map] = {}

    def load(compiled: CompiledMap) -> carla.Map:
        if compiled.name not in maps:
            maps.clear()
            maps[compiled.name] = carla.Map(compiled.name, compiled.opendrive)
        return maps[compiled.name]

    return load
