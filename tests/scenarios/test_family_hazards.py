"""Bicycles at the edge of the lane, a door that opens, and oncoming cars that cut a bend."""

from itertools import pairwise

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing, seconds_between
from scenario_support import ahead, blind, drive, lane, make_stage, scenario

from lead.scenarios.families.hazard_at_side_lane import BICYCLES
from lead.scenarios.families.invading_turn import cone_poses
from lead.scenarios.lane_tools import forward, next_waypoint
from lead.scenarios.messages import (
    ChangeOppositeBehavior,
    ChangeRoadBehavior,
    LeaveSpaceInFront,
    ReAddRoadLane,
    RemoveRoadLane,
    SetMaxSpeed,
    StartBackVehicles,
    StopBackVehicles,
)
from lead.scoring.penalties import EventType

RUN_UP_M = 30.0


@pytest.fixture
def highway(town):
    """Session, trigger on the second lane from the right of a motorway, and key points along it."""
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 230.0)]


@pytest.fixture
def street(town):
    """The same on a straight street with one lane per direction."""
    session = town("Town01")
    trigger = lane(session.map, 2.0, 275.0)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 190.0)]


@pytest.fixture
def parking_street(town):
    """The same on a street with a parking lane on the right."""
    session = town("Town05")
    trigger = lane(session.map, 80.0, -146.0)
    return session, trigger, [trigger.previous(25.0)[0], ahead(trigger, 120.0)]


def check_bicycles(done, name, distance_m, speed_kmh, ride_m):
    """Two bicycles ride from the trigger on, pushed to the right, for a distance, and stand then."""
    made, phases = done.scenario_of[name], done.phases[name]
    first = forward(made.trigger_waypoint, distance_m)[0]
    shift_m = 0.55 * first.lane_width / 2.0
    bicycles = done.actors("vehicle.")[:2]
    assert {done.kinds[bicycle].type_id for bicycle in bicycles} <= set(BICYCLES)
    for bicycle, place in zip(bicycles, (first, forward(first, 9.0)[0]), strict=True):
        track = dict(done.track(bicycle))
        start = track[phases.triggered - 1]
        assert in_frame(place.transform, start.xyz)[:2] == pytest.approx((0.0, shift_m), abs=0.1)
        assert start.speed_mps < 0.1
        riding = [track[tick].speed_mps for tick in range(phases.triggered + 60, phases.triggered + 160)]
        assert np.mean(riding) == pytest.approx(speed_kmh / 3.6, rel=0.08)
        moved = [np.linalg.norm(np.subtract(motion.xyz, start.xyz)) for motion in track.values()]
        assert max(moved) < ride_m + 3.0
        for motion in list(track.values())[phases.triggered :: 20]:
            beside = made.stage.map.get_waypoint(carla.Location(*motion.xyz)).transform
            assert in_frame(beside, motion.xyz)[1] == pytest.approx(shift_m, abs=0.35)
    return bicycles


@pytest.mark.slow
def test_bicycles_are_passed_on_the_lane_beside(highway):
    session, trigger, places = highway
    parameters = {"distance": 50, "speed": 45, "bicycle_speed": 10, "bicycle_drive_distance": 60}
    config = scenario("HazardAtSideLane", trigger, **parameters)
    ego = passing((RUN_UP_M + 35.0, RUN_UP_M + 150.0), -3.5)
    done = drive(session, places, [config], ego=ego)
    bicycles = check_bicycles(done, "HazardAtSideLane_1", 50.0, 10.0, 60.0)
    phases = done.phases["HazardAtSideLane_1"]
    assert [message for _, message in done.messages] == [
        LeaveSpaceInFront(50.0 + 9.0 + 20.0),
        ChangeRoadBehavior(extra_space_m=30.0),
        SetMaxSpeed(45.0),
        SetMaxSpeed(0.0),
        ChangeRoadBehavior(extra_space_m=0.0),
    ]
    # The way of 50 m is counted from the moment at which the ego is ahead of the farther bicycle.
    ended = phases.ended - 1
    driven_m = np.cumsum(
        [np.linalg.norm(np.subtract(b.ego.xyz, a.ego.xyz)) for a, b in zip(done.ticks, done.ticks[1:], strict=False)]
    )
    begun = int(np.searchsorted(driven_m, driven_m[ended - 1] - 50.0))
    gap_m = np.linalg.norm(np.subtract(done.ticks[begun].ego.xyz, done.ticks[begun].actors[bicycles[1]].xyz))
    assert 3.0 < gap_m < 6.0
    assert not done.events


