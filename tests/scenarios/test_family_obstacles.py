"""Accidents and parked cars in the ego's lane, with a second lane beside it or only the opposite one."""

from itertools import pairwise

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing, seconds_between
from scenario_support import ahead, blind, drive, lane, make_stage, scenario, standing

from lead.scenarios.lane_tools import forward
from lead.scenarios.messages import ChangeOppositeBehavior, LeaveSpaceInFront, SetMaxSpeed
from lead.scoring.penalties import EventType

DISTANCE_M, RUN_UP_M = 60.0, 30.0
LIGHTS = carla.VehicleLightState
HAZARD = LIGHTS.RightBlinker | LIGHTS.LeftBlinker | LIGHTS.Position
POLICE = LIGHTS.Special1 | LIGHTS.Special2 | LIGHTS.Position


@pytest.fixture
def highway(town):
    """Session, trigger on the second lane from the right of a motorway, and key points along it."""
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 200.0)]


@pytest.fixture
def street(town):
    """The same on a straight street with one lane per direction."""
    session = town("Town01")
    trigger = lane(session.map, 2.0, 275.0)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 170.0)]


def watch_lights(found):
    """Note the lights of all cars after half a second; never ends the drive."""

    def look(drive):
        if len(drive.ticks) == 10:
            vehicles = [kind.actor for kind in drive.kinds.values() if kind.type_id.startswith("vehicle.")]
            found.extend(int(vehicle.get_light_state()) for vehicle in vehicles)
        return False

    return look


def check_course(done, name, near, end):
    """The ego's wait begins 50 m before ``near`` and lasts 5 s; the scenario ends beyond ``end``."""
    phases = done.phases[name]
    egos = [tick.ego.xyz for tick in done.ticks]
    first_near = next(
        number for number, xyz in enumerate(egos, 1) if np.linalg.norm(np.subtract(xyz, (near.x, near.y, near.z))) < 50
    )
    eased = next(tick for tick, message in done.messages if isinstance(message, SetMaxSpeed | ChangeOppositeBehavior))
    assert 5.0 < seconds_between(done, first_near, eased) < 5.15
    assert in_frame(end, egos[phases.ended - 1])[0] > 0.0 >= in_frame(end, egos[phases.ended - 2])[0]
    assert done.switches[1][:2] == (phases.triggered, True), "standing is not judged while the scenario lasts"
    assert done.switches[-1] == (phases.ended, False, True)
    assert done.messages[0][0] == phases.triggered
    assert {tick for tick, _ in done.messages} == {phases.triggered, eased, phases.ended}
    assert done.completed_percent == 100.0


def check_standing(done, actors, places, shift_m):
    """Actors stand at places on the lane, pushed aside, with their wheels on the ground."""
    for actor, place in zip(actors, places, strict=True):
        track = [motion for _, motion in done.track(actor)]
        for motion in (track[10], track[-1]):
            ahead_m, right_m, up_m = in_frame(place.transform, motion.xyz)
            assert (ahead_m, right_m) == pytest.approx((0.0, shift_m), abs=0.05)
            assert abs(up_m) < 0.1
        assert max(motion.speed_mps for motion in track[10:]) < 0.1


