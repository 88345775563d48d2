"""Merging into flows, leaving motorways across them, and left turns at country roads."""

from dataclasses import replace

import numpy as np
import pytest
from merging_support import TOWNS, Site, back, site
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, standing

from lead.routes.model import RouteError
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import path_between, same_direction_lanes
from lead.scenarios.messages import (
    ChangeOppositeBehavior,
    HandleJunctionScenario,
    RemoveRoadLane,
    SwitchRouteSources,
)
from lead.scenarios.nodes.base import Node
from lead.scenarios.nodes.flows import ActorFlow
from lead.scenarios.scenario import class_of
from lead.scoring.penalties import EventType

KINDS = tuple(TOWNS)
SAME_PLACE = ("MergerIntoSlowTraffic", "MergerIntoSlowTrafficV2")
"""Classes that are also tested at the place of EnterActorFlowV2, which takes long."""
DENSE = {"speed_mps": 6.0, "interval_m": (8.0, 8.0)}
SPARSE = {"speed_mps": 7.0, "interval_m": (80.0, 90.0)}


def driven(town, kind, ego=autopilot, *, speed_mps=7.0, interval_m=(80.0, 90.0), **options):
    session = town(TOWNS[kind])
    place = site(kind, session.map)
    scenario = place.scenario(kind, speed_mps, interval_m)
    return place, drive(session, place.keypoints, [scenario], ego=ego, **options)


def key(waypoint):
    return waypoint.road_id, waypoint.lane_id


def keys(waypoints):
    return {key(waypoint) for waypoint in waypoints}


def phases(result):
    (found,) = result.phases.values()
    return found


def check_flow_cars(result, speed_mps):
    """The cars are ordinary ones with the role of scenarios; they keep their speed.

    It is measured by the way they go: far from the ego the Traffic Manager moves cars that have no physics.
    """
    cars = result.actors("vehicle.")
    assert cars
    for number in cars:
        kind, track = result.kinds[number], result.track(number)[10:]
        assert (kind.role_name, kind.attributes["base_type"]) == ("scenario", "car"), kind.type_id
        assert kind.attributes["special_type"] == ""
        places = np.array([motion.xyz[:2] for _, motion in track]).reshape(-1, 2)
        if len(places) > 20:
            way_m = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
            assert way_m / (0.05 * (len(places) - 1)) == pytest.approx(speed_mps, rel=0.05), number


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_driver_who_finds_a_gap_passes(town, kind):
    _, result = driven(town, kind)
    found = phases(result)
    assert found.built == 0
    assert 20 < found.triggered < 60, "8 to 10 m after the start"
    assert found.triggered < found.ended <= len(result.ticks)
    assert result.completed_percent == 100.0
    assert not result.event_types & {EventType.COLLISION_VEHICLE, EventType.SCENARIO_TIMEOUT}
    check_flow_cars(result, 7.0)
    pauses = [(tick, paused) for tick, paused, _ in result.switches]
    assert pauses == [(0, False), (found.triggered, True), (found.ended, False)], "standing is not judged meanwhile"
    assert not result.stage.pool.actors


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SAME_PLACE else ()) for kind in KINDS]
)
def test_a_driver_who_does_not_look_is_punished(town, kind):
    speed_mps = 5.0 if kind.startswith("Interurban") else 12.0
    _, result = driven(town, kind, blind(speed_mps), max_s=45.0, **DENSE)
    assert EventType.COLLISION_VEHICLE in result.event_types


