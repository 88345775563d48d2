"""Scenarios without an opponent, with held lights, with a blocked exit, and with bicycles beside the lane."""

import itertools
import math

import carla
import numpy as np
import pytest
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, scenario, standing

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.bicycle_flow import CrossingBicycleFlow
from lead.scenarios.families.blocked_intersection import BlockedIntersection, junction_exit_on_route
from lead.scenarios.families.passive import DriveOn, VanillaTurn
from lead.scenarios.families.priority import PriorityAtJunction
from lead.scenarios.families.red_light_without_lead import (
    ClearLaneAhead,
    RedLightWithoutLeadVehicle,
    stop_lines_on_route,
)
from lead.scenarios.lane_tools import junction_ahead, sink_point
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.lights import closest_light, lights_of_junction
from lead.scenarios.scenario import class_of
from lead.scoring.penalties import EventType

LIGHTS, PLAIN = (-6.1, 118.0), (-85.0, -151.4)
"""Ends of lanes of Town03 into junctions with and without traffic lights."""
TRIGGER_M = 40.0
STREET = (-85.2, -120.0)
RED_LIGHT = EventType.TRAFFIC_LIGHT_INFRACTION

CLASSES = {
    "T_Junction": DriveOn,
    "SequentialLaneChange": DriveOn,
    "VanillaNonSignalizedTurn": VanillaTurn,
    "VanillaNonSignalizedTurnEncounterStopsign": VanillaTurn,
    "VanillaNonSignalizedTurnEncounterStopsignLong": VanillaTurn,
    "PriorityAtJunction": PriorityAtJunction,
    "BlockedIntersection": BlockedIntersection,
    "CrossingBicycleFlow": CrossingBicycleFlow,
    "RedLightWithoutLeadVehicle": RedLightWithoutLeadVehicle,
}


@pytest.mark.parametrize("kind", CLASSES)
def test_names_of_the_files_find_the_classes(kind):
    assert class_of(kind) is CLASSES[kind]


def places(carla_map, where, turn, trigger_m=TRIGGER_M, after_m=40.0):
    """Start, trigger and end of a route that turns at a junction."""
    entry = lane(carla_map, *where)
    trigger = entry.previous(trigger_m)[0]
    return trigger.previous(8.0)[0], trigger, sink_point(entry, turn, after_m)[0]


def driven_m(result, first, last):
    track = [tick.ego.xyz for tick in result.ticks[first:last]]
    return sum(math.dist(one, two) for one, two in itertools.pairwise(track))


def junction_stretch(result, carla_map, phases):
    """Index of the tick in which the ego leaves the first junction after the trigger."""
    inside = [lane(carla_map, *tick.ego.xyz).is_junction for tick in result.ticks]
    entered = inside.index(True, phases.triggered)
    return inside.index(False, entered)


# -- nothing but the route --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["T_Junction", pytest.param("SequentialLaneChange", marks=pytest.mark.slow)])
def test_passive_ends_after_200_m(town, kind):
    session = town("Town03")
    start, trigger, end = long_street(session.map)
    config = scenario(kind, trigger)
    result = drive(session, [start, trigger, end], [config], ego=blind(18.0), max_s=60.0)
    phases = result.phases[config.name]
    assert driven_m(result, phases.triggered, phases.ended) == pytest.approx(200.0, abs=2.0)
    assert any(paused for _, paused, _ in result.switches), "standing still is not judged meanwhile"
    assert not result.switches[-1][1]
    assert not result.actors()
    assert not result.messages


def long_street(carla_map):
    """250 m of Town03 through two junctions."""
    start = lane(carla_map, *STREET)
    return start, ahead(start, 8.0), ahead(start, 240.0)


def test_passive_ends_with_an_event_when_the_ego_does_not_go_on(town, monkeypatch):
    monkeypatch.setattr("lead.scenarios.nodes.conditions.ScenarioTimeout.__init__.__defaults__", (6.0,))
    session = town("Town03")
    start, trigger, end = long_street(session.map)
    config = scenario("T_Junction", trigger)
    result = drive(
        session, [start, trigger, end], [config], ego=standing(8.0, 20.0), max_s=30.0, until=lambda d: d.time_s > 15.0
    )
    phases = result.phases[config.name]
    assert (phases.ended - phases.triggered) * 0.05 == pytest.approx(6.0, abs=0.2)
    assert EventType.SCENARIO_TIMEOUT in result.event_types


