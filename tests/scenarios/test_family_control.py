"""Scenarios that act on cars around the ego or on the ego itself: a hard brake, debris, an emergency vehicle."""

from itertools import pairwise

import carla
import numpy as np
import pytest
from passing_support import built, in_frame, passing, seconds_between
from py_trees.common import Status
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, scenario

from lead.scenarios.families.control_loss import PILES_AT_M, DisturbControl
from lead.scenarios.messages import ReAddRoadLane, RemoveRoadLane, StartFrontVehicles, StopFrontVehicles
from lead.scoring.penalties import EventType

RUN_UP_M = 30.0
LANE_M = 3.5


@pytest.fixture
def highway(town):
    """Session, trigger on the second lane from the right of a motorway, and key points along it."""
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    return session, trigger, [trigger.previous(RUN_UP_M)[0], ahead(trigger, 230.0)]


def side_m(carla_map, motion):
    """Distance of an actor from the centre of its lane, to the right."""
    return in_frame(carla_map.get_waypoint(carla.Location(*motion.xyz)).transform, motion.xyz)[1]


# -- hard brake ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cars_ahead_stop_for_ten_seconds(highway):
    session, trigger, places = highway
    done = drive(session, places, [scenario("HardBreakRoute", trigger)], ego=blind(8.0))
    phases = done.phases["HardBreakRoute_1"]
    assert [message for _, message in done.messages] == [StopFrontVehicles(), StartFrontVehicles()]
    stopped, started = (tick for tick, _ in done.messages)
    assert stopped == phases.triggered
    assert 10.0 < seconds_between(done, stopped, started) < 10.1
    way = np.subtract(done.ticks[phases.ended - 1].ego.xyz, done.ticks[started - 1].ego.xyz)
    assert 15.0 < np.linalg.norm(way) < 15.5
    assert not done.actors(), "the cars are the background's"


@pytest.mark.slow
@pytest.mark.parametrize(("ego", "is_hit"), [(autopilot, False), (blind(12.0), True)])
def test_ego_stops_behind_braking_cars_or_is_punished(highway, ego, is_hit):
    session, trigger, places = highway
    config = scenario("HardBreakRoute", trigger)
    done = drive(session, places, [config], ego=ego, traffic="bubble", max_s=35.0)
    phases = done.phases["HardBreakRoute_1"]
    tick = done.ticks[phases.triggered + 160]
    here = carla.Transform(carla.Location(*tick.ego.xyz), carla.Rotation(yaw=tick.ego.yaw_deg))
    background = {actor: tick.actors[actor] for actor in done.actors("", "background") if actor in tick.actors}
    places = {actor: in_frame(here, motion.xyz) for actor, motion in background.items()}
    before = {actor: right_m for actor, (ahead_m, right_m, _) in places.items() if 0.0 < ahead_m < 40.0}
    assert {round(right_m / LANE_M) for right_m in before.values()} >= {-2, -1, 0, 1}, "on all lanes of its direction"
    assert all(background[actor].speed_mps < 0.5 for actor, right_m in before.items() if abs(right_m) < 10.0)
    assert (EventType.COLLISION_VEHICLE in done.event_types) is is_hit


# -- loss of control -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_debris_throws_the_ego_about_and_a_good_one_recovers(highway):
    session, trigger, places = highway
    calm = drive(session, places, [scenario("HardBreakRoute", trigger)], ego=blind(10.0))
    done = drive(session, places, [scenario("ControlLoss", trigger)], ego=blind(10.0))
    phases, piles = done.phases["ControlLoss_1"], done.actors("dirtdebris01")
    at = done.scenario_of["ControlLoss_1"].trigger_waypoint.transform.location
    places = [np.array((at.x, at.y, at.z)), *(np.array(done.track(pile)[-1][1].xyz) for pile in piles)]
    gaps_m = [float(np.linalg.norm(later - former)) for former, later in pairwise(places)]
    assert gaps_m == pytest.approx(np.diff([0.0, *PILES_AT_M]), abs=1.0)
    assert all(abs(side_m(session.map, done.track(pile)[-1][1])) < 0.05 for pile in piles), "in the lane's middle"
    # Up to the first pile both drives are one; from there on they differ.
    gaps = [
        float(np.linalg.norm(np.subtract(a.ego.xyz, b.ego.xyz))) for a, b in zip(calm.ticks, done.ticks, strict=False)
    ]
    first = done.track(piles[0])[0][1].xyz
    reached = next(
        number for number, tick in enumerate(done.ticks) if np.linalg.norm(np.subtract(tick.ego.xyz, first)) < 2.0
    )
    assert max(gaps[: reached + 1]) < 1e-6
    assert max(gaps[reached + 1 : reached + 100]) > 0.02
    way = np.subtract(done.ticks[phases.ended - 1].ego.xyz, done.ticks[phases.triggered - 1].ego.xyz)
    assert 100.0 < np.linalg.norm(way) < 111.0, "110 m are driven, in a bend"
    assert not done.events
    assert not done.messages


