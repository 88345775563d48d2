"""Somebody who crosses the road into which the ego turns: a bicycle, and a walker from the outer side of the turn."""

import math

import numpy as np
import pytest
from passing_support import built, in_frame
from roadside_support import arrival_s, crossing, driven_m, set_off, tick_of
from scenario_support import Bench, ahead, autopilot, blind, drive, lane, make_stage, scenario

from lead.routes.planner import RoutePlanner
from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.roadside import roadside
from lead.scenarios.lane_tools import shifted
from lead.scenarios.messages import LeaveCrossingSpace
from lead.scoring.penalties import EventType

TURNS = {
    "left": ((88.4, 145.0), (180.0, 199.0)),
    "right": ((334.8, 140.0), (275.0, 195.0)),
}
"""In Town01: 40 m before a junction, and some way after the turn; roads with one lane per direction and sidewalks."""


@pytest.fixture
def turn(town):
    session = town("Town01")
    return lambda side: (session, [lane(session.map, *place) for place in TURNS[side]])


def turning(turn, kind, ego, **options):
    session, places = turn("left")
    return drive(session, places, [scenario(kind, ahead(places[0], 10.0))], ego=ego, max_s=80.0, **options)


def on_turn(bench: Bench, places):
    """Give a bench the route of a turn instead of the one straight ahead."""
    keypoints = np.array([(each.transform.location.x, each.transform.location.y, 0.0) for each in places])
    bench.stage.dense = RoutePlanner(bench.stage.map).trace(keypoints)
    return bench


def xyz(location):
    return (location.x, location.y, location.z)


# -- VehicleTurningRoute ---------------------------------------------------------------------------------------------


def test_a_bicycle_crosses_after_the_turn_and_a_driver_that_looks_waits(turn):
    name = "VehicleTurningRoute_1"
    result = turning(turn, "VehicleTurningRoute", autopilot)
    assert result.completed_percent == 100.0
    assert not result.events
    (bicycle,) = result.actors("vehicle.diamondback.century", role="scenario")
    posted = tick_of(result, LeaveCrossingSpace)
    conflict = result.posted(LeaveCrossingSpace)[0].waypoint
    entry, place = conflict, conflict.transform
    while not entry.is_junction:
        entry = entry.previous(0.1)[0]
    assert entry.transform.location.distance(place.location) == pytest.approx(11.0, abs=1.2)
    is_late = set_off(result, place.location, 1.8, 6.0, result.phases[name].triggered)
    assert is_late == posted
    assert arrival_s(result, posted, place.location) < 1.8

    before = [motion for index, motion in result.track(bicycle) if index < posted]
    assert max(motion.speed_mps for motion in before) < 0.05, "it stands until then"
    way = crossing(result, bicycle, name, place.rotation.yaw)
    forward_m, right_m, _ = in_frame(place, way.start)
    assert forward_m == pytest.approx(0.0, abs=0.1)
    beside = roadside(conflict, left=False).waypoint.transform.location
    assert right_m == pytest.approx(in_frame(place, xyz(beside))[1], abs=0.1)
    assert way.first - posted in (1, 2)
    assert way.speed_mps == pytest.approx(1.8, abs=0.15)
    assert way.course_deg == pytest.approx(270.0, abs=1.5)
    assert way.length_m == pytest.approx(2.0 * right_m, abs=0.4), "to the other side of the road"
    assert result.track(bicycle)[-1][0] + 1 == way.last, "then it vanishes"
    assert driven_m(result, way.last + 1, result.phases[name].ended) == pytest.approx(40.0, abs=1.0)


@pytest.mark.slow
def test_a_blind_driver_hits_the_bicycle(turn):
    result = turning(turn, "VehicleTurningRoute", blind(8.0))
    assert EventType.COLLISION_VEHICLE in result.event_types