def test_enter_actor_flow_fills_both_lanes_and_clears_the_junction(town):
    place, result = driven(town, "EnterActorFlow", max_s=4.0, speed_mps=6.0, interval_m=(15.0, 30.0))
    (scenario,) = result.scenario_of.values()
    sources, sinks = same_direction_lanes(place.source), same_direction_lanes(place.sink)
    assert len(sources) == len(sinks) == 2
    (clearance,) = result.posted(HandleJunctionScenario)
    assert (clearance.clear_junction, clearance.clear_ego_entry, clearance.stop_entries) == (True, True, False)
    assert keys(clearance.remove_entries) == keys(sources)
    assert not clearance.remove_exits
    path = path_between(result.stage.map, sources[-1], sinks[-1])
    last_inside = max(index for index, waypoint in enumerate(path) if waypoint.is_junction)
    assert clearance.extend_road_exit_m == pytest.approx(20.0 + len(path) - 1 - last_inside, abs=1.5)
    assert [message.enabled for message in result.posted(SwitchRouteSources)] == [False], "it has not ended"
    memory = scenario.record.memory
    assert keys(memory["source_wps"]) == keys(sources)
    assert keys(memory["sink_wps"]) == keys(sinks)
    first = min(tick for number in result.kinds for tick, _ in result.track(number)[:1])
    assert first == phases(result).triggered, "cars appear in the tick of the trigger"
    cars = [number for number in result.actors("vehicle.") if result.track(number)[0][0] == first]
    lanes = [result.stage.map.get_waypoint(_location(result.ticks[first].actors[car])) for car in cars]
    assert len(cars) >= 6
    for is_left in (False, True):
        along = sorted(-waypoint.transform.location.y for waypoint in lanes if _is_left(place, waypoint) == is_left)
        assert len(along) >= 3
        assert np.diff(along).min() >= 14.5
        assert np.diff(along).max() <= 34.0, "at every second metre of the path, so 2 m more than drawn"
    assert any(waypoint.is_junction for waypoint in lanes), "also inside the junction"


def _location(motion):
    import carla

    return carla.Location(*motion.xyz)


def _is_left(place, waypoint):
    """Tell the left from the right lane, which lie 3.5 m apart and are almost straight."""
    return place.sink.transform.location.x - waypoint.transform.location.x > 2.2


@pytest.mark.slow
def test_ramps_keep_room_behind_the_junction_once_it_is_passed(town):
    place, result = driven(town, "EnterActorFlowV2")
    before, later = result.posted(HandleJunctionScenario)
    assert (before.clear_junction, before.clear_ego_entry, before.stop_entries) == (False, True, False)
    assert keys(before.remove_entries) == {key(place.source)}
    inner = ahead(place.trigger, 60.0)
    assert inner.is_junction
    while inner.is_junction:
        inner = ahead(inner, 1.0)
    assert keys(before.remove_exits) == keys(same_direction_lanes(ahead(inner, 10.0)))
    assert before.extend_road_exit_m == 0.0
    assert (later.clear_junction, later.clear_ego_entry, later.stop_entries) == (False, False, False)
    assert later.extend_road_exit_m > 20.0
    (_, in_junction), (posted, _) = [
        (tick, message) for tick, message in result.messages if isinstance(message, HandleJunctionScenario)
    ]
    inside = [
        index
        for index, tick in enumerate(result.ticks, start=1)
        if result.stage.map.get_waypoint(_location(tick.ego)).is_junction
    ]
    assert in_junction is before
    assert posted == inside[-1] + 1
    assert _distance(result, phases(result).ended, same_direction_lanes(place.sink)) < 2.0 + 0.5


def _distance(result, tick, places):
    ego = np.array(result.ticks[tick - 1].ego.xyz)
    points = [waypoint.transform.location for waypoint in places]
    return min(float(np.linalg.norm(ego - (point.x, point.y, point.z))) for point in points)


def test_the_plain_merger_clears_the_junction_and_its_space(town):
    place, result = driven(town, "MergerIntoSlowTraffic", max_s=3.0)
    (clearance,) = result.posted(HandleJunctionScenario)
    assert (clearance.clear_junction, clearance.clear_ego_entry, clearance.stop_entries) == (True, True, False)
    assert keys(clearance.remove_entries) == {key(place.source)}
    assert clearance.extend_road_exit_m > 20.0
    (scenario,) = result.scenario_of.values()
    assert key(scenario.record.memory["source_lane"]) == key(place.source)
    assert scenario.record.memory["adversarial_actors"] == []


def test_cars_of_a_flow_vanish_at_its_end_and_experts_see_those_that_drive(town):
    seen = []

    def look(drive):
        (scenario,) = drive.scenario_of.values()
        if scenario.record.is_triggered:
            seen.append({actor.id for actor in scenario.record.memory["adversarial_actors"]})
        return False

    place, result = driven(
        town, "EnterActorFlowV2", standing(8.0, 12.0), speed_mps=10.0, interval_m=(20.0, 25.0), max_s=20.0, until=look
    )
    sink = place.sink.transform.location
    gone = [n for n in result.actors("vehicle.") if result.track(n)[-1][0] < len(result.ticks) - 1]
    assert len(gone) >= 4
    for number in gone:
        x, y, _ = result.track(number)[-1][1].xyz
        assert np.hypot(x - sink.x, y - sink.y) < 2.0 + 0.5 + 0.1
    assert set.union(*seen) == set(result.actors("vehicle."))
    assert not seen[-1] & set(gone)


