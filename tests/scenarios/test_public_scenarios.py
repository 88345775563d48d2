"""Every scenario of the public routes outside the two largest towns is built, triggered and taken down."""

import logging

import pytest
from public_scenario_support import LARGE, SHARED, check, one_per_class, public_items, sweep

from lead.scenarios.traffic import make_traffic

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)
QUICK = ("Town02", "Town10HD")


@pytest.mark.slow
def test_scenarios_of_a_route_in_each_of_two_small_towns(caplog):
    caplog.set_level(logging.CRITICAL)
    items = [item for item in public_items() if item.rules == "bench2drive"]
    tally = sweep([next(item for item in items if item.route.town == town) for town in QUICK])
    assert not tally.failures and not tally.left_out, tally.table()
    assert sum(count["triggered"] for count in tally.counts.values()) == len(QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_route_of_every_class_among_background_traffic(caplog):
    caplog.set_level(logging.CRITICAL)
    items = [item for item in public_items() if item.route.town not in LARGE and item.rules == "bench2drive"]
    tally = sweep(one_per_class(items), make_traffic)
    assert not tally.failures and not tally.left_out, tally.table()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_scenarios_of_every_route_outside_the_largest_towns(caplog):
    caplog.set_level(logging.CRITICAL)
    check(sweep(item for item in public_items() if item.route.town not in LARGE), "")
