"""Cars that cut in: out of a standing row beside the ego's lane, and from a joining lane of a motorway."""

import carla
import numpy as np
import pytest
from passing_support import built, in_frame
from scenario_support import autopilot, blind, drive, lane, make_stage, map_only, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import next_waypoint, side_lane
from lead.scenarios.messages import (
    ChangeRoadBehavior,
    HandleJunctionScenario,
    LeaveSpaceInFront,
    ReAddRoadLane,
    RemoveRoadLane,
)
from lead.scoring.penalties import EventType

TOWN = "Town06"
DISTANCE_M = 60.0
LANE_M = 3.5


@pytest.fixture(scope="module")
def motorway():
    """Trigger in the middle of five lanes, and key points along them."""
    carla_map = map_only(TOWN)
    return lane(carla_map, 300.0, 48.8), [lane(carla_map, 285.0, 48.8), lane(carla_map, 480.0, 48.8)]


@pytest.fixture(scope="module")
def ramp():
    """Trigger on the lane beside the one that a ramp joins, key points along it, and a place on the ramp."""
    carla_map = map_only(TOWN)
    trigger = lane(carla_map, 218.6, 48.9).previous(50.0)[0]
    other = lane(carla_map, 217.4, 61.6).previous(60.0)[0]
    return trigger, [trigger.previous(20.0)[0], lane(carla_map, 420.0, 48.8)], other


def moves(done, actor):
    """Motions of an actor by number of the tick, counted from 1."""
    return {index + 1: motion for index, motion in done.track(actor)}


def arrival(ego, place):
    """Distance (m) of the ego from a place, and time (s) until it is there."""
    away_m = float(np.linalg.norm(np.subtract(ego.xyz, (place.x, place.y, place.z))))
    return away_m, away_m / ego.speed_mps


# -- out of a row ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "sign"), [("right", 1.0), pytest.param("left", -1.0, marks=pytest.mark.slow)])
def test_car_pulls_out_of_the_row_in_time_for_an_ego_that_brakes(town, motorway, direction, sign):
    trigger, places = motorway
    config = scenario("StaticCutIn", trigger, distance=DISTANCE_M, direction=direction)
    done = drive(town(TOWN), places, [config], ego=autopilot, max_s=40.0)
    phases, pose = done.phases[config.name], trigger.transform
    cars = done.actors("vehicle.")
    assert len(cars) == 6
    assert {(done.kinds[car].role_name, done.kinds[car].attributes["base_type"]) for car in cars} == {
        ("scenario", "car")
    }
    tracks = [moves(done, car) for car in cars]
    for number, track in enumerate(tracks):
        hidden, put_up = track[phases.triggered - 1], track[phases.triggered + 3]
        assert hidden.xyz[2] == pytest.approx(-500.0, abs=0.5)
        ahead_m, right_m, up_m = in_frame(pose, put_up.xyz)
        assert ahead_m == pytest.approx(DISTANCE_M + 11.0 * number, abs=0.2)
        assert (right_m, up_m) == pytest.approx((sign * LANE_M, 0.0), abs=0.1)
        if number != 2:
            last = in_frame(pose, track[max(track)].xyz)
            assert (last[0], last[1]) == pytest.approx((ahead_m, right_m), abs=0.1), "the others stay where they are"

    cutter, conflict = tracks[2], next_waypoint(trigger, DISTANCE_M + 22.0).transform.location
    (pulls_out,) = [tick for tick, message in done.messages if message == ChangeRoadBehavior(extra_space_m=30.0)]
    away_m, away_s = arrival(done.ticks[pulls_out - 1].ego, conflict)
    assert away_m < 15.0 or away_s < 2.7
    away_m, away_s = arrival(done.ticks[pulls_out - 3].ego, conflict)
    assert away_m > 15.0 and away_s > 2.7
    lateral = [in_frame(pose, motion.xyz)[1] for motion in cutter.values()]
    assert abs(lateral[-1]) < 0.5, "it drives on the ego's lane in the end"
    assert sum(abs(offset) < 0.5 for offset in lateral) > 40
    assert max(motion.speed_mps for motion in cutter.values()) < 60.0 / 3.6 + 0.5

    row = [side_lane(next_waypoint(trigger, DISTANCE_M + 11.0), direction == "left")]
    removed = done.posted(RemoveRoadLane)
    assert [(each.waypoint.road_id, each.waypoint.lane_id) for each in removed] == [
        (each.road_id, each.lane_id) for each in row
    ]
    assert removed[0].waypoint.transform.location.distance(row[0].transform.location) < 0.1
    kinds = [(tick, type(message)) for tick, message in done.messages]
    assert kinds == [
        (phases.triggered, LeaveSpaceInFront),
        (pulls_out, ChangeRoadBehavior),
        (pulls_out, RemoveRoadLane),
        (phases.ended, ChangeRoadBehavior),
        (phases.ended, ReAddRoadLane),
    ]
    assert done.posted(LeaveSpaceInFront) == [LeaveSpaceInFront(DISTANCE_M + 66.0)]
    assert done.posted(ChangeRoadBehavior)[1] == ChangeRoadBehavior(extra_space_m=0.0)
    assert done.posted(ReAddRoadLane) == [ReAddRoadLane(int(sign))]
    assert not any(done.ticks[-1].actors), "all six are gone"
    assert EventType.COLLISION_VEHICLE not in done.event_types


