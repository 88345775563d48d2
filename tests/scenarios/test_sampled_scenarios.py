"""Sampled routes are driven: every scenario for which the sampler found a place is built, triggered and taken down."""

import pytest
from public_scenario_support import Item, sweep

from lead.maps.towns import installed_towns
from lead.routes.sampler.finders import leaderboard_names
from lead.routes.sampler.run import sample_towns
from lead.routes.sampler.sampler import Wishes
from lead.routes.scenario_classes import FAIL2DRIVE_CLASSES

QUICK = ("Accident", "ParkingCutIn", "VehicleTurningRoute", "SignalizedJunctionLeftTurn")


def driven(town, kinds, seed, lengths_m=(60.0, 200.0)):
    if town not in installed_towns():
        pytest.skip(f"{town} is not installed (lead towns install {town})")
    outcomes = sample_towns([town], kinds, Wishes(1, seed, lengths_m))
    items = [Item(route.id, "leaderboard", route) for outcome in outcomes for route in outcome.routes]
    tally = sweep(items)
    return len(items), tally


def check(count, tally):
    # That class makes red lights last longer, for good, as all published versions do.
    failures = [case for case in tally.failures if case[0] != "RedLightWithoutLeadVehicle" or "times" not in case[2]]
    assert not failures, tally.table()
    assert not tally.left_out, tally.table()
    for step in ("on the route", "built", "triggered"):
        assert sum(number[step] for number in tally.counts.values()) == count


def test_a_few_sampled_scenarios_take_place():
    count, tally = driven("Town03", QUICK, seed=6)
    assert count == len(QUICK)
    check(count, tally)


@pytest.mark.slow
@pytest.mark.parametrize("town", ["Town03", "Town04", "Town05"])
def test_sampled_scenarios_of_every_class_take_place(town):
    count, tally = driven(town, leaderboard_names(), seed=7)
    assert count >= 35
    check(count, tally)


@pytest.mark.slow
@pytest.mark.parametrize("town", ["Town03", "Town05"])
def test_sampled_scenarios_of_fail2drive_take_place(town):
    count, tally = driven(town, sorted(FAIL2DRIVE_CLASSES), seed=8)
    assert count >= 12
    check(count, tally)
