"""Turns across a stream of cars: where it comes from, its lights, its end, and what happens to who does not wait."""

import itertools
import math

import pytest
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.junction_turns import JunctionTurn
from lead.scenarios.lane_tools import junction_ahead, sink_point
from lead.scenarios.messages import ChangeOppositeBehavior, HandleJunctionScenario
from lead.scenarios.nodes.lights import closest_light, lights_of_junction
from lead.scenarios.scenario import class_of
from lead.scoring.penalties import EventType

TRIGGER_M = 40.0
"""The trigger lies so far before the junction, and the ego starts a little before it."""
# The last points of lanes into two large junctions of Town03, one with lights and one without.
LIGHTS_LEFT, LIGHTS_RIGHT = (-6.1, 118.0), (-9.6, 118.0)
PLAIN_LEFT, PLAIN_RIGHT = (-85.0, -151.4), (-88.5, -151.5)
PLAIN_ENTER_FLOW = (-201.5, -170.5)
"""In Town07: who comes from the opposite side may turn right there, into the road that the ego turns into."""
PLACES = {
    "SignalizedJunctionLeftTurn": (LIGHTS_LEFT, -1),
    "SignalizedJunctionLeftTurnEnterFlow": (LIGHTS_LEFT, -1),
    "SignalizedJunctionRightTurn": (LIGHTS_RIGHT, 1),
    "CrossJunctionDefectTrafficLight": (LIGHTS_RIGHT, 1),
    "NonSignalizedJunctionLeftTurn": (PLAIN_LEFT, -1),
    "NonSignalizedJunctionRightTurn": (PLAIN_RIGHT, 1),
    "NonSignalizedJunctionLeftTurnEnterFlow": (PLAIN_ENTER_FLOW, -1),
}
EXTRA = {"CrossJunctionDefectTrafficLight": {"traffic_direction": "left"}}
SIGNALIZED = [kind for kind in PLACES if not kind.startswith("Non")]
LEFT = [kind for kind in PLACES if "LeftTurn" in kind]


def town_of(kind):
    return "Town07" if PLACES[kind][0] == PLAIN_ENTER_FLOW else "Town03"


def place(carla_map, kind, after_m=45.0):
    """Start, trigger and end of the ego's route."""
    where, turn = PLACES[kind]
    entry = lane(carla_map, *where)
    trigger = entry.previous(TRIGGER_M)[0]
    return trigger.previous(8.0)[0], trigger, sink_point(entry, turn, after_m)[0]


def build(session, kind, **parameters):
    """A stage, and the scenario built there."""
    start, trigger, _ = place(session.map, kind)
    bench = make_stage(session, start)
    config = scenario(kind, trigger, **{**EXTRA.get(kind, {}), **parameters})
    return bench, config


def walked_m(path):
    return sum(math.dist(xy(one), xy(two)) for one, two in itertools.pairwise(path))


def xy(waypoint):
    location = waypoint.transform.location
    return location.x, location.y


@pytest.mark.parametrize("speed_mps", [5.0, 21.0])
@pytest.mark.parametrize("kind", PLACES)
def test_source_and_sink_depend_on_the_speed(town, kind, speed_mps):
    session = town(town_of(kind))
    manager, config = build(session, kind, flow_speed=speed_mps)
    with manager as bench:
        built = class_of(kind)(bench.stage, config, 0)
        built.build()
        source_s, sink_s = (4.0, 2.5) if kind in LEFT else (5.0, 3.0)
        assert isinstance(built, JunctionTurn)
        (stream,) = built.streams
        ahead_of_source = junction_ahead(stream.source)
        assert ahead_of_source.junction.id == built.junction.junction.id
        wanted_m = 5.0 * math.ceil(source_s * speed_mps / 5.0)
        was_stopped = stream.source.previous(5.0)[0].is_junction
        if was_stopped:
            assert ahead_of_source.distance_m < wanted_m + 1.0
        else:
            assert ahead_of_source.distance_m == pytest.approx(wanted_m, abs=1.5)
        turn = 1 if kind.endswith("EnterFlow") else 0
        sink, path = sink_point(stream.source, turn, sink_s * speed_mps)
        assert math.dist(xy(sink), xy(stream.sink)) < 0.1
        last_inside = max(index for index, waypoint in enumerate(path) if waypoint.is_junction)
        if speed_mps == 5.0:
            assert walked_m(path[last_inside + 1 :]) == pytest.approx(sink_s * speed_mps, abs=1.5)
        reference = built.junction.waypoint.transform.rotation.yaw
        heading = (ahead_of_source.waypoint.transform.rotation.yaw - reference) % 360.0
        first, last = (135.0, 225.0) if kind in LEFT else (30.0, 135.0)
        assert first < heading <= last
        suffix = "_1" if kind.startswith("Cross") else ""
        assert built.record.memory[f"source_wp{suffix}"].id == stream.source.id
        assert built.record.memory[f"sink_wp{suffix}"].id == stream.sink.id
        assert built.record.memory[f"adversarial_actors{suffix}"] == []
        assert not built.actors, "nothing is spawned before the trigger"