@pytest.mark.parametrize(
    "kind",
    [
        "VanillaNonSignalizedTurn",
        pytest.param("VanillaNonSignalizedTurnEncounterStopsign", marks=pytest.mark.slow),
        pytest.param("VanillaNonSignalizedTurnEncounterStopsignLong", marks=pytest.mark.slow),
    ],
)
def test_vanilla_turn_ends_10_m_behind_the_junction(town, kind):
    session = town("Town03")
    start, trigger, end = places(session.map, PLAIN, -1)
    config = scenario(kind, trigger)
    result = drive(session, [start, trigger, end], [config], ego=blind(8.0), max_s=60.0)
    phases = result.phases[config.name]
    left = junction_stretch(result, session.map, phases)
    assert driven_m(result, left, phases.ended) == pytest.approx(10.0, abs=1.0)
    assert not result.actors()


def test_vanilla_turn_needs_a_junction_with_lights(town):
    session = town("Town03")
    _, trigger, _ = places(session.map, PLAIN, -1)
    with make_stage(session, trigger) as bench:
        config = scenario("VanillaSignalizedTurnEncounterRedLight", trigger)
        with pytest.raises(ScenarioError, match="no traffic lights"):
            class_of(config.type)(bench.stage, config, 0).build()
        config = scenario("PriorityAtJunction", trigger)
        with pytest.raises(ScenarioError, match="no traffic lights"):
            class_of(config.type)(bench.stage, config, 0).build()


# -- held lights ------------------------------------------------------------------------------------------------------


def states(result, session, phases, first_s, last_s):
    """States of the ego's light and of all others between two times after the trigger."""
    _, trigger, _ = places(session.map, LIGHTS, 0)
    lights = lights_of_junction(result.stage, junction_ahead(trigger).junction)
    ego = closest_light(result.stage, trigger, lights)
    ticks = result.ticks[phases.triggered + round(first_s / 0.05) : phases.triggered + round(last_s / 0.05)]
    others = {tick.lights[light.id] for tick in ticks for light in lights if light.id != ego.id}
    return {tick.lights[ego.id] for tick in ticks}, others


@pytest.mark.parametrize("suffix", ["", pytest.param("Long", marks=pytest.mark.slow)])
def test_red_light_turns_green_after_5_s(town, suffix):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, -1)
    config = scenario(f"VanillaSignalizedTurnEncounterRedLight{suffix}", trigger)
    result = drive(session, [start, trigger, end], [config], ego=autopilot, watch_lights=True, max_s=60.0)
    phases = result.phases[config.name]
    assert states(result, session, phases, 0.2, 4.9) == ({"Red"}, {"Red"})
    end_s = (phases.ended - phases.triggered) * 0.05
    assert states(result, session, phases, 5.2, end_s - 0.1) == ({"Green"}, {"Red"})
    assert not result.events
    left = junction_stretch(result, session.map, phases)
    assert driven_m(result, left, phases.ended) == pytest.approx(10.0, abs=1.0)


@pytest.mark.slow
def test_who_runs_the_red_light_is_punished(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, -1)
    config = scenario("VanillaSignalizedTurnEncounterRedLight", trigger)
    result = drive(session, [start, trigger, end], [config], ego=blind(11.0), max_s=30.0)
    assert RED_LIGHT in result.event_types


@pytest.mark.parametrize("suffix", ["", pytest.param("Long", marks=pytest.mark.slow)])
def test_green_light_turns_red_after_5_s_and_it_is_over_after_10(town, suffix):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, -1)
    config = scenario(f"VanillaSignalizedTurnEncounterGreenLight{suffix}", trigger)
    result = drive(session, [start, trigger, end], [config], ego=standing(8.0, 12.0), watch_lights=True, max_s=16.0)
    phases = result.phases[config.name]
    assert states(result, session, phases, 0.2, 4.9) == ({"Green"}, {"Red"})
    assert states(result, session, phases, 5.2, 9.9) == ({"Red"}, {"Red"})
    assert (phases.ended - phases.triggered) * 0.05 == pytest.approx(10.0, abs=0.2)


@pytest.mark.slow
def test_who_comes_late_to_the_green_light_is_punished(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, -1)
    config = scenario("VanillaSignalizedTurnEncounterGreenLight", trigger)
    result = drive(session, [start, trigger, end], [config], ego=blind(6.0), max_s=30.0)
    assert RED_LIGHT in result.event_types