@pytest.mark.slow
def test_ego_that_does_not_brake_hits_the_car_from_the_row(town, motorway):
    trigger, places = motorway
    config = scenario("StaticCutIn", trigger, distance=DISTANCE_M)
    done = drive(town(TOWN), places, [config], ego=blind(20.0), max_s=15.0)
    assert EventType.COLLISION_VEHICLE in done.event_types
    assert done.phases[config.name].ended is not None


@pytest.mark.slow
def test_stuck_car_is_removed_after_half_a_minute(town, motorway):
    trigger, _ = motorway
    with make_stage(town(TOWN), lane(map_only(TOWN), 370.0, 48.8)) as bench:
        made, tree = built(bench, scenario("StaticCutIn", trigger, distance=DISTANCE_M))

        def hold():
            for car in made.actors:
                car.apply_control(carla.VehicleControl(hand_brake=True))

        assert bench.run(tree, 60.0, act=hold) == pytest.approx(30.0, abs=0.3)
        assert bench.messages[-1] == ReAddRoadLane(1)
        made.close()


@pytest.mark.parametrize("distance_m", [40.0, 130.0])
def test_row_is_built_at_both_ends_of_the_range(town, motorway, distance_m):
    trigger, places = motorway
    with make_stage(town(TOWN), places[0]) as bench:
        made, _ = built(bench, scenario("StaticCutIn", trigger, distance=distance_m))
        ahead_m = [in_frame(trigger.transform, _xyz(car))[0] for car in made.actors]
        assert ahead_m == pytest.approx([distance_m + 11.0 * number for number in range(6)], abs=0.2)
        record = made.record
        assert record.first_actor.id == record.memory["cut_in_vehicle"].id == made.actors[2].id
        assert record.memory["stopped"] is False
        made.close()


def test_there_is_no_row_where_the_road_has_one_lane(town, motorway):
    _, places = motorway
    before_bend = lane(map_only(TOWN), 600.0, 48.7)
    with make_stage(town(TOWN), places[0]) as bench:
        with pytest.raises(ScenarioError, match="no lane on the right"):
            built(bench, scenario("StaticCutIn", before_bend, distance=DISTANCE_M))
        assert not bench.stage.pool.actors


def _xyz(actor):
    place = actor.get_location()
    return place.x, place.y, place.z


# -- from a joining lane ---------------------------------------------------------------------------------------------