def test_entering_stream_turns_into_the_road_of_the_ego(town):
    kind = "NonSignalizedJunctionLeftTurnEnterFlow"
    session = town(town_of(kind))
    manager, config = build(session, kind)
    with manager as bench:
        built = class_of(kind)(bench.stage, config, 0)
        built.build()
        (stream,) = built.streams
        straight, _ = sink_point(stream.source, 0, 2.5 * 20.0)
        assert math.dist(xy(straight), xy(stream.sink)) > 40.0
        *_, end = place(session.map, kind)
        assert (stream.sink.road_id, stream.sink.lane_id) == (end.road_id, end.lane_id)


def test_right_turn_takes_the_rightmost_lane(town):
    session = town("Town03")
    kind = "NonSignalizedJunctionRightTurn"
    manager, config = build(session, kind)
    with manager as bench:
        built = class_of(kind)(bench.stage, config, 0)
        built.build()
        right = built.streams[0].source.get_right_lane()
        assert right is None or str(right.lane_type) != "Driving"


def test_both_streams_of_the_defect_light(town):
    session = town("Town03")
    kind = "CrossJunctionDefectTrafficLight"
    manager, config = build(session, kind, traffic_direction="both", flow_speed=8)
    with manager as bench:
        built = class_of(kind)(bench.stage, config, 0)
        built.build()
        assert [built.record.memory[f"direction_{number}"] for number in (1, 2)] == ["left", "right"]
        headings = [
            (stream.source.transform.rotation.yaw - built.trigger.rotation.yaw) % 360.0 for stream in built.streams
        ]
        assert headings == pytest.approx([90.0, 270.0], abs=30.0)
        manager, config = build(session, kind, traffic_direction="north")
        with pytest.raises(ScenarioError, match="traffic_direction is 'north'"):
            class_of(kind)(bench.stage, config, 0).build()


def test_signalized_left_turn_needs_lights_and_a_side(town):
    session = town("Town03")
    _, trigger, _ = place(session.map, "NonSignalizedJunctionLeftTurn")
    with make_stage(session, trigger) as bench:
        config = scenario("SignalizedJunctionLeftTurn", trigger)
        with pytest.raises(ScenarioError, match="no traffic lights"):
            class_of(config.type)(bench.stage, config, 0).build()
        beside = lane(session.map, 170.7, 78.7).previous(20.0)[0]
        config = scenario("NonSignalizedJunctionLeftTurn", beside)
        with pytest.raises(ScenarioError, match="'opposite'"):
            class_of(config.type)(bench.stage, config, 0).build()


SLOW_ONES = {kind for kind in PLACES if kind.endswith("EnterFlow")}
MOSTLY_FAST = [pytest.param(kind, marks=pytest.mark.slow) if kind in SLOW_ONES else kind for kind in PLACES]


@pytest.mark.slow
@pytest.mark.parametrize("kind", MOSTLY_FAST)
def test_ego_that_behaves_gets_through(town, kind):
    session = town(town_of(kind))
    start, trigger, end = place(session.map, kind, 75.0 if kind.startswith("Cross") else 45.0)
    speed_mps, interval_m = 9.0, (55.0, 65.0)
    config = scenario(kind, trigger, flow_speed=speed_mps, source_dist_interval=interval_m, **EXTRA.get(kind, {}))
    result = drive(session, [start, trigger, end], [config], ego=autopilot, watch_lights=True, max_s=90.0)
    phases = result.phases[config.name]
    assert phases.triggered is not None
    assert result.event_types == set(), result.events
    assert result.completed_percent == 100.0
    check_end(result, session.map, config, phases)
    check_messages(result, kind, speed_mps)
    check_cars(result, phases, speed_mps, interval_m, config)
    if kind in SIGNALIZED:
        check_lights(result, session, config, phases)


