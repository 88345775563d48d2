"""The first fifty metres of every public benchmark route outside the largest town are driven, none leaves an actor."""

import logging

import pytest
from public_drive_support import LARGEST, SHARED, failures, public_routes

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)
SMALL = ("Town01", "Town02", "Town05", "Town10HD")


@pytest.mark.slow
def test_a_route_in_each_of_some_small_towns(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    items = [next(item for item in public_routes() if item[2].town == town) for town in SMALL]
    assert failures(items, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_route_outside_the_largest_town(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    items = [item for item in public_routes() if item[2].town != LARGEST]
    found = failures(items, tmp_path)
    assert not found, f"{len(found)} of {len(items)} routes fail:\n" + "\n".join(found)