def test_car_from_the_ramp_meets_the_ego_and_cuts_in(town, ramp):
    trigger, places, other = ramp
    config = scenario("HighwayCutIn", trigger, other_actor_location=other.transform.location)
    done = drive(town(TOWN), places, [config], ego=autopilot, max_s=40.0)
    phases, made = done.phases[config.name], done.scenario_of[config.name]
    (car,) = done.actors("vehicle.")
    track = moves(done, car)
    assert (done.kinds[car].role_name, done.kinds[car].attributes["base_type"]) == ("scenario", "car")
    assert track[phases.triggered - 1].xyz[2] == pytest.approx(-100.0, abs=0.5)
    start = track[phases.triggered + 1].xyz
    assert start == pytest.approx((other.transform.location.x, other.transform.location.y, 0.0), abs=1.5)

    meeting = made._meeting.transform.location
    assert meeting.distance(carla.Location(275.03, 52.34, 0.0)) < 0.2, "10 m behind the junction's end"
    away = {tick: arrival(motion, meeting)[0] for tick, motion in track.items() if motion.speed_mps > 1.0}
    met = next(tick for tick, away_m in away.items() if away_m < 5.0)
    _, ego_away_s = arrival(done.ticks[met - 1].ego, made._ego_meeting.transform.location)
    assert ego_away_s < 0.5, "both are there at the same time"
    before = [tick for tick in away if phases.triggered + 10 < tick < met]
    for tick in before[::10]:
        _, theirs_s = arrival(track[tick], meeting)
        _, mine_s = arrival(done.ticks[tick - 1].ego, made._ego_meeting.transform.location)
        assert theirs_s == pytest.approx(mine_s, rel=0.15)

    slow = [motion.speed_mps for tick, motion in track.items() if tick > met + 60]
    assert np.median(slow) == pytest.approx(0.8 * done.ticks[met - 1].ego.speed_mps, rel=0.05)
    offset = {tick: in_frame(trigger.transform, motion.xyz)[1] for tick, motion in track.items() if tick >= met}
    assert offset[met] > LANE_M - 0.5 and abs(offset[max(offset)]) < 0.5
    assert all(later - sooner < 0.1 for sooner, later in zip(offset.values(), list(offset.values())[1:], strict=False))
    (room,) = done.posted(HandleJunctionScenario)
    assert (room.clear_junction, room.clear_ego_entry, room.stop_entries) == (True, False, False)
    assert ([each.id for each in room.remove_entries], room.remove_exits) == ([made._start.id], ())
    assert room.extend_road_exit_m == 170.0
    assert (len(done.messages), done.messages[0][0]) == (1, phases.triggered)
    assert max(track) <= phases.ended, "the car is gone with the scenario"
    assert EventType.COLLISION_VEHICLE not in done.event_types


@pytest.mark.slow
def test_ego_that_does_not_let_the_car_in_hits_it(town, ramp):
    trigger, places, other = ramp
    config = scenario("HighwayCutIn", trigger, other_actor_location=other.transform.location)
    done = drive(town(TOWN), places, [config], ego=blind(12.0), max_s=40.0)
    assert EventType.COLLISION_VEHICLE in done.event_types
    assert done.phases[config.name].ended is not None


@pytest.mark.parametrize("back_m", [5.0, 120.0])
def test_car_waits_below_its_place_near_and_far_from_the_junction(town, ramp, back_m):
    trigger, places, _ = ramp
    start = lane(map_only(TOWN), 217.4, 61.6).previous(back_m)[0].transform.location
    with make_stage(town(TOWN), places[0]) as bench:
        made, _ = built(bench, scenario("HighwayCutIn", trigger, other_actor_location=start))
        (car,) = made.actors
        place = car.get_location()
        assert (place.x, place.y, place.z) == pytest.approx((start.x, start.y, start.z - 100.0), abs=0.3)
        record = made.record
        assert record.first_actor.id == record.memory["cut_in_vehicle"].id == car.id
        assert record.memory["stopped"] is False
        made.close()
