"""A vehicle with flashing lights crosses a junction although the ego has the right of way, or a green light."""

from dataclasses import dataclass

import carla
import numpy as np
import pytest
from passing_support import built
from scenario_support import autopilot, blind, drive, lane, make_stage, map_only, scenario

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import entries_from, entry_lanes, junction_ahead, sink_point
from lead.scenarios.messages import HandleJunctionScenario
from lead.scoring.penalties import EventType

TOWN = "Town07"
SPEED_MPS = 60.0 / 3.6
FLASHING = int(carla.VehicleLightState.Special1 | carla.VehicleLightState.Special2)
PRIORITY, RED = "OppositeVehicleTakingPriority", "OppositeVehicleRunningRedLight"


@dataclass(frozen=True)
class Site:
    """The last way point before a junction on the ego's way."""

    entry: carla.Waypoint

    @property
    def trigger(self):
        return self.entry.previous(40.0)[0]

    @property
    def places(self):
        return [self.entry.previous(60.0)[0], self.entry, sink_point(self.entry, 0, 40.0)[0]]


def site(kind):
    """The place of a class: a crossing of four roads, with lights if it needs them."""
    entry = (-90.9, 53.5) if kind == RED else (-148.9, -26.3)
    return Site(lane(map_only(TOWN), *entry))


def first(drive, condition):
    """Number of the first tick, counted from 1, in which something holds."""
    return next(number for number, tick in enumerate(drive.ticks, 1) if condition(tick))


def distance(motion, place):
    return float(np.linalg.norm(np.subtract(motion.xyz, (place.x, place.y, place.z))))


@pytest.mark.parametrize(
    ("kind", "direction"),
    [
        (PRIORITY, "left"),
        pytest.param(RED, "right", marks=pytest.mark.slow),
        pytest.param(PRIORITY, "right", marks=pytest.mark.slow),
        pytest.param(RED, "left", marks=pytest.mark.slow),
    ],
)
def test_vehicle_crosses_when_the_ego_comes(town, kind, direction):
    place = site(kind)
    config = scenario(kind, place.trigger, direction=direction)
    lights = []

    def look(done):
        vehicle = done.scenario_of[config.name].actors[0]
        if done.phases[config.name].triggered and not lights:
            lights.append(int(vehicle.get_light_state()))
        return done.phases[config.name].ended is not None

    done = drive(town(TOWN), place.places, [config], ego=autopilot, until=look, max_s=60.0, watch_lights=kind == RED)
    phases, made = done.phases[config.name], done.scenario_of[config.name]
    (vehicle,) = done.actors("vehicle.")
    source, sink = made._source.transform.location, made._sink.transform.location
    track = dict(done.track(vehicle))
    kind_of_it = done.kinds[vehicle]
    assert (kind_of_it.role_name, kind_of_it.attributes["special_type"], lights) == (
        "scenario",
        "emergency",
        [FLASHING],
    )

    waiting = [motion for index, motion in track.items() if index < phases.triggered - 1]
    assert {round(motion.xyz[2] - source.z) for motion in waiting} == {-500}
    start = first(done, lambda tick: vehicle in tick.actors and tick.actors[vehicle].speed_mps > 5.0) - 1
    assert distance(track[start - 1], source) < 0.3
    before = done.ticks[start - 1].ego
    away_m = distance(before, made.crossing)
    assert away_m < 12.0 or away_m / before.speed_mps < 2.2
    earlier = done.ticks[start - 3].ego
    assert distance(earlier, made.crossing) > 12.0 and distance(earlier, made.crossing) / earlier.speed_mps > 2.2

    gone = max(track) + 1
    moving = [track[index] for index in range(start + 5, gone)]
    speeds = [motion.speed_mps for motion in moving]
    assert np.median(speeds) == pytest.approx(SPEED_MPS, abs=0.3)
    assert (gone - start) * 0.05 == pytest.approx(source.distance(sink) / SPEED_MPS, abs=0.25)
    (room,) = done.posted(HandleJunctionScenario)
    assert (room.clear_junction, room.clear_ego_entry, room.extend_road_exit_m) == (True, True, 0.0)
    assert room.stop_entries is (kind == PRIORITY)
    assert [each.id for each in room.remove_entries] == [made._source.id]
    assert [each.id for each in room.remove_exits] == [made._sink.id]

    carla_map = map_only(TOWN)
    spots = [carla_map.get_waypoint(carla.Location(*tick.ego.xyz)) for tick in done.ticks]
    assert spots[phases.ended - 2].is_junction and not spots[phases.ended - 1].is_junction
    assert EventType.COLLISION_VEHICLE not in done.event_types


def test_lights_are_held_while_the_vehicle_runs_its_red_one(town):
    place = site(RED)
    config = scenario(RED, place.trigger)
    ended = []

    def look(done):
        ended.append(done.phases[config.name].ended is not None)
        return sum(ended) > 2

    done = drive(town(TOWN), place.places, [config], ego=autopilot, until=look, max_s=60.0, watch_lights=True)
    phases, states = done.phases[config.name], done.scenario_of[config.name]._states
    assert sorted(str(state) for state in states.values()) == ["Green", "Red", "Red", "Red"]
    for tick in done.ticks[phases.triggered + 5 : phases.ended - 1]:
        assert {light.id: str(state) for light, state in states.items()} == {
            light.id: tick.lights[light.id] for light in states
        }
    assert EventType.TRAFFIC_LIGHT_INFRACTION not in done.event_types


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PRIORITY, RED])
def test_ego_that_does_not_look_is_hit(town, kind):
    place = site(kind)
    config = scenario(kind, place.trigger, direction="left")
    done = drive(town(TOWN), place.places, [config], ego=blind(9.0), max_s=30.0)
    assert EventType.COLLISION_VEHICLE in done.event_types
    assert done.phases[config.name].ended is not None


@pytest.mark.parametrize("direction", ["left", "right", "opposite"])
def test_vehicle_comes_from_the_side_that_the_file_names(town, direction):
    place = site(RED)
    with make_stage(town(TOWN), place.entry.previous(60.0)[0]) as bench:
        made, _ = built(bench, scenario(RED, place.trigger, direction=direction))
        junction = junction_ahead(place.trigger)
        entries = entries_from(entry_lanes(junction.junction), junction.waypoint.transform.rotation.yaw, direction)
        (vehicle,) = made.actors
        pose = vehicle.get_transform()
        assert pose.location.distance(entries[0].transform.location) == pytest.approx(500.0, abs=3.0)
        assert [(each.x, each.y) for each in made.claimed] == [(pose.location.x, pose.location.y)]
        back_m = made._source.transform.location.distance(entries[0].transform.location)
        assert back_m == pytest.approx(30.0, abs=1.0)
        assert [each.id for each in made.record.memory["adversarial_actors"]] == [vehicle.id]
        assert made.record.first_actor.id == vehicle.id
        made.close()


def test_no_vehicle_comes_from_a_side_without_a_road(town):
    place = site(PRIORITY)
    with make_stage(town(TOWN), place.entry.previous(60.0)[0]) as bench:
        with pytest.raises(ScenarioError, match="from direction 'above'"):
            built(bench, scenario(PRIORITY, place.trigger, direction="above"))
        assert not bench.stage.pool.actors