@pytest.mark.slow
def test_accident_is_passed_on_the_lane_beside(highway):
    session, trigger, places = highway
    lights = []
    config = scenario("Accident", trigger, distance=DISTANCE_M, speed=40)
    ego = passing((RUN_UP_M + 35.0, RUN_UP_M + 100.0), -3.5)
    done = drive(session, places, [config], ego=ego, until=watch_lights(lights))
    trigger = done.scenario_of["Accident_1"].trigger_waypoint
    police = forward(trigger, DISTANCE_M)[0]
    first = forward(police, 10.0)[0]
    second = forward(first, 6.0)[0]
    sign, *cars = done.actors()
    check_standing(done, cars, [police, first, second], 0.6 * 3.5 / 2.0)
    assert [done.kinds[car].role_name for car in cars] == ["scenario", "scenario no lights", "scenario no lights"]
    assert done.kinds[cars[0]].type_id == "vehicle.dodge.charger_police_2020"
    assert {done.kinds[car].attributes["base_type"] for car in cars[1:]} == {"car"}
    assert lights == [int(POLICE), 0, 0]
    check_course(done, "Accident_1", first.transform.location, forward(second, 50.0)[0].transform)
    assert [message for _, message in done.messages] == [LeaveSpaceInFront(96.0), SetMaxSpeed(40.0), SetMaxSpeed(0.0)]
    assert done.kinds[sign].type_id == "static.prop.warningaccident"
    ahead_m, right_m, up_m = in_frame(trigger.transform, done.track(sign)[-1][1].xyz)
    assert (ahead_m, right_m, up_m) == pytest.approx((0.0, 2 * 3.5 + 0.3 * 3.5, 0.2), abs=0.1)
    assert (done.track(sign)[-1][1].yaw_deg - trigger.transform.rotation.yaw) % 360.0 == pytest.approx(90.0, abs=0.1)
    assert not done.events


def test_accident_record_tells_experts_what_lies_where(highway):
    session, trigger, _ = highway
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        made, _ = built(bench, scenario("Accident", trigger, distance=DISTANCE_M, direction="left"))
        record, cars = made.record, made.actors[1:]
        assert (record.first_actor.id, record.last_actor.id) == (cars[0].id, cars[-1].id)
        assert [car.id for car in record.memory["obstacles"]] == [car.id for car in cars]
        assert record.memory["direction"] == "left"
        assert record.memory["source_lane"].lane_id == -3
        assert record.memory["target_lane"].lane_id == -4
        assert record.memory["changed_route"] is False
        made.close()


@pytest.mark.parametrize("kind", ["Accident", "ParkedObstacle"])
def test_ego_that_does_not_look_hits_it(highway, kind):
    session, trigger, places = highway
    done = drive(session, places, [scenario(kind, trigger, distance=DISTANCE_M)], ego=blind(10.0), max_s=15.0)
    assert EventType.COLLISION_VEHICLE in done.event_types
    assert done.phases[f"{kind}_1"].ended is not None, "the scenario is cleaned up when the drive ends"


@pytest.mark.slow
def test_parked_car_with_hazard_lights_is_passed(highway):
    session, trigger, places = highway
    lights = []
    config = scenario("ParkedObstacle", trigger, distance=DISTANCE_M, direction="left")
    ego = passing((RUN_UP_M + 35.0, RUN_UP_M + 85.0), 3.5)
    done = drive(session, places, [config], ego=ego, until=watch_lights(lights))
    trigger = done.scenario_of["ParkedObstacle_1"].trigger_waypoint
    place = forward(trigger, DISTANCE_M)[0]
    sign, car = done.actors()
    check_standing(done, [car], [place], -0.7 * 3.5 / 2.0)
    assert (done.kinds[car].role_name, lights) == ("scenario no lights", [int(HAZARD)])
    check_course(done, "ParkedObstacle_1", place.transform.location, forward(place, 50.0)[0].transform)
    assert [message for _, message in done.messages] == [LeaveSpaceInFront(80.0), SetMaxSpeed(60.0), SetMaxSpeed(0.0)]
    assert in_frame(trigger.transform, done.track(sign)[0][1].xyz)[1] < -2.5 * 3.5, "the sign stands on that side"
    assert not done.events


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "space_m", "length_m", "cars"),
    [("AccidentTwoWays", 96.0, 16.0, 3), ("ParkedObstacleTwoWays", 80.0, 0.0, 1)],
)
def test_obstacle_is_passed_on_the_opposite_lane_between_oncoming_cars(street, kind, space_m, length_m, cars):
    session, trigger, places = street
    config = scenario(kind, trigger, distance=DISTANCE_M, frequency=(30, 60))
    # Slow enough that the ego still is in its lane when the wait is over.
    stretch_m = (RUN_UP_M + 42.0, RUN_UP_M + 75.0 + length_m)
    done = drive(session, places, [config], ego=passing(stretch_m, -3.2, 6.0, 10.0))
    trigger = done.scenario_of[f"{kind}_1"].trigger_waypoint
    place = forward(trigger, DISTANCE_M)[0]
    near = forward(place, 10.0)[0] if cars == 3 else place
    check_course(done, f"{kind}_1", near.transform.location, forward(place, length_m + 50.0)[0].transform)
    assert [message for _, message in done.messages] == [
        LeaveSpaceInFront(space_m),
        ChangeOppositeBehavior(active=False),
        ChangeOppositeBehavior(active=True),
    ]
    eased = done.messages[1][0]
    assert (eased, True, False) in done.switches, "the wrong direction is not judged from then on"
    flow = done.actors()[1 + cars :]
    assert flow and {done.kinds[car].role_name for car in flow} == {"scenario"}
    opposite = trigger.get_left_lane().transform
    for car in flow:
        moves = [motion for _, motion in done.track(car)]
        assert all(abs(in_frame(opposite, motion.xyz)[1]) < 0.5 for motion in moves), "they keep to the opposite lane"
        assert max(motion.speed_mps for motion in moves) > 3.0
    assert done.track(flow[0])[0][0] == eased, "the first appears in the tick in which the lane is opened"
    assert EventType.COLLISION_VEHICLE not in done.event_types


