"""Parking: a car that leaves its place in front of the ego, and an ego that begins between parked cars."""

import logging
from dataclasses import replace

import carla
import pytest
from passing_support import built, in_frame
from roadside_support import arrival_s, distance_m, driven_m
from scenario_support import (
    Blind,
    ahead,
    autopilot,
    blind,
    drive,
    lane,
    make_engine,
    make_stage,
    no_traffic,
    scenario,
    standing,
)

from lead.agents.autopilot import AutopilotAgent
from lead.scenarios.errors import ScenarioError
from lead.scenarios.messages import ChangeRoadBehavior, LeaveSpaceInFront
from lead.scoring.penalties import EventType
from lead.simulator.launch import LOOPBACK

ROAD = (152.0, 20.0)
"""In Town05: a long straight road with one lane per direction and a parking lane on each side."""


@pytest.fixture
def road(town):
    session = town("Town05")
    return session, lane(session.map, *ROAD)


def xyz(location):
    return (location.x, location.y, location.z)


# -- ParkingCutIn ----------------------------------------------------------------------------------------------------


def cut_in(road, ego):
    session, start = road
    config = scenario("ParkingCutIn", ahead(start, 20.0))
    return drive(session, [start, ahead(start, 110.0)], [config], ego=ego, max_s=60.0)


def parked_place(start, along_m, half_width_m):
    """Where a car parks: place and distance to the right of the middle of the parking lane."""
    parking = ahead(start, along_m).get_right_lane()
    assert parking.lane_type == carla.LaneType.Parking
    return parking.transform, 0.25 * (parking.lane_width - half_width_m)


def test_a_parked_car_cuts_in_and_a_driver_that_looks_brakes(road):
    start, name = road[1], "ParkingCutIn_1"
    result = cut_in(road, autopilot)
    assert result.completed_percent == 100.0
    assert not result.events
    assert result.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(45.0)]
    (first_tick, first), (last_tick, last) = [
        (tick, message) for tick, message in result.messages if isinstance(message, ChangeRoadBehavior)
    ]
    assert (first, last) == (ChangeRoadBehavior(extra_space_m=20.0), ChangeRoadBehavior(extra_space_m=0.0))
    conflict = ahead(start, 55.0).transform.location
    assert arrival_s(result, first_tick, conflict) < 2.35 <= arrival_s(result, first_tick - 1, conflict)

    (blocker,), (car,) = result.actors("vehicle", role="scenario no lights"), result.actors("vehicle", role="scenario")
    assert result.kinds[car].attributes["special_type"] == ""
    for number, along_m in ((blocker, 48.0), (car, 55.0)):
        place, outwards_m = parked_place(start, along_m, result.kinds[number].actor.bounding_box.extent.y)
        at_m = in_frame(place, result.ticks[first_tick - 2].actors[number].xyz)
        assert at_m[:2] == pytest.approx((0.0, outwards_m), abs=0.1)
    track = [motion for index, motion in result.track(car) if index + 1 >= first_tick]
    assert max(motion.speed_mps for motion in track) == pytest.approx(20.0 / 3.6, abs=0.4)
    assert min(abs(in_frame(start.transform, motion.xyz)[1]) for motion in track) < 0.5, "into the ego's lane"
    moved_m = in_frame(start.transform, track[-1].xyz)[0] - 55.0
    assert moved_m == pytest.approx(29.5, abs=1.0), "30 m along its way"
    assert result.track(blocker)[-1][0] == result.track(car)[-1][0] == last_tick - 1
    assert result.phases[name].ended == last_tick


@pytest.mark.slow
def test_a_blind_driver_hits_the_car_that_cuts_in(road):
    result = cut_in(road, blind(8.0))
    assert result.event_types == {EventType.COLLISION_VEHICLE}


def test_every_word_but_left_means_right(road):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("ParkingCutIn", start, direction=40))
        assert in_frame(start.transform, xyz(built_one._car.get_location()))[1] > 2.0
        assert built_one.record.memory == {"cut_in_vehicle": built_one._car, "stopped": False}
        assert built_one.record.first_actor is built_one._car
        assert len(built_one.claimed) == 2
        assert built_one._blocker.get_control().hand_brake
        assert not built_one._car.get_control().hand_brake


def test_cars_park_on_the_left_of_a_road_with_one_direction(town):
    session = town("Town15")
    start = session.map.get_waypoint_xodr(217, -3, 20.0)
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("ParkingCutIn", start, direction="left"))
        place = ahead(start, 35.0).get_left_lane()
        outwards_m = 0.25 * (place.lane_width - built_one._car.bounding_box.extent.y)
        at_m = in_frame(place.transform, xyz(built_one._car.get_location()))
        assert at_m[:2] == pytest.approx((0.0, -outwards_m), abs=0.2)


def test_without_a_lane_beside_the_road_there_is_no_cut_in(town):
    session = town("Town15")
    start = session.map.get_waypoint_xodr(217, -3, 20.0)
    edge = start
    while edge.get_left_lane() is not None:
        edge = edge.get_left_lane()
    with make_stage(session, start) as bench:
        config = scenario("ParkingCutIn", start, direction="left")
        built_one, _ = built(bench, config)
        built_one.trigger_waypoint = edge
        with pytest.raises(ScenarioError, match="no lane for parked cars"):
            built_one.build()


# -- ParkingExit -----------------------------------------------------------------------------------------------------


