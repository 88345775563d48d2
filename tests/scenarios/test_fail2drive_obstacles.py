"""Fail2Drive's obstacles: badly parked vehicles, objects of the file, and roads with no way by."""

from dataclasses import replace

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing, seconds_between
from scenario_support import ahead, blind, drive, lane, make_stage, scenario, standing

from lead.routes.scenario_parameters import read_parameters
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import forward, next_waypoint
from lead.scenarios.messages import (
    ChangeOppositeBehavior,
    ChangeRoadBehavior,
    LeaveSpaceInFront,
    ReAddRoadLane,
    RemoveRoadLane,
    SetMaxSpeed,
)
from lead.scenarios.nodes.flows import OppositeActorFlow
from lead.scenarios.placed_objects import PlacedObject, read_objects
from lead.scenarios.stage import Stage
from lead.scoring.penalties import EventType

RUN_UP_M, DISTANCE_M = 30.0, 50.0
GNOMES = {
    "a": "id=static.prop.gnome x=1.0 yaw=90",
    "c": "id=static.prop.gnome x=-0.5 y=0.6",
    "b": "id=static.prop.gnome",
}


def listed(kind, trigger, name=None, objects=GNOMES, **parameters):
    """A scenario with free attributes, which other helpers cannot write."""
    config = scenario(kind, trigger, **parameters)
    return replace(config, name=name or config.name, parameters={**config.parameters, "objects": objects})


@pytest.fixture
def highway(town):
    """Session, trigger on the second lane from the right of a motorway, and key points along it."""
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 160.0)]


@pytest.fixture
def street(town):
    """The same on a straight street with one lane per direction."""
    session = town("Town01")
    trigger = lane(session.map, 2.0, 275.0)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 150.0)]


# -- BadParkingObstacle ----------------------------------------------------------------------------------------------


def test_badly_parked_car_comes_up_and_is_passed_on_the_lane_beside(highway):
    session, trigger, places = highway
    config = scenario(
        "BadParkingObstacle", trigger, vehicle="vehicle.ford.crown", x=2, y=1.0, yaw=30, distance=DISTANCE_M, speed=35
    )
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 25.0, RUN_UP_M + 85.0), -3.6))
    name = "BadParkingObstacle_1"
    made, phases = done.scenario_of[name], done.phases[name]
    (car,) = done.actors()
    assert done.kinds[car].type_id == "vehicle.ford.crown", "and no sign"
    place = forward(made.trigger_waypoint, DISTANCE_M)[0]
    track = dict(done.track(car))
    hidden, there = track[phases.triggered - 1], track[phases.triggered + 30]
    assert hidden.xyz[2] < place.transform.location.z - 190.0
    assert in_frame(place.transform, there.xyz)[:2] == pytest.approx((2.0, 1.0), abs=0.1)
    assert abs(there.xyz[2] - place.transform.location.z) < 0.5, "it has dropped to the road"
    assert (there.yaw_deg - place.transform.rotation.yaw) % 360.0 == pytest.approx(30.0, abs=1.0)
    assert done.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(DISTANCE_M + 20.0)]
    assert done.posted(SetMaxSpeed) == [SetMaxSpeed(35.0), SetMaxSpeed(0.0)]
    eased = done.messages[1][0]
    near = next(
        number
        for number, tick in enumerate(done.ticks, 1)
        if np.linalg.norm(np.subtract(tick.ego.xyz, there.xyz)) < 49.9
    )
    assert 4.9 < seconds_between(done, near, eased) < 5.3
    end = forward(place, 50.0)[0].transform
    assert in_frame(end, done.ticks[phases.ended - 1].ego.xyz)[0] > 0.0
    assert in_frame(end, done.ticks[phases.ended - 2].ego.xyz)[0] <= 0.0
    assert made.record.name == "ParkedObstacle" and made.record.memory["direction"] == "right"
    assert len(made.claimed) == 1
    assert not done.events