@pytest.mark.slow
def test_priority_holds_green_until_the_junction_is_left(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, 0)
    config = scenario("PriorityAtJunction", trigger)
    result = drive(session, [start, trigger, end], [config], ego=autopilot, watch_lights=True, max_s=60.0)
    phases = result.phases[config.name]
    end_s = (phases.ended - phases.triggered) * 0.05
    assert states(result, session, phases, 0.2, end_s - 0.1) == ({"Green"}, {"Red"})
    assert abs(junction_stretch(result, session.map, phases) - phases.ended) <= 1
    assert not result.events


@pytest.mark.slow
def test_priority_does_not_end_while_the_ego_stands(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, 0)
    config = scenario("PriorityAtJunction", trigger)
    result = drive(
        session,
        [start, trigger, end],
        [config],
        ego=standing(8.0, 14.0),
        watch_lights=True,
        until=lambda result: result.time_s > 25.0,
    )
    phases = result.phases[config.name]
    assert phases.triggered is not None
    assert phases.ended == len(result.ticks)
    assert states(result, session, phases, 0.2, 22.0) == ({"Green"}, {"Red"})


# -- a red light for the ego ------------------------------------------------------------------------------------------


def test_stop_lines_on_the_route_are_found_in_order(town):
    session = town("Town03")
    start, trigger, _ = places(session.map, LIGHTS, 0)
    with make_stage(session, start, route_m=300.0) as bench:
        lines = stop_lines_on_route(bench.stage, trigger.transform.location, 248.0)
        assert lines
        lights = lights_of_junction(bench.stage, junction_ahead(trigger).junction)
        assert lines[0].light.id == closest_light(bench.stage, trigger, lights).id
        assert stop_lines_on_route(bench.stage, trigger.transform.location, 10.0) == []
        away = [line.pose.location.distance(trigger.transform.location) for line in lines]
        assert away == sorted(away)


@pytest.mark.slow
def test_red_light_comes_once_and_the_lane_is_cleared(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, 0, trigger_m=60.0, after_m=60.0)
    config = scenario("RedLightWithoutLeadVehicle", trigger, flow_speed=10, source_dist_interval=(15, 60))
    result = drive(session, [start, trigger, end], [config], ego=autopilot, watch_lights=True, max_s=120.0)
    phases = result.phases[config.name]
    lights = lights_of_junction(result.stage, junction_ahead(trigger).junction)
    ego = closest_light(result.stage, trigger, lights)
    stop = np.array(vector(ego.get_stop_waypoints()[0].transform.location))
    shown = [tick.lights[ego.id] for tick in result.ticks[phases.triggered :]]
    away = [np.linalg.norm(np.array(tick.ego.xyz) - stop) for tick in result.ticks[phases.triggered :]]
    near = next(index for index, distance in enumerate(away) if distance <= 47.0)
    assert shown[near + 3] == "Red"
    red_until = near + 3 + next(index for index, state in enumerate(shown[near + 3 :]) if state != "Red")
    assert shown[red_until] == "Green"
    assert result.event_types == set()


def test_who_runs_the_forced_red_light_is_punished(town):
    session = town("Town03")
    start, trigger, end = places(session.map, LIGHTS, 0, trigger_m=60.0, after_m=60.0)
    config = scenario("RedLightWithoutLeadVehicle", trigger)
    result = drive(session, [start, trigger, end], [config], ego=blind(14.0), max_s=20.0)
    assert RED_LIGHT in result.event_types


def test_only_slow_cars_close_before_the_ego_on_its_lane_are_cleared(town):
    session = town("Town03")
    here = lane(session.map, *STREET)
    with make_stage(session, here) as bench:
        pool, model = bench.stage.pool, ActorModel("vehicle.tesla.model3")
        spots = {"near": ahead(here, 15.0), "far": ahead(here, 30.0), "beside": ahead(here, 15.0).get_right_lane()}
        spots["behind"] = here.previous(10.0)[0]
        cars = {name: pool.spawn(model, spot.transform) for name, spot in spots.items()}
        moving = pool.spawn(model, ahead(here, 21.0).transform)
        bench.step(10)
        moving.enable_constant_velocity(carla.Vector3D(4.0, 0.0, 0.0))
        bench.step(3)
        bench.step(1, ClearLaneAhead(bench.stage).tick_once)
        assert {name for name, car in cars.items() if not pool.is_alive(car)} == {"near"}
        assert pool.is_alive(moving)


def vector(location):
    return location.x, location.y, location.z


# -- a blocked exit ---------------------------------------------------------------------------------------------------