@pytest.mark.slow
def test_bicycles_stand_after_their_way(highway):
    session, trigger, places = highway
    config = scenario("HazardAtSideLane", trigger, distance=100, bicycle_speed=15, bicycle_drive_distance=40)
    done = drive(session, places, [config], ego=blind(3.0), max_s=35.0)
    for bicycle in done.actors("vehicle."):
        track = [motion for _, motion in done.track(bicycle)]
        ridden_m = np.linalg.norm(np.subtract(track[-1].xyz, track[0].xyz))
        assert 38.0 < ridden_m < 46.0, "it brakes at the end of its way"
        assert track[-1].speed_mps < 0.1


def test_bicycles_are_passed_on_the_opposite_lane(street):
    session, trigger, places = street
    config = scenario("HazardAtSideLaneTwoWays", trigger, distance=50, bicycle_speed=6, frequency=80)
    ego = passing((RUN_UP_M + 35.0, RUN_UP_M + 125.0), -3.4, 6.0, 9.0)
    done = drive(session, places, [config], ego=ego)
    check_bicycles(done, "HazardAtSideLaneTwoWays_1", 50.0, 6.0, 50.0)
    assert [message for _, message in done.messages] == [
        LeaveSpaceInFront(79.0),
        ChangeRoadBehavior(extra_space_m=30.0),
        ChangeOppositeBehavior(spawn_distance_m=80.0),
        ChangeOppositeBehavior(spawn_distance_m=40.0),
        ChangeRoadBehavior(extra_space_m=0.0),
    ]
    assert done.switches[-1][2] is False, "as published, the wrong direction is not judged again afterwards"
    assert not done.actors("vehicle.")[2:], "oncoming cars are the background's"
    assert EventType.COLLISION_VEHICLE not in done.event_types


@pytest.mark.parametrize("kind", ["HazardAtSideLane", pytest.param("HazardAtSideLaneTwoWays", marks=pytest.mark.slow)])
def test_ego_that_does_not_look_hits_a_bicycle(street, kind):
    session, trigger, places = street
    config = scenario(kind, trigger, distance=40, bicycle_speed=6)
    done = drive(session, places, [config], ego=blind(10.0), max_s=15.0)
    assert EventType.COLLISION_VEHICLE in done.event_types


@pytest.mark.parametrize(("distance_m", "speed_kmh", "ride_m"), [(40, 5, 40), (135, 15, 200)])
def test_both_ends_of_the_bicycles_parameters(highway, distance_m, speed_kmh, ride_m):
    session, trigger, _ = highway
    parameters = {"distance": distance_m, "bicycle_speed": speed_kmh, "bicycle_drive_distance": ride_m}
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        made, tree = built(bench, scenario("HazardAtSideLane", trigger, **parameters))
        assert len(made.actors) == 2
        assert made.record.memory["bicycle_1"].id == made.record.first_actor.id == made.actors[0].id
        assert made.record.last_actor.id == made.actors[1].id
        bench.step(1, tree.tick_once)
        assert bench.messages[0] == LeaveSpaceInFront(distance_m + 29.0)
        tree.stop()
        made.close()