class Patient(AutopilotAgent):
    """Behaves, and waits for a time before it sets off."""

    def __init__(self, wait_s):
        super().__init__(LOOPBACK, 0)
        self._wait_s = wait_s

    def _target_speed(self, observation):
        return super()._target_speed(observation) if observation.time_s > self._wait_s else 0.0


class Straight(Blind):
    """Drives straight on."""

    def run_step(self, input_data, timestamp):
        control = super().run_step(input_data, timestamp)
        control.steer = 0.0
        return control


def leave(road, ego, **options):
    session, start = road
    config = scenario("ParkingExit", start, front_vehicle_distance=9, behind_vehicle_distance=9)
    return drive(session, [start, ahead(start, 70.0)], [config], ego=ego, max_s=60.0, **options)


def test_the_ego_leaves_its_parking_place_once_the_car_beside_it_is_gone(road):
    start, name = road[1], "ParkingExit_1"
    result = leave(road, lambda: Patient(9.5))
    assert result.completed_percent == 100.0
    assert not result.events
    assert result.phases[name].triggered == 1
    place, outwards_m = parked_place(start, 0.01, result.stage.ego.bounding_box.extent.y)
    assert in_frame(place, result.ticks[0].ego.xyz)[:2] == pytest.approx((0.0, outwards_m), abs=0.1)
    assert result.ticks[0].ego.yaw_deg == pytest.approx(start.transform.rotation.yaw, abs=0.5)

    parked, (side,) = result.actors("vehicle", role="scenario no lights"), result.actors("vehicle", role="scenario")
    for number, along_m in zip(parked, (9.0, -9.0), strict=True):
        spot = start.next(along_m)[0] if along_m > 0.0 else start.previous(-along_m)[0]
        outwards_m = 0.25 * (spot.get_right_lane().lane_width - result.kinds[number].actor.bounding_box.extent.y)
        at_m = in_frame(spot.get_right_lane().transform, result.track(number)[-1][1].xyz)
        assert at_m[:2] == pytest.approx((0.0, outwards_m), abs=0.1)
    assert distance_m(result, 1, start.transform.location) < 5.0
    track = result.track(side)
    assert in_frame(start.transform, track[0][1].xyz)[:2] == pytest.approx((0.0, 0.0), abs=0.2)
    buried = [index for index, motion in track if motion.xyz[2] < -400.0]
    driven = in_frame(start.transform, track[buried[0] - 1][1].xyz)[0]
    assert driven == pytest.approx(50.0, abs=1.0), "then it is taken out of sight"
    assert all(motion.xyz[2] < -400.0 for index, motion in track if index >= buried[0])

    ended = result.phases[name].ended
    assert driven_m(result, 1, ended) == pytest.approx(24.0, abs=1.0)
    assert result.posted(ChangeRoadBehavior) == [
        ChangeRoadBehavior(spawn_distance_m=25.0),
        ChangeRoadBehavior(spawn_distance_m=15.0),
    ]
    assert [tick for tick, message in result.messages] == [1, ended]
    assert {result.track(number)[-1][0] for number in (*parked, side)} == {ended - 1}
    assert [switch[:2] for switch in result.switches] == [(0, False), (1, True), (ended, False)]


def test_a_driver_that_does_not_look_hits_the_car_beside_it(road):
    result = leave(road, blind(8.0), until=lambda so_far: so_far.time_s > 4.0)
    assert EventType.COLLISION_VEHICLE in result.event_types


@pytest.mark.slow
def test_a_driver_that_goes_straight_on_hits_the_car_in_front(road):
    result = leave(road, lambda: Straight(4.0), until=lambda so_far: so_far.time_s > 5.0)
    (hit,) = [event for event in result.events if event.type is EventType.COLLISION_VEHICLE]
    front = result.actors("vehicle", role="scenario no lights")[0]
    assert f"id={front}" in hit.message


def test_a_driver_that_stays_is_not_blocked_while_the_scenario_waits(road):
    result = leave(road, standing(0.0), until=lambda so_far: so_far.time_s > 3.0)
    assert [switch[:2] for switch in result.switches] == [(0, False), (1, True), (len(result.ticks), False)]
    assert not result.events


@pytest.mark.parametrize(
    ("parameters", "front_m", "behind_m"),
    [({}, 20.0, 10.0), ({"front_vehicle_distance": 9, "behind_vehicle_distance": 9, "flow_distance": 40}, 9.0, 9.0)],
)
def test_parked_cars_stand_where_the_route_says(road, parameters, front_m, behind_m):
    session, start = road
    with make_stage(session, start) as bench:
        built_one, _ = built(bench, scenario("ParkingExit", start, **parameters))
        along_m = [in_frame(start.transform, xyz(actor.get_location()))[0] for actor in built_one.actors]
        assert along_m == pytest.approx([front_m, -behind_m, 0.0], abs=0.2)
        assert [actor.get_control().hand_brake for actor in built_one.actors] == [True, True, False]
        assert len(built_one.claimed) == 3


def test_it_must_be_the_first_scenario_of_its_route(road, caplog):
    session, start = road
    with make_stage(session, start, route_m=150.0) as bench, caplog.at_level(logging.WARNING):
        engine = make_engine(no_traffic)
        engine.start(replace(bench.context, scenarios=(scenario("ParkingExit", ahead(start, 60.0)),)))
        assert not engine.scenarios
        engine.close()
        bench.step(2)
        assert bench.stage.ego_location.distance(start.transform.location) < 1.0
    assert "where its route begins" in caplog.text