def test_blocked_intersection_lets_the_ego_through_after_10_s(town):
    session = town("Town03")
    start, trigger, end = places(session.map, PLAIN, -1)
    config = scenario("BlockedIntersection", trigger)
    result = drive(session, [start, trigger, end], [config], ego=autopilot, max_s=90.0)
    phases = result.phases[config.name]
    (room,) = result.posted(HandleJunctionScenario)
    assert room == HandleJunctionScenario(True, True, (), (), True, 0.0)
    (number,) = result.actors("vehicle.")
    track = result.track(number)
    hidden = [motion for index, motion in track if index < phases.triggered]
    assert all(motion.xyz[2] < -150.0 for motion in hidden)
    exit_place = junction_exit_on_route(result.stage, trigger.transform.location)
    place = ahead(exit_place, 5.0).transform.location
    shown = [motion for index, motion in track if index > phases.triggered + 20]
    assert all(math.dist(motion.xyz, vector(place)) < 1.0 for motion in shown)
    near = next(
        index
        for index, motion in track
        if index > phases.triggered and math.dist(motion.xyz, result.ticks[index].ego.xyz) < 13.0
    )
    assert (phases.ended - near) * 0.05 == pytest.approx(10.0, abs=0.3)
    assert not result.events
    assert result.completed_percent == 100.0


@pytest.mark.slow
def test_who_does_not_stop_for_the_blocker_hits_it(town):
    session = town("Town03")
    start, trigger, end = places(session.map, PLAIN, -1)
    config = scenario("BlockedIntersection", trigger)
    result = drive(
        session, [start, trigger, end], [config], ego=blind(8.0), max_s=30.0, until=lambda result: result.time_s > 16.0
    )
    assert EventType.COLLISION_VEHICLE in result.event_types


def test_blocked_intersection_needs_a_junction_on_the_route(town):
    session = town("Town03")
    start = lane(session.map, *STREET)
    with make_stage(session, start, route_m=30.0) as bench, pytest.raises(ScenarioError, match="passes no junction"):
        junction_exit_on_route(bench.stage, start.transform.location)


# -- bicycles ---------------------------------------------------------------------------------------------------------

BICYCLE_LANE = carla.Location(722.3, 3922.0, 371.0)
"""A bicycle lane of Town12, 56 m before a junction with lights."""
BESIDE_BICYCLES = (775.0, 3919.7, 371.0)
"""End of the driving lane beside it; from there one turns right, across the bicycle lane."""


def bicycles(carla_map, **parameters):
    entry = lane(carla_map, *BESIDE_BICYCLES)
    trigger = entry.previous(40.0)[0]
    config = scenario("CrossingBicycleFlow", trigger, start_actor_flow=BICYCLE_LANE, **parameters)
    return [trigger.previous(8.0)[0], trigger, sink_point(entry, 1, 40.0)[0]], config


@pytest.mark.slow
def test_bicycles_cross_and_the_ego_gives_way(town):
    session = town("Town12")
    route, config = bicycles(session.map, flow_speed=6, source_dist_interval=(35, 45))
    result = drive(session, route, [config], ego=autopilot, watch_lights=True, max_s=120.0)
    phases = result.phases[config.name]
    numbers = result.actors("vehicle.")
    assert len(numbers) >= 3
    assert {result.kinds[number].attributes["base_type"] for number in numbers} == {"bicycle"}
    assert {result.kinds[number].role_name for number in numbers} == {"scenario no lights"}
    first = result.track(numbers[0])
    speeds = [motion.speed_mps for _, motion in first[40:120]]
    assert np.median(speeds) == pytest.approx(6.0, abs=1.0)
    assert result.posted(HandleJunctionScenario) == [HandleJunctionScenario()]
    assert abs(junction_stretch(result, session.map, phases) - phases.ended) <= 1
    assert not result.event_types & {EventType.COLLISION_VEHICLE, RED_LIGHT}


@pytest.mark.slow
def test_who_does_not_give_way_to_bicycles_is_punished(town):
    session = town("Town12")
    route, config = bicycles(session.map, flow_speed=6, source_dist_interval=(5, 6))
    result = drive(session, route, [config], ego=blind(7.0), max_s=25.0, until=lambda result: result.time_s > 18.0)
    assert result.event_types & {EventType.COLLISION_VEHICLE, RED_LIGHT}


def test_bicycles_need_a_bicycle_lane(town):
    session = town("Town03")
    start, trigger, _ = places(session.map, LIGHTS, 0)
    with make_stage(session, start) as bench:
        config = scenario("CrossingBicycleFlow", trigger, start_actor_flow=trigger.transform.location)
        with pytest.raises(ScenarioError, match="no bicycle lane"):
            class_of(config.type)(bench.stage, config, 0).build()
