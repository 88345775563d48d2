"""Towns for the recorder tests, which need several worlds of the same one."""

from __future__ import annotations

from functools import cache

import pytest

from lead.maps.compiled import CompiledMap
from lead.maps.towns import installed_towns
from lead.simulator.server import load_town


@cache
def compiled(name: str) -> CompiledMap:
    """A town's compiled map; skips the test where the town is not installed."""
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")
    return load_town(name)
