"""Holding the lights of one junction, and giving them back."""

import carla
import pytest
from py_trees.common import Status
from scenario_support import ahead, lane, make_stage, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import junction_ahead
from lead.scenarios.nodes.lights import (
    GREEN,
    RED,
    FreezeLights,
    LightPhases,
    closest_light,
    light_ahead,
    lights_of_junction,
    one_way_lights,
)
from lead.scenarios.scenario import class_of

BEFORE_LIGHTS = (-6.1, 100.0)
"""18 m before a junction of Town03 with traffic lights."""


@pytest.fixture
def crossing(town):
    """Bench before the junction, the ego's way point, and the junction's lights."""
    session = town("Town03")
    waypoint = lane(session.map, *BEFORE_LIGHTS)
    with make_stage(session, ahead(waypoint, 5.0).previous(30.0)[0]) as bench:
        bench.stage.world.reset_all_traffic_lights()
        bench.step(2)
        yield bench, waypoint, lights_of_junction(bench.stage, junction_ahead(waypoint).junction)


def program(light):
    return light.get_state(), light.get_green_time(), light.get_yellow_time(), light.get_red_time()


def test_lights_of_the_junction_are_found(crossing):
    bench, waypoint, lights = crossing
    assert len(lights) >= 3
    assert [light.id for light in lights] == sorted(light.id for light in lights)
    nearest = closest_light(bench.stage, waypoint, lights)
    ahead_m = junction_ahead(waypoint).distance_m
    assert light_ahead(bench.stage, waypoint, ahead_m, lights).id == nearest.id
    assert closest_light(bench.stage, waypoint).id == nearest.id, "of the whole town, too"
    stops = [stop.lane_id for stop in nearest.get_stop_waypoints()]
    assert waypoint.lane_id in stops


def test_no_lights_raise(crossing):
    bench, waypoint, _ = crossing
    with pytest.raises(ScenarioError, match="no traffic light"):
        closest_light(bench.stage, waypoint, [])
    with pytest.raises(ScenarioError, match="no traffic light for the lane"):
        light_ahead(bench.stage, waypoint, 20.0, [])


def test_frozen_lights_stay_and_come_back(crossing):
    bench, waypoint, lights = crossing
    ego = closest_light(bench.stage, waypoint, lights)
    before = [program(light) for light in lights]
    outside = [
        each
        for each in bench.stage.world.get_actors().filter("*traffic_light*")
        if each.id not in {light.id for light in lights}
    ]
    states = one_way_lights(lights, [ego])
    node = FreezeLights(bench.stage, states, 20.0)
    seen, others = set(), set()

    def look():
        if bench.stage.time_s > start_s + 0.2:
            seen.add(tuple(str(light.get_state()) for light in lights))
            others.add(tuple(str(light.get_state()) for light in outside[:40]))

    start_s = bench.stage.time_s
    with pytest.raises(AssertionError):  # still holding after 19 s
        bench.run(node, max_s=19.0, act=look)
    assert seen == {tuple("Green" if light.id == ego.id else "Red" for light in lights)}
    assert len(others) > 1, "all other junctions go on"
    node.stop(Status.INVALID)
    bench.step(2)
    assert [program(light)[1:] for light in lights] == [times[1:] for times in before]


def test_freezing_ends_after_its_time(crossing):
    bench, _, lights = crossing
    node = FreezeLights(bench.stage, one_way_lights(lights, []), 3.0)
    assert bench.run(node) == pytest.approx(3.0, abs=0.2)


def test_phases_follow_each_other_and_the_first_program_comes_back(crossing):
    bench, waypoint, lights = crossing
    ego = closest_light(bench.stage, waypoint, lights)
    before = [program(light)[1:] for light in lights]
    node = LightPhases(bench.stage, [(one_way_lights(lights, []), 2.0), (one_way_lights(lights, [ego]), 2.0)])
    states = []

    def look():
        states.append((round(bench.stage.time_s - start_s, 2), ego.get_state()))

    start_s = bench.stage.time_s
    assert bench.run(node, act=look) == pytest.approx(4.0, abs=0.2)
    assert {state for time_s, state in states if 0.2 < time_s < 2.0} == {RED}
    assert {state for time_s, state in states if 2.3 < time_s < 4.0} == {GREEN}
    bench.step(2)
    assert [program(light)[1:] for light in lights] == before
    assert isinstance(ego, carla.TrafficLight)


@pytest.mark.parametrize("pause_ticks", [0, 1, 10])
def test_lights_that_two_hold_come_back_whoever_ends_first(crossing, pause_ticks):
    """Without a pause the second begins in the tick in which the first ends, and sees what the lights did before."""
    bench, waypoint, lights = crossing
    before = [program(light)[1:] for light in lights]
    ego = closest_light(bench.stage, waypoint, lights)
    first = FreezeLights(bench.stage, one_way_lights(lights, []))
    second = FreezeLights(bench.stage, one_way_lights(lights, [ego]))
    first.tick_once()
    bench.step(5)
    if pause_ticks:
        second.tick_once()
        bench.step(pause_ticks)
        first.stop(Status.INVALID)
    else:
        first.stop(Status.INVALID)
        second.tick_once()
    bench.step(5)
    second.stop(Status.INVALID)
    bench.step(2)
    assert [program(light)[1:] for light in lights] == before


def test_one_that_ends_within_another_gives_its_lights_back(crossing):
    bench, waypoint, lights = crossing
    before = [program(light)[1:] for light in lights]
    ego = closest_light(bench.stage, waypoint, lights)
    outer = FreezeLights(bench.stage, one_way_lights(lights, [ego]))
    inner = FreezeLights(bench.stage, one_way_lights(lights, []))
    outer.tick_once()
    bench.step(5)
    inner.tick_once()
    bench.step(5)
    assert ego.get_state() == RED
    inner.stop(Status.INVALID)
    bench.step(200)
    assert {light.id for light in lights if light.get_state() == GREEN} == {ego.id}, "the outer one still holds"
    outer.stop(Status.INVALID)
    bench.step(2)
    assert [program(light)[1:] for light in lights] == before


def test_longer_red_ends_with_its_scenario(crossing):
    bench, waypoint, _ = crossing
    everywhere = list(bench.stage.world.get_actors().filter("*traffic_light*"))
    before = [program(light)[1:] for light in everywhere]
    kind = "RedLightWithoutLeadVehicle"
    built = class_of(kind)(bench.stage, scenario(kind, waypoint), 0)
    built.build()
    tree = built.behaviour()
    tree.tick_once()
    bench.step(2)
    assert [program(light)[1:] for light in everywhere] != before
    tree.stop(Status.INVALID)
    built.close()
    bench.step(2)
    assert [program(light)[1:] for light in everywhere] == before