@pytest.mark.slow
def test_door_opens_before_the_ego_and_cars_follow(parking_street):
    session, trigger, places = parking_street
    config = scenario("VehicleOpensDoorTwoWays", trigger, distance=50, frequency=(15, 30))
    done = drive(session, places, [config], ego=passing((55.0, 95.0), -1.5, 6.0))
    made, phases = done.scenario_of["VehicleOpensDoorTwoWays_1"], done.phases["VehicleOpensDoorTwoWays_1"]
    road = next_waypoint(made.trigger_waypoint, 50.0)
    parking = road.get_right_lane()
    car, *flow = done.actors()
    assert done.kinds[car].attributes["has_dynamic_doors"] == "true"
    moves = [motion for _, motion in done.track(car)]
    ahead_m, right_m, _ = in_frame(parking.transform, moves[20].xyz)
    half_width_m = done.scenario_of["VehicleOpensDoorTwoWays_1"].record.first_actor.bounding_box.extent.y
    assert ahead_m == pytest.approx(0.0, abs=0.1)
    assert right_m == pytest.approx(-(parking.lane_width - half_width_m) / 4.0, abs=0.1), "it stands towards the road"
    assert np.linalg.norm(np.subtract(moves[-1].xyz, moves[20].xyz)) < 0.1
    assert [message for _, message in done.messages] == [
        LeaveSpaceInFront(70.0),
        StopBackVehicles(),
        ChangeOppositeBehavior(active=False),
        ChangeOppositeBehavior(active=True),
        StartBackVehicles(),
    ]
    opened, eased = done.messages[1][0], done.messages[2][0]
    near = road.transform.location
    gap_m = np.linalg.norm(np.subtract(done.ticks[opened - 1].ego.xyz, (near.x, near.y, near.z)))
    assert gap_m / done.ticks[opened - 1].ego.speed_mps == pytest.approx(3.0, abs=0.1)
    assert 5.0 < seconds_between(done, opened, eased) < 5.15
    assert (eased, True, False) in done.switches
    assert done.switches[-1] == (phases.ended, False, True)
    assert made.record.memory["vehicle_opened_door"] is True
    assert made.record.memory["vehicle_door_side"] == ["left"]
    assert [place.distance(parking.transform.location) for place in made.claimed] == [0.0]
    assert flow and done.track(flow[0])[0][0] == eased
    end = forward(road, 50.0)[0].transform
    assert in_frame(end, done.ticks[phases.ended - 1].ego.xyz)[0] > 0.0
    assert not done.events


@pytest.mark.slow
def test_door_opens_at_ten_metres_if_the_ego_creeps(parking_street):
    session, trigger, places = parking_street
    config = scenario("VehicleOpensDoorTwoWays", trigger, distance=35)
    done = drive(
        session,
        places,
        [config],
        ego=blind(2.5),
        max_s=40.0,
        until=lambda drive: bool(drive.posted(StopBackVehicles)),
    )
    made = done.scenario_of["VehicleOpensDoorTwoWays_1"]
    near = next_waypoint(made.trigger_waypoint, 35.0).transform.location
    gap_m = np.linalg.norm(np.subtract(done.ticks[-1].ego.xyz, (near.x, near.y, near.z)))
    assert gap_m == pytest.approx(10.0, abs=0.2)


def test_ego_that_does_not_look_hits_the_car_with_the_door(parking_street):
    session, trigger, places = parking_street
    config = scenario("VehicleOpensDoorTwoWays", trigger, distance=50)
    # It drives too far to the right.
    done = drive(session, places, [config], ego=passing((50.0, 110.0), 1.0, 10.0), max_s=15.0)
    assert EventType.COLLISION_VEHICLE in done.event_types


@pytest.mark.parametrize(("distance_m", "direction"), [(35, "right"), (80, "right"), (80, "left")])
def test_both_ends_of_the_doors_parameters(parking_street, distance_m, direction):
    session, trigger, _ = parking_street
    with make_stage(session, trigger.previous(25.0)[0]) as bench:
        made, tree = built(
            bench, scenario("VehicleOpensDoorTwoWays", trigger, distance=distance_m, direction=direction)
        )
        place = made.actors[0].get_location()
        beside = in_frame(next_waypoint(made.trigger_waypoint, distance_m).transform, (place.x, place.y, place.z))[1]
        assert np.sign(beside) == (1.0 if direction == "right" else -1.0)
        assert made.record.memory["vehicle_door_side"] == (["left"] if direction == "right" else ["right"])
        tree.stop()
        made.close()