def check_end(result, carla_map, config, phases):
    """It ends 10 m (50 m) behind the junction."""
    places = [tick.ego.xyz for tick in result.ticks[phases.triggered : phases.ended]]
    inside = [lane(carla_map, x, y, z).is_junction for x, y, z in places]
    entered = inside.index(True)
    after = places[inside.index(False, entered) :]
    driven_m = sum(math.dist(one, two) for one, two in itertools.pairwise(after))
    wanted_m = 50.0 if config.type.startswith("Cross") else 10.0
    assert driven_m == pytest.approx(wanted_m, abs=1.6)


def check_messages(result, kind, speed_mps):
    (room,) = result.posted(HandleJunctionScenario)
    assert room.clear_junction
    assert room.clear_ego_entry
    assert room.remove_entries
    assert bool(room.remove_exits) == (kind in LEFT)
    assert room.stop_entries == (kind not in SIGNALIZED)
    assert room.extend_road_exit_m == pytest.approx((2.5 if kind in LEFT else 3.0) * speed_mps + 20.0)
    opposite = [message.active for message in result.posted(ChangeOppositeBehavior)]
    assert opposite == ([False, True] if kind in LEFT else [])


def check_cars(result, phases, speed_mps, interval_m, config):
    cars = result.actors("vehicle.", role="scenario")
    assert len(cars) >= 2
    built = result.scenario_of[config.name]
    source = xy(built.streams[0].source)
    imposed = 0
    for number in cars:
        assert result.kinds[number].attributes["base_type"] == "car"
        for (_, one), (_, two) in itertools.pairwise(result.track(number)[10:]):
            if one.speed_mps > 0.0 and two.speed_mps > 0.0:  # else the Traffic Manager moves it without physics
                imposed += 1
                assert math.dist(one.xyz[:2], two.xyz[:2]) / 0.05 == pytest.approx(speed_mps, abs=0.5)
    assert imposed > 50
    tracks = [result.track(number) for number in cars]
    came = [track for track in tracks if math.dist(track[0][1].xyz[:2], source) < 3.0]
    for before, track in itertools.pairwise(came):
        index, motions = track[0][0], dict(before)
        if index in motions:  # else the way is shorter than the gap: one comes when the other has gone
            assert interval_m[0] - 0.5 < math.dist(motions[index].xyz[:2], source) < interval_m[1] + 1.5
    filled = [track for track in tracks if track[0][0] <= phases.triggered + 1]
    assert (len(filled) > 1) == built.starts_filled


def check_lights(result, session, config, phases):
    built = result.scenario_of[config.name]
    lights = lights_of_junction(result.stage, built.junction.junction)
    ego = closest_light(result.stage, built.trigger_waypoint, lights)
    source = closest_light(result.stage, built.streams[0].source, lights)
    start = phases.triggered
    red = result.ticks[start + 3 : start + 98]
    green = result.ticks[start + 106 : phases.ended - 1]
    assert {tick.lights[ego.id] for tick in red} == {"Red"}
    assert {tick.lights[ego.id] for tick in green} == {"Green"}
    assert {tick.lights[source.id] for tick in red + green} == {"Green"}
    rest = [light.id for light in lights if light.id not in (ego.id, source.id)]
    assert {tick.lights[number] for tick in red + green for number in rest} <= {"Red"}


DRIVEN_FAST = {"SignalizedJunctionLeftTurn", "NonSignalizedJunctionRightTurn"}


@pytest.mark.parametrize(
    "kind", [kind if kind in DRIVEN_FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in PLACES]
)
def test_ego_that_does_not_wait_is_punished(town, kind):
    session = town(town_of(kind))
    start, trigger, end = place(session.map, kind)
    config = scenario(kind, trigger, flow_speed=8.0, source_dist_interval=(9.0, 10.0), **EXTRA.get(kind, {}))
    result = drive(session, [start, trigger, end], [config], ego=blind(9.0), max_s=25.0, until=was_punished)
    assert result.phases[config.name].triggered is not None
    wanted = (
        {EventType.COLLISION_VEHICLE, EventType.TRAFFIC_LIGHT_INFRACTION}
        if kind in SIGNALIZED
        else {EventType.COLLISION_VEHICLE}
    )
    assert result.event_types & wanted, result.events


def was_punished(result):
    return result.time_s > 14.0


def test_parameters_have_the_published_defaults(town):
    session = town("Town03")
    manager, config = build(session, "NonSignalizedJunctionLeftTurn")
    with manager as bench:
        built = class_of(config.type)(bench.stage, config, 0)
        assert built.parameters.number("flow_speed") == 20.0
        assert built.parameters.interval("source_dist_interval") == (25.0, 50.0)
        assert ahead(built.trigger_waypoint, 1.0)