def test_the_highway_exit_takes_the_traffic_off_the_lane_and_ends_behind_the_exit(town):
    place, result = driven(town, "HighwayExit")
    assert [type(message) for _, message in result.messages] == [RemoveRoadLane]
    assert key(result.messages[0][1].waypoint) == key(place.source)
    assert result.messages[0][0] == phases(result).triggered
    ended = phases(result).ended
    waypoints = [result.stage.map.get_waypoint(_location(result.ticks[tick - 1].ego)) for tick in (ended - 2, ended)]
    assert [waypoint.is_junction for waypoint in waypoints] == [True, False]
    assert key(waypoints[1]) == key(place.sink)


def test_the_interurban_flow_closes_the_lanes_beside_the_way(town):
    place, result = driven(town, "InterurbanActorFlow")
    (clearance,) = result.posted(HandleJunctionScenario)
    assert (clearance.clear_junction, clearance.clear_ego_entry, clearance.stop_entries) == (False, True, False)
    entry, way_out = lane(result.stage.map, -0.7, -150.0), place.keypoints[-1]
    assert keys(clearance.remove_entries) == {key(entry), key(way_out.get_left_lane()), key(place.source)}
    assert [message.active for message in result.posted(ChangeOppositeBehavior)] == [False, True]
    started = [result.track(number)[0] for number in result.actors("vehicle.")]
    assert {np.hypot(m.xyz[0] - _x(place.source), m.xyz[1] - _y(place.source)) < 1.0 for _, m in started} == {True}
    assert started[0][0] == phases(result).triggered, "the first car, and no initial ones"


def _x(waypoint):
    return waypoint.transform.location.x


def _y(waypoint):
    return waypoint.transform.location.y


def test_the_advanced_flow_runs_both_ways_and_closes_everything_else(town):
    place, result = driven(town, "InterurbanAdvancedActorFlow")
    (clearance,) = result.posted(HandleJunctionScenario)
    assert (clearance.clear_junction, clearance.clear_ego_entry, clearance.stop_entries) == (True, True, False)
    back_source, back_sink = place.sink.get_left_lane(), place.source.get_left_lane()
    assert keys(clearance.remove_entries) == {key(place.source), key(back_source)}, "the ego's own stays open"
    assert len(clearance.remove_exits) == 2, "all but the one at which the second flow leaves"
    assert key(back_sink) not in keys(clearance.remove_exits)
    assert clearance.extend_road_exit_m > 20.0
    assert [message.active for message in result.posted(ChangeOppositeBehavior)] == [False, True]
    assert [message.enabled for message in result.posted(SwitchRouteSources)] == [False, True]
    headings = {round(result.track(number)[0][1].yaw_deg / 90.0) % 4 for number in result.actors("vehicle.")}
    assert headings == {1, 3}
    (scenario,) = result.scenario_of.values()
    memory = scenario.record.memory
    assert (key(memory["source_wp_2"]), key(memory["sink_wp_2"])) == (key(back_source), key(back_sink))
    assert phases(result).ended is not None
    assert _distance(result, phases(result).ended, [back_sink]) < 10.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["HighwayExit", "InterurbanAdvancedActorFlow"])
def test_the_background_makes_room_for_a_flow(town, kind):
    place, result = driven(town, kind, max_s=25.0, traffic="bubble")
    started, ended = phases(result).triggered, phases(result).ended
    background = [number for number in result.actors("vehicle.") if result.kinds[number].role_name == "background"]
    assert background
    assert not [event for event in result.events if event.type is EventType.SCENARIO_TIMEOUT]
    flow_lane = key(place.source)
    for tick in result.ticks[started + 2 : ended]:
        there = [tick.actors[number] for number in background if number in tick.actors]
        near = [motion for motion in there if _gap(motion, place.source) < 30.0]
        lanes = [key(result.stage.map.get_waypoint(_location(motion))) for motion in near]
        assert flow_lane not in lanes, "the source's lane is the flow's"


