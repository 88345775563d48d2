"""Fail2Drive's construction sites: a worker who steps out, incomplete sites, and sites beside the ego's lane."""

import numpy as np
import pytest
from passing_support import built, in_frame, passing
from roadside_support import crossing, distance_m
from scenario_support import ahead, blind, drive, lane, make_stage, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.construction import site_poses
from lead.scenarios.lane_tools import next_waypoint
from lead.scenarios.messages import (
    ChangeOppositeBehavior,
    ChangeRoadBehavior,
    ReAddRoadLane,
    RemoveRoadLane,
    SetMaxSpeed,
)
from lead.scoring.penalties import EventType

RUN_UP_M, DISTANCE_M = 30.0, 60.0
CONE = "static.prop.constructioncone"


@pytest.fixture
def highway(town):
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 170.0)]


@pytest.fixture
def street(town):
    session = town("Town01")
    trigger = lane(session.map, 2.0, 275.0)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 150.0)]


# -- ConstructionObstaclePedestrian ----------------------------------------------------------------------------------


def test_a_worker_steps_out_of_the_site_and_a_driver_that_knows_waits(highway):
    session, trigger, places = highway
    config = scenario(
        "ConstructionObstaclePedestrian", trigger, distance=50, speed=30, pedestrian="walker.pedestrian.0013"
    )
    ego = passing((RUN_UP_M + 25.0, RUN_UP_M + 85.0), -3.6, 8.0, 1.4)
    done = drive(session, places, [config], ego=ego, max_s=30.0)
    name = "ConstructionObstaclePedestrian_1"
    site = next_waypoint(done.scenario_of[name].trigger_waypoint, 50.0)
    (worker,) = done.actors("walker.pedestrian.0013")
    assert done.messages[0][1] == ChangeRoadBehavior(0, 0, 200.0, 200.0)
    assert SetMaxSpeed(1.0) in done.posted(SetMaxSpeed), "whatever the file says"
    done.phases[name].triggered += 15  # the props of the site come up one by one, and the worker after them
    way = crossing(done, worker, name, site.transform.rotation.yaw)
    conflict = site.get_left_lane().transform.location
    assert distance_m(done, way.first - 1, conflict) < max(6.2, 1.6 * done.ticks[way.first - 2].ego.speed_mps)
    assert in_frame(site.transform, way.start)[:2] == pytest.approx((0.0, 0.0), abs=0.1)
    assert way.course_deg == pytest.approx(270.0, abs=1.0)
    assert way.speed_mps == pytest.approx(2.0, abs=0.05)
    assert way.length_m == pytest.approx(8.0, abs=0.25)
    assert done.track(worker)[-1][0] < len(done.ticks) - 20, "the worker is gone, the site is not"
    assert len(done.actors(CONE)) == 7
    assert done.scenario_of[name].record.name == "ConstructionObstacle"
    assert not done.events


@pytest.mark.slow
def test_a_driver_that_does_not_look_hits_the_worker(highway):
    session, trigger, places = highway
    config = scenario("ConstructionObstaclePedestrian", trigger, distance=50, direction="left")
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 20.0, RUN_UP_M + 80.0), 3.6, 10.0), max_s=20.0)
    assert EventType.COLLISION_PEDESTRIAN in done.event_types


# -- PermutedConstructionObstacle ------------------------------------------------------------------------------------


def test_incomplete_site_keeps_some_cones_below_the_ground(highway):
    session, trigger, places = highway
    config = scenario(
        "PermutedConstructionObstacle", trigger, distance=50, warning_sign="static.prop.streetbarrier", debris="none",
        cones="0000111", speed=40,
    )  # fmt: skip
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 25.0, RUN_UP_M + 80.0), -3.6), max_s=30.0)
    name = "PermutedConstructionObstacle_1"
    made, phases = done.scenario_of[name], done.phases[name]
    site = next_waypoint(made.trigger_waypoint, 50.0).transform
    sign, barrier, *cones = done.actors()
    assert [done.kinds[each].type_id for each in (sign, barrier)] == [
        "static.prop.warningconstruction",
        "static.prop.streetbarrier",
    ]
    heights = [in_frame(site, dict(done.track(cone))[phases.triggered + 20].xyz)[2] for cone in cones]
    assert np.allclose(heights[:4], -200.0, atol=0.5) and np.allclose(heights[4:], 0.0, atol=0.2)
    laid_out = site_poses(site, trigger.lane_width / 2.0, left=False)
    assert in_frame(site, dict(done.track(barrier))[phases.triggered + 20].xyz)[0] == pytest.approx(-5.0, abs=0.05)
    assert len(laid_out) == 9
    assert done.posted(SetMaxSpeed) == [SetMaxSpeed(40.0), SetMaxSpeed(0.0)]
    assert [actor.id for actor in made.record.memory["obstacles"]] == [barrier, *cones[4:]]
    assert not done.events