def test_an_occupied_place_is_left_for_one_farther_on(turn):
    session, places = turn("right")
    config = scenario("VehicleTurningRoute", ahead(places[0], 10.0))
    with make_stage(session, places[0]) as bench:
        on_turn(bench, places)
        first, _ = built(bench, config)
        first.close()
        bench.step(2)
        assert bench.stage.pool.spawn(ActorModel("vehicle.diamondback.century"), first._pose) is not None
        second, _ = built(bench, config, 1)
        moved_m = second._conflict.transform.location.distance(first._conflict.transform.location)
        assert moved_m == pytest.approx(0.4 * round(moved_m / 0.4), abs=0.05)
        assert 0.3 < moved_m < 2.1
        assert second._actor.get_control().hand_brake
        assert second.record.memory["pedestrian_moved"] == {second._actor.id: False}


def test_a_place_that_stays_occupied_leaves_the_scenario_out(turn):
    session, places = turn("right")
    config = scenario("VehicleTurningRoute", ahead(places[0], 10.0))
    with make_stage(session, places[0]) as bench:
        on_turn(bench, places)
        first, _ = built(bench, config)
        first.close()
        bench.step(2)
        along = shifted(
            first._conflict.transform, right_m=in_frame(first._conflict.transform, xyz(first._pose.location))[1]
        )
        for forward_m in (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0):
            place = shifted(along, forward_m=forward_m, up_m=1.2)
            bench.stage.pool.spawn(ActorModel("walker.pedestrian.0001"), place)
        with pytest.raises(ScenarioError, match="something stands there"):
            built(bench, config, 1)


# -- VehicleTurningRoutePedestrian -----------------------------------------------------------------------------------


def test_a_walker_crosses_right_after_the_turn(turn):
    name = "VehicleTurningRoutePedestrian_1"
    result = turning(turn, "VehicleTurningRoutePedestrian", autopilot)
    assert result.completed_percent == 100.0
    assert not result.events
    (walker,) = result.actors("walker", role="scenario")
    posted = tick_of(result, LeaveCrossingSpace)
    conflict = result.posted(LeaveCrossingSpace)[0].waypoint
    place = conflict.transform
    assert conflict.previous(2.0)[0].is_junction
    assert set_off(result, place.location, 2.2, 6.0, result.phases[name].triggered + 2) == posted
    way = crossing(result, walker, name, place.rotation.yaw)
    assert way.first - posted in (1, 2)
    sides = [roadside(conflict, left).waypoint.transform.location for left in (False, True)]
    assert math.hypot(way.start[0] - sides[0].x, way.start[1] - sides[0].y) < 0.1, "after a left turn from the right"
    assert way.speed_mps == pytest.approx(1.8, abs=0.02)
    assert way.course_deg == pytest.approx(270.0, abs=1.0)
    assert way.length_m == pytest.approx(sides[0].distance(sides[1]), abs=0.3), "over the whole road"
    assert result.track(walker)[-1][0] + 1 == way.last, "then he vanishes"
    assert driven_m(result, way.last + 1, result.phases[name].ended) == pytest.approx(40.0, abs=1.0)


@pytest.mark.slow
def test_a_blind_driver_hits_the_walker(turn):
    result = turning(turn, "VehicleTurningRoutePedestrian", blind(8.0))
    assert EventType.COLLISION_PEDESTRIAN in result.event_types


def test_after_a_right_turn_he_comes_from_the_left(turn):
    session, places = turn("right")
    with make_stage(session, places[0]) as bench:
        on_turn(bench, places)
        config = scenario("VehicleTurningRoutePedestrian", ahead(places[0], 10.0), walker="walker.pedestrian.0030")
        built_one, _ = built(bench, config)
        place = built_one._conflict.transform
        assert in_frame(place, xyz(built_one._pose.location))[1] < -5.0
        assert (built_one._pose.rotation.yaw - place.rotation.yaw) % 360.0 == pytest.approx(90.0, abs=1.0)
        assert built_one._actor.type_id == "walker.pedestrian.0030"


def test_a_route_without_a_turn_has_no_crossing(turn):
    session, places = turn("right")
    with make_stage(session, places[0], route_m=20.0) as bench, pytest.raises(ScenarioError, match="no junction"):
        built(bench, scenario("VehicleTurningRoutePedestrian", ahead(places[0], 10.0)))