def test_badly_parked_car_on_a_street_sends_an_oncoming_flow(street):
    session, trigger, places = street
    config = scenario("BadParkingObstacleTwoWays", trigger, y=0, yaw=-160, distance=40, frequency=(30, 30))
    done = drive(session, places, [config], ego=standing(8.0, RUN_UP_M + 15.0), max_s=16.0)
    made = done.scenario_of["BadParkingObstacleTwoWays_1"]
    assert done.posted(ChangeOppositeBehavior)[0].active is False
    assert not done.posted(SetMaxSpeed)
    assert len(done.actors("vehicle.")) > 1, "a flow"
    assert made.record.name == "ParkedObstacleTwoWays"
    assert made.record.memory["path_clear"] is False


@pytest.mark.slow
def test_ego_that_does_not_look_hits_the_parked_car(street):
    session, trigger, places = street
    config = scenario("BadParkingObstacle", trigger, vehicle="vehicle.mercedes.sprinter", y=0.5, distance=40)
    done = drive(session, places, [config], ego=blind(10.0), max_s=12.0)
    assert EventType.COLLISION_VEHICLE in done.event_types


@pytest.mark.parametrize(("y_m", "yaw_deg", "direction"), [(-1.75, -160, "left"), (3, 180, "right")])
def test_both_ends_of_the_parking(highway, y_m, yaw_deg, direction):
    session, trigger, _ = highway
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        config = scenario("BadParkingObstacle", trigger, y=y_m, yaw=yaw_deg, distance=80, direction=direction)
        made, _ = built(bench, config)
        assert in_frame(forward(made.trigger_waypoint, 80.0)[0].transform, _xyz(made._pose))[1] == pytest.approx(
            y_m, abs=0.02
        )
        assert made._vehicle.get_control().hand_brake
        made.close()
        bench.step()


# -- CustomObstacle --------------------------------------------------------------------------------------------------


def test_objects_are_read_in_order_and_wrong_ones_are_named(street):
    trigger = street[1]
    found = read_objects(read_parameters(listed("CustomObstacle", trigger)))
    assert found[0] == PlacedObject("static.prop.gnome", x_m=1.0, yaw_deg=90.0)
    assert [each.x_m for each in found] == [1.0, -0.5, 0.0]
    for text, reason in (("x=1", "no id"), ("id=a x=b", "not a number"), ("id=a w=1", "unknown word 'w'")):
        with pytest.raises(ScenarioError, match=reason):
            read_objects(read_parameters(listed("CustomObstacle", trigger, objects={"a": text})))


def test_objects_fall_to_the_road_and_stay_after_the_scenario(highway):
    session, trigger, places = highway
    objects = {"a": "id=static.prop.gnome z=1", "b": "id=static.prop.bin x=1.5 y=0.5 roll=-90 z=0.4"}
    config = listed("CustomObstacle", trigger, objects=objects, distance=40, speed=45)
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 20.0, RUN_UP_M + 70.0), -3.6))
    name = "CustomObstacle_1"
    phases, site = done.phases[name], next_waypoint(done.scenario_of[name].trigger_waypoint, 40.0)
    gnome, waste = done.actors()
    there = dict(done.track(gnome))[phases.triggered + 30]
    assert in_frame(site.transform, there.xyz) == pytest.approx((0.0, 0.0, 0.0), abs=0.06)
    lying = dict(done.track(waste))[phases.triggered + 30]
    assert in_frame(site.transform, lying.xyz)[2] == pytest.approx(0.6382 / 2.0, abs=0.05), "on its side"
    assert done.track(gnome)[-1][0] == len(done.ticks) - 1 > phases.ended
    assert [type(message) for _, message in done.messages] == [RemoveRoadLane, SetMaxSpeed, SetMaxSpeed, ReAddRoadLane]
    made = done.scenario_of[name]
    assert made.record.name == "ConstructionObstacle"
    assert [made.record.first_actor.id, made.record.last_actor.id] == [gnome, waste]
    assert not done.events


