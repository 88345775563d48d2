"""Surroundings and a back end for the tests of this room, made once per session."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scenery_support import Surroundings, surroundings_of

from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.select import choose_backend
from lead.simulator.scenery.faces import build_atlas


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Surroundings]:
    """Surroundings of a town by name; skips the test if it is not installed."""
    cache = tmp_path_factory.mktemp("cache")
    made: dict[str, Surroundings] = {}

    def take(name: str) -> Surroundings:
        if name not in made:
            made[name] = surroundings_of(name, cache)
        return made[name]

    return take


@pytest.fixture(scope="session")
def embree() -> Iterator[Backend]:
    """The back end for the CPU, with the printed faces and an empty scene; tests take away what they show."""
    backend = choose_backend("embree")
    backend.set_atlas(build_atlas())
    yield backend
    backend.close()