@pytest.mark.slow
def test_same_seed_disturbs_alike_and_another_does_not(highway):
    session, trigger, places = highway
    places = [places[0], ahead(trigger, 60.0)]
    config = scenario("ControlLoss", trigger)
    first, again, other = (
        drive(session, places, [config], ego=blind(10.0), scenario_seed=seed).ticks[-1].ego for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_disturbance_is_added_to_what_the_agent_asks_for(highway):
    session, trigger, _ = highway
    with make_stage(session, trigger) as bench:
        node = DisturbControl(bench.stage, -0.03, 0.055)
        bench.control = carla.VehicleControl(throttle=0.4, steer=-0.2)
        felt = []

        def note():
            node.tick_once()
            felt.append(bench.stage.ego.get_control())

        bench.step(100, note)
        assert node.status is Status.RUNNING
        throttle = [control.throttle for control in felt[1:]]
        steer = [control.steer for control in felt[1:]]
        assert np.mean(throttle) == pytest.approx(0.37, abs=0.005)
        assert np.std(throttle) == pytest.approx(0.01, rel=0.3)
        assert np.mean(steer) == pytest.approx(-0.145, abs=0.008)
        assert np.std(steer) == pytest.approx(0.015, rel=0.3)
        bench.control = carla.VehicleControl(throttle=0.0, steer=1.0, brake=0.7)
        bench.step(2, note)
        last = felt[-1]
        assert (last.throttle, last.steer, last.brake) == (0.0, 1.0, pytest.approx(0.7))


def test_ego_that_does_not_steer_against_it_leaves_its_lane(highway):
    session, trigger, places = highway

    class Rigid(type(blind(14.0)())):
        """Stops steering where the debris begins."""

        def run_step(self, input_data, timestamp):
            control = super().run_step(input_data, timestamp)
            if self._index * 0.1 > RUN_UP_M + 12.0:
                control.steer = 0.0
            return control

    done = drive(session, places, [scenario("ControlLoss", trigger)], ego=lambda: Rigid(14.0), max_s=15.0)
    assert done.event_types, "it comes off the road or hits the barrier"


# -- emergency vehicle -----------------------------------------------------------------------------------------------


def test_ego_that_makes_room_is_passed(highway):
    session, trigger, places = highway
    lights = []

    def look(drive):
        if len(drive.ticks) == 10:
            lights.append(int(drive.scenario_of["YieldToEmergencyVehicle_1"].record.first_actor.get_light_state()))
        return False

    config = scenario("YieldToEmergencyVehicle", trigger, distance=140)
    done = drive(session, places, [config], ego=passing((RUN_UP_M + 10.0, 250.0), 3.5, 8.0), until=look)
    phases = done.phases["YieldToEmergencyVehicle_1"]
    vehicle = done.actors("vehicle.")[0]
    assert done.kinds[vehicle].attributes["special_type"] == "emergency"
    assert lights == [int(carla.VehicleLightState.Special1 | carla.VehicleLightState.Special2)]
    track = dict(done.track(vehicle))
    start = done.scenario_of["YieldToEmergencyVehicle_1"].trigger_waypoint.previous(140.0)[0].transform
    assert in_frame(start, track[phases.triggered - 1].xyz)[2] == pytest.approx(-500.0, abs=0.5)
    assert in_frame(start, track[phases.triggered + 1].xyz)[:2] == pytest.approx((0.0, 0.0), abs=3.5)
    chasing = range(phases.triggered + 10, phases.ended - 1)
    ahead_of_it = [track[tick].speed_mps - done.ticks[tick].ego.speed_mps for tick in chasing]
    assert np.mean(ahead_of_it) == pytest.approx(25.0, abs=0.5)
    passed = next(
        tick
        for tick in chasing
        if in_frame(
            carla.Transform(
                carla.Location(*done.ticks[tick].ego.xyz), carla.Rotation(yaw=done.ticks[tick].ego.yaw_deg)
            ),
            track[tick].xyz,
        )[0]
        > 0.0
    )
    driven_m = sum(track[tick].speed_mps * 0.05 for tick in range(passed, phases.ended))
    assert 50.0 < driven_m < 63.0, "it vanishes 50 m after it is past the ego's front"
    assert [type(message) for _, message in done.messages] == [RemoveRoadLane, ReAddRoadLane]
    assert not done.events


@pytest.mark.slow
def test_ego_that_stays_in_the_lane_is_punished(highway):
    session, trigger, places = highway
    config = scenario("YieldToEmergencyVehicle", trigger, distance=100)
    done = drive(session, places, [config], ego=blind(8.0))
    phases = done.phases["YieldToEmergencyVehicle_1"]
    vehicle = done.actors("vehicle.")[0]
    near = next(
        tick
        for tick, motion in done.track(vehicle)
        if np.linalg.norm(np.subtract(motion.xyz, done.ticks[tick].ego.xyz)) < 50.0
    )
    assert 10.0 < seconds_between(done, near + 1, phases.ended) < 10.2
    assert [event.type for event in done.events] == [EventType.YIELD_TO_EMERGENCY_VEHICLE]
    waiting = [done.track(vehicle)[-1][1].speed_mps, done.ticks[phases.ended - 2].ego.speed_mps]
    assert waiting[0] == pytest.approx(waiting[1], abs=0.5), "it follows as fast as the ego drives"


def test_ego_whose_route_ends_before_it_was_passed_is_punished(highway):
    session, trigger, places = highway
    config = scenario("YieldToEmergencyVehicle", trigger, distance=150)
    done = drive(session, [places[0], ahead(trigger, 25.0)], [config], ego=blind(8.0))
    assert [event.type for event in done.events] == [EventType.YIELD_TO_EMERGENCY_VEHICLE]


@pytest.mark.parametrize("distance_m", [26, 150])
def test_both_ends_of_the_emergency_vehicles_distance(highway, distance_m):
    session, trigger, _ = highway
    with make_stage(session, trigger) as bench:
        made, tree = built(bench, scenario("YieldToEmergencyVehicle", trigger, distance=distance_m))
        start = made.trigger_waypoint.previous(distance_m)[0].transform.location
        place = made.record.memory["emergency_vehicle"].get_location()
        assert (place.x, place.y) == pytest.approx((start.x, start.y), abs=0.1)
        assert place.z < -490.0
        bench.step(3, tree.tick_once)
        assert made.record.first_actor.get_location().z > -1.0
        tree.stop()
        made.close()