def _gap(motion, waypoint):
    place = waypoint.transform.location
    return np.hypot(motion.xyz[0] - place.x, motion.xyz[1] - place.y)


def flows_of(tree):
    return [node for node in tree.iterate() if isinstance(node, ActorFlow)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("speed_mps", "interval_m"),
    [(8.0, (10.0, 25.0)), pytest.param(22.0, (65.0, 120.0), marks=pytest.mark.slow)],
)
def test_parameters_at_both_ends_of_their_range(town, kind, speed_mps, interval_m):
    session = town(TOWNS[kind])
    place = site(kind, session.map)
    with make_stage(session, place.keypoints[0], keypoints=place.keypoints) as bench:
        scenario = class_of(kind)(bench.stage, place.scenario(kind, speed_mps, interval_m), 1)
        scenario.build()
        flows = flows_of(scenario.behaviour())
        assert len(flows) == (2 if kind in ("EnterActorFlow", "InterurbanAdvancedActorFlow") else 1)
        assert all(isinstance(flow, Node) and flow._interval_m == interval_m for flow in flows)
        assert {flow._speed_mps for flow in flows} == {speed_mps}
        assert not bench.stage.pool.actors, "nothing is spawned before the trigger"
        scenario.close()


def test_defaults_are_those_of_the_published_classes(town):
    session = town("Town06")
    place = site("MergerIntoSlowTraffic", session.map)
    config = place.scenario("MergerIntoSlowTraffic")
    given = {name: config.parameters[name] for name in ("start_actor_flow", "end_actor_flow")}
    with make_stage(session, place.keypoints[0], keypoints=place.keypoints) as bench:
        scenario = class_of(config.type)(bench.stage, replace(config, parameters=given), 1)
        scenario.build()
        (flow,) = flows_of(scenario.behaviour())
        assert (flow._speed_mps, flow._interval_m, flow._sink_m) == (10.0, (20.0, 50.0), 2.0)
        with pytest.raises(RouteError, match="lacks x of its parameter start_actor_flow"):
            class_of(config.type)(bench.stage, replace(config, parameters={}), 1).build()


def test_places_that_do_not_fit_are_refused_in_a_sentence(town):
    session = town("Town07")
    place = site("InterurbanAdvancedActorFlow", session.map)
    with make_stage(session, place.keypoints[0], keypoints=place.keypoints) as bench:
        one_way = replace(place, sink=lane(session.map, -4.5, -100.0))
        with pytest.raises(ScenarioError, match="no driving lane to the left"):
            _build(bench, one_way, "InterurbanAdvancedActorFlow")
        behind = replace(place, trigger=place.keypoints[-1])
        with pytest.raises(ScenarioError, match="passes no junction after"):
            _build(bench, behind, "EnterActorFlowV2")
        same_road = replace(place, source=back(place.source, 10.0), sink=place.source)
        with pytest.raises(ScenarioError, match="passes no junction"):
            _build(bench, same_road, "InterurbanAdvancedActorFlow")


def test_a_second_flow_that_would_end_inside_a_junction_is_refused(town):
    """On roads with several lanes per direction the lane to the left leads the same way, once around the block."""
    session = town("Town03")
    inside, behind, trigger = (lane(session.map, *place) for place in ((-74.3, 4.7), (-74.4, -40.0), (-88.4, -28.9)))
    assert inside.is_junction and inside.get_left_lane().lane_id * inside.lane_id > 0
    place = Site([trigger, ahead(trigger, 15.0)], trigger, inside, behind)
    refused = pytest.raises(ScenarioError, match="the second flow ends inside a junction")
    with make_stage(session, trigger, keypoints=place.keypoints) as bench, refused:
        _build(bench, place, "InterurbanAdvancedActorFlow")


def _build(bench, place, kind):
    class_of(kind)(bench.stage, place.scenario(kind), 1).build()


@pytest.mark.slow
def test_who_does_not_get_through_is_told_after_240_seconds(town):
    _, result = driven(town, "InterurbanActorFlow", standing(8.0, 14.0), max_s=260.0)
    found = phases(result)
    assert (found.ended - found.triggered) * 0.05 == pytest.approx(240.0, abs=0.2)
    assert EventType.SCENARIO_TIMEOUT in result.event_types
    assert EventType.VEHICLE_BLOCKED not in result.event_types, "standing is not judged while a scenario waits"