@pytest.mark.parametrize("kind", ["AccidentTwoWays", "ParkedObstacleTwoWays"])
def test_ego_that_does_not_look_hits_it_on_the_street(street, kind):
    session, trigger, places = street
    done = drive(session, places, [scenario(kind, trigger, distance=40)], ego=blind(10.0), max_s=12.0)
    assert EventType.COLLISION_VEHICLE in done.event_types


@pytest.mark.slow
def test_flow_cars_go_with_the_scenario_and_gaps_are_as_asked(street):
    session, trigger, places = street
    config = scenario("ParkedObstacleTwoWays", trigger, distance=DISTANCE_M, frequency=(30, 40))
    done = drive(session, places, [config], ego=standing(8.0, RUN_UP_M + 40.0), max_s=40.0)
    flow = done.actors()[2:]
    assert len(flow) >= 3
    for former, later in pairwise(flow):
        born = done.track(later)[0][0] - 1  # it was spawned after this tick, when the former was so far away
        gap_m = np.linalg.norm(np.subtract(done.ticks[born].actors[former].xyz, done.track(later)[0][1].xyz))
        assert 30.0 <= gap_m <= 42.0


@pytest.mark.parametrize(("distance_m", "direction"), [(30, "right"), (30, "left"), (180, "right"), (180, "left")])
@pytest.mark.parametrize("kind", ["Accident", "ParkedObstacle"])
def test_both_ends_of_the_parameters(highway, kind, distance_m, direction):
    session, trigger, _ = highway
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        made, tree = built(bench, scenario(kind, trigger, distance=distance_m, direction=direction, speed=30))
        place = made.record.first_actor.get_transform().location
        ahead_m, right_m, _ = in_frame(
            forward(made.trigger_waypoint, distance_m)[0].transform, (place.x, place.y, place.z)
        )
        assert abs(ahead_m) < 0.1
        assert np.sign(right_m) == (1.0 if direction == "right" else -1.0)
        tree.tick_once()
        assert isinstance(bench.messages[0], LeaveSpaceInFront)
        assert bench.messages[0].space_m >= distance_m + 20.0
        tree.stop()
        made.close()


@pytest.mark.slow
def test_ego_that_stands_too_long_runs_out_of_time(highway):
    session, trigger, places = highway
    config = scenario("ParkedObstacle", trigger, distance=DISTANCE_M)
    done = drive(session, places, [config], ego=standing(8.0, RUN_UP_M + 40.0), max_s=255.0)
    phases = done.phases["ParkedObstacle_1"]
    assert done.event_types == {EventType.SCENARIO_TIMEOUT}, "standing so long is not judged as well"
    assert 240.0 < seconds_between(done, phases.triggered, phases.ended) < 240.2
    assert done.posted(SetMaxSpeed)[-1] == SetMaxSpeed(0.0)
