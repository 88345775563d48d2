"""Every scenario of the public routes of the two largest towns is built, triggered and taken down."""

import logging

import pytest
from public_scenario_support import LARGE, SHARED, check, public_items, sweep

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("town", LARGE)
def test_scenarios_of_every_route_of_the_largest_towns(town, caplog):
    caplog.set_level(logging.CRITICAL)
    check(sweep(item for item in public_items() if item.route.town == town), town)
