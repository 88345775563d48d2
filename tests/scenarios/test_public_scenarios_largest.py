"""Every scenario of the public routes of the two largest towns is built, triggered and taken down."""

import logging

import pytest
from public_scenario_support import LARGE, SHARED, public_items, sweep

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes").exists(), reason="public route files (../shared) are not on this machine"
)
# Where the ego leaves a motorway, no lane lies beside the exit: CARLA's own scenario does not fit there, either.
LEFT_OUT = {"Town12": {("InterurbanActorFlow", "there is no driving lane to the left of (#, #, #)"): 3}}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("town", LARGE)
def test_scenarios_of_every_route_of_the_largest_towns(town, caplog):
    caplog.set_level(logging.CRITICAL)
    tally = sweep(item for item in public_items() if item.route.town == town)
    print(tally.table(), tally.summary(), sep="\n")
    assert not tally.failures, tally.table()
    assert tally.left_out_counts() == LEFT_OUT.get(town, {}), tally.table()