def test_incomplete_site_on_a_street(street):
    session, trigger, places = street
    config = scenario("PermutedConstructionObstacleTwoWays", trigger, distance=40, cones="0000000", frequency=(40, 40))
    done = drive(session, places, [config], ego=blind(9.0), max_s=12.0)
    assert EventType.COLLISION_STATIC in done.event_types
    assert done.scenario_of["PermutedConstructionObstacleTwoWays_1"].record.name == "ConstructionObstacleTwoWays"


@pytest.mark.parametrize("cones", ["111111", "11111112", "abcdefg"])
def test_wrong_cones_are_refused(street, cones):
    session, trigger, _ = street
    with (
        make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench,
        pytest.raises(ScenarioError, match="not 7 characters"),
    ):
        built(bench, scenario("PermutedConstructionObstacle", trigger, cones=cones, distance=40))


# -- beside the lane -------------------------------------------------------------------------------------------------


def test_site_on_the_right_is_simply_passed(highway):
    session, trigger, places = highway
    config = scenario("ConstructionObstacleRightLane", trigger, distance=50, y_offset=0.25)
    done = drive(session, places, [config], ego=blind(12.0), max_s=30.0)
    made = done.scenario_of["ConstructionObstacleRightLane_1"]
    assert len(done.actors()) == 9, "no sign"
    barrier = made._props[0][1].location
    right_m = in_frame(next_waypoint(made.trigger_waypoint, 50.0).transform, (barrier.x, barrier.y, barrier.z))[1]
    assert right_m == pytest.approx(trigger.lane_width + 0.35, abs=0.05)
    assert done.posted(RemoveRoadLane)[0].waypoint.lane_id == trigger.get_right_lane().lane_id
    assert done.posted(ReAddRoadLane) == [ReAddRoadLane(1)]
    assert not made.is_shown and len(made.claimed) == 1
    assert done.phases["ConstructionObstacleRightLane_1"].ended is not None
    assert not done.events


@pytest.mark.slow
def test_ego_on_the_lane_of_the_site_hits_it(highway):
    session, trigger, places = highway
    config = scenario("ConstructionObstacleRightLane", trigger, distance=50)
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 10.0, RUN_UP_M + 90.0), 3.6, 10.0), max_s=12.0)
    assert EventType.COLLISION_STATIC in done.event_types


def test_site_on_the_opposite_lane_keeps_everybody_away(street):
    session, trigger, places = street
    config = scenario("ConstructionObstacleOppositeLane", trigger, distance=50)
    done = drive(session, places, [config], ego=blind(10.0), max_s=30.0)
    made = done.scenario_of["ConstructionObstacleOppositeLane_1"]
    opposite = next_waypoint(made.trigger_waypoint, 50.0).get_left_lane().transform
    cone = made._props[-1][1]
    assert in_frame(opposite, (cone.location.x, cone.location.y, cone.location.z))[0] == pytest.approx(8.0, abs=0.05)
    assert [message.active for message in done.posted(ChangeOppositeBehavior)] == [False, True]
    assert not made.is_shown
    assert not done.events


@pytest.mark.slow
def test_ego_on_the_opposite_lane_hits_the_site(street):
    session, trigger, places = street
    config = scenario("ConstructionObstacleOppositeLane", trigger, distance=50)
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 10.0, RUN_UP_M + 90.0), -4.0, 10.0), max_s=12.0)
    assert EventType.COLLISION_STATIC in done.event_types


def test_no_site_on_a_lane_of_the_same_direction(highway):
    session, trigger, _ = highway
    with (
        make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench,
        pytest.raises(ScenarioError, match="none for oncoming cars"),
    ):
        built(bench, scenario("ConstructionObstacleOppositeLane", trigger, distance=100))