@pytest.mark.slow
def test_oncoming_cars_cut_the_bend_and_the_ego_keeps_right(street):
    session, trigger, places = street
    config = scenario("InvadingTurn", trigger, distance=100, offset=0.4)
    done = drive(session, places, [config], ego=passing((10.0, 200.0), 1.0, 8.0))
    made, phases = done.scenario_of["InvadingTurn_1"], done.phases["InvadingTurn_1"]
    ahead_of_ego = next_waypoint(made.trigger_waypoint, 130.0)
    source, sink = ahead_of_ego.get_left_lane(), made.trigger_waypoint.get_left_lane()
    offset_m = -(0.4 + 4.0 / 2.0 - 0.7)
    memory = made.record.memory
    assert memory["offset"] == pytest.approx(offset_m)
    cones, cars = done.actors("constructioncone"), done.actors("vehicle.")
    poses = cone_poses(source, 100.0)
    assert len(cones) == len(poses) == 10
    for cone, pose in zip(cones, poses, strict=True):
        track = dict(done.track(cone))
        assert track[phases.triggered - 1].xyz[2] == pytest.approx(pose.location.z - 200.0, abs=0.1)
        assert np.allclose(track[phases.triggered + 5].xyz[:2], (pose.location.x, pose.location.y), atol=0.05)
    gaps_m = [source.transform.location.distance(pose.location) for pose in reversed(poses)]
    assert np.allclose(np.diff(gaps_m), 5.0, atol=0.1), "the first cone stands 15 m after the source, then every 5 m"
    assert all(in_frame(source.transform, (p.location.x, p.location.y, 0))[1] > 1.5 for p in poses)
    assert memory["first_cone"].id == cones[0], "the nearest to the ego"
    assert memory["last_cone"].id == cones[-1]
    assert len(cars) >= 3
    for car in cars[:2]:
        moves = [motion for _, motion in done.track(car)]
        middle = moves[len(moves) // 2]
        assert in_frame(source.transform, middle.xyz)[1] == pytest.approx(offset_m, abs=0.25)
        place = sink.transform.location
        assert np.linalg.norm(np.subtract(moves[-1].xyz[:2], (place.x, place.y))) < 4.0, "it vanishes at the sink"
    for former, later in pairwise(cars):
        born = done.track(later)[0][0] - 1
        gap_m = np.linalg.norm(np.subtract(done.ticks[born].actors[former].xyz, done.track(later)[0][1].xyz))
        assert 40.0 < gap_m < 42.0
    assert [type(message) for _, message in done.messages] == [
        RemoveRoadLane,
        ChangeOppositeBehavior,
        ReAddRoadLane,
        ChangeOppositeBehavior,
    ]
    assert [message.active for message in done.posted(ChangeOppositeBehavior)] == [False, True]
    assert in_frame(ahead_of_ego.transform, done.ticks[phases.ended - 1].ego.xyz)[0] > 0.0
    assert not done.events


def test_ego_on_the_left_of_its_lane_is_hit(street):
    session, trigger, places = street
    config = scenario("InvadingTurn", trigger, distance=100, offset=0.6)
    done = drive(session, places, [config], ego=passing((10.0, 200.0), -1.2, 10.0), max_s=12.0)
    assert EventType.COLLISION_VEHICLE in done.event_types


@pytest.mark.parametrize(("distance_m", "offset_m", "cones"), [(50, 0.15, 5), (180, 0.6, 18)])
def test_both_ends_of_the_invasions_parameters(street, distance_m, offset_m, cones):
    session, trigger, _ = street
    with make_stage(session, trigger.previous(RUN_UP_M)[0]) as bench:
        made, tree = built(bench, scenario("InvadingTurn", trigger, distance=distance_m, offset=offset_m))
        assert len(made.actors) == cones
        assert made.record.memory["offset"] == pytest.approx(-(offset_m + 1.3), abs=0.01)
        bench.step(5, tree.tick_once)
        assert isinstance(bench.messages[0], RemoveRoadLane)
        tree.stop()
        made.close()
