"""The first fifty metres of every public benchmark route of the largest town are driven, none leaves an actor."""

import logging

import pytest
from public_drive_support import LARGEST, SHARED, failures, public_routes

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)
PARTS = 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_route_of_the_largest_town(part, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    items = [item for item in public_routes() if item[2].town == LARGEST][part::PARTS]
    found = failures(items, tmp_path)
    assert not found, f"{len(found)} of {len(items)} routes fail:\n" + "\n".join(found)