def test_objects_beside_the_lane_are_not_shown_to_experts(street):
    session, trigger, _ = street
    beside = {"a": "id=static.prop.vendingmachine y=-2.5", "b": "id=static.prop.mailbox y=-1.15"}
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        label = "CustomObstacleTwoWays_PassableThing"
        made, _ = built(bench, listed("CustomObstacleTwoWays", trigger, label, beside, distance=80, frequency=(60, 60)))
        assert not made.is_shown
        made.close()
        bench.step()


def test_ego_that_does_not_look_hits_the_objects(street):
    session, trigger, places = street
    done = drive(session, places, [listed("CustomObstacleTwoWays", trigger, distance=40)], ego=blind(10.0), max_s=12.0)
    assert EventType.COLLISION_STATIC in done.event_types


# -- RoadBlocked -----------------------------------------------------------------------------------------------------


def test_road_opens_again_after_the_wait(street):
    session, trigger, places = street
    objects = {"a": "id=vehicle.carlamotors.firetruck yaw=70 z=1", "b": "id=static.prop.streetbarrier y=-3"}
    config = listed("RoadBlocked", trigger, objects=objects, distance=50, wait=12)
    done = drive(session, places, [config], ego=standing(8.0, RUN_UP_M + 20.0), max_s=24.0)
    phases = done.phases["RoadBlocked_1"]
    assert done.posted(ChangeRoadBehavior) == [ChangeRoadBehavior(0, 0, 200.0, 200.0)], "and it is not undone"
    assert done.posted(ChangeOppositeBehavior) == [ChangeOppositeBehavior(active=False)]
    truck, barrier = done.actors()
    assert seconds_between(done, phases.triggered, phases.ended) == pytest.approx(12.1, abs=0.2)
    assert done.track(truck)[-1][0] == done.track(barrier)[-1][0] == phases.ended - 1
    assert done.scenario_of["RoadBlocked_1"].record.name == "RoadBlocked"
    assert not done.events


@pytest.mark.slow
def test_ego_that_does_not_wait_hits_the_road_block(street):
    session, trigger, places = street
    wall = {
        "a": "id=static.prop.brickwall y=1 z=1.5 yaw=90 roll=90",
        "b": "id=static.prop.brickwall y=-3 z=1.5 yaw=90 roll=90",
    }
    done = drive(
        session, places, [listed("RoadBlocked", trigger, objects=wall, distance=50)], ego=blind(10.0), max_s=12.0
    )
    assert EventType.COLLISION_STATIC in done.event_types
    barriers = done.actors("static.prop.streetbarrier")
    assert len(barriers) == 6, "this simulator has no brick walls"
    site = next_waypoint(done.scenario_of["RoadBlocked_1"].trigger_waypoint, 50.0).transform
    across = sorted(in_frame(site, done.track(each)[-1][1].xyz)[1] for each in barriers)
    assert across[0] == pytest.approx(-4.3, abs=0.1) and across[-1] == pytest.approx(2.3, abs=0.1)
    assert max(np.diff(across)) < 1.5


def _xyz(pose: carla.Transform):
    return pose.location.x, pose.location.y, pose.location.z


# -- speed limits ----------------------------------------------------------------------------------------------------


def test_oncoming_flow_takes_its_speed_from_the_table_of_the_benchmark(street):
    session, trigger, _ = street
    with make_stage(session, trigger) as bench:
        asked = []

        def limit_kmh(place):
            asked.append(place)
            return 80.0

        stage = Stage(replace(bench.context, limit_at_kmh=limit_kmh))
        assert stage.ego_limit_kmh == 80.0
        assert asked[0] == pytest.approx(_xyz(stage.ego_transform))
        assert bench.stage.ego_limit_kmh == bench.stage.ego.get_speed_limit(), "elsewhere the ego vehicle knows"
        flow = OppositeActorFlow(stage, trigger.get_left_lane(), (30.0, 30.0))
        flow.initialise()
        source = flow._source.transform.location
        reach_m = source.distance(trigger.get_left_lane().transform.location)
        assert reach_m == pytest.approx(1.5 * 80.0 + 30.0, abs=2.0)
