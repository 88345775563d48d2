"""Traffic lights of a scenario's junction: which light is whose, and holding them in the states a scenario needs.

CARLA's own freeze stops every light of the town, so only the lights of one junction are held: their phases are made so
long that the cycle does not come round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import carla
from py_trees.common import Status

from lead.scenarios.errors import ScenarioError
from lead.scenarios.held_lights import LightProgram
from lead.scenarios.nodes.base import Node
from lead.scenarios.stage import Stage

FOREVER_S = 10_000.0
"""Duration of a phase that is meant to last as long as the scenario."""
TRAFFIC_LIGHT_SIGN = "1000001"
"""OpenDRIVE type of traffic light signals."""
SIGNAL_DEPTH_M = 20.0
"""Signals are placed on the lanes inside junctions, on some maps well behind their beginning."""

LightStates = Mapping[carla.TrafficLight, carla.TrafficLightState]
GREEN = carla.TrafficLightState.Green
RED = carla.TrafficLightState.Red


def lights_of_junction(stage: Stage, junction: carla.Junction) -> list[carla.TrafficLight]:
    """Return the traffic lights of a junction, ordered by id; empty if it has none.

    Args:
        stage: What all scenarios share.
        junction: The junction.
    """
    return sorted(stage.world.get_traffic_lights_in_junction(junction.id), key=lambda light: int(light.id))


def closest_light(
    stage: Stage, waypoint: carla.Waypoint, lights: Iterable[carla.TrafficLight] | None = None
) -> carla.TrafficLight:
    """Return the light with a stop line nearest to a way point, as the crow flies.

    Args:
        stage: What all scenarios share.
        waypoint: The way point.
        lights: Lights to choose from; None takes all of the town, which is slow.

    Raises:
        ScenarioError: If there is no light with a stop line.
    """
    place = waypoint.transform.location
    candidates = stage.world.get_actors().filter("*traffic_light*") if lights is None else lights
    best, best_m = None, float("inf")
    for light in candidates:
        for stop in light.get_stop_waypoints():
            distance_m = place.distance(stop.transform.location)
            if distance_m < best_m:
                best, best_m = light, distance_m
    if best is None:
        raise ScenarioError(f"there is no traffic light near ({place.x:.1f}, {place.y:.1f})")
    return best


def light_ahead(
    stage: Stage, waypoint: carla.Waypoint, junction_distance_m: float, lights: Sequence[carla.TrafficLight]
) -> carla.TrafficLight:
    """Return the light whose signal a lane passes first; signals belong to the lanes inside junctions.

    Args:
        stage: What all scenarios share.
        waypoint: Where the search begins.
        junction_distance_m: How far ahead the junction is.
        lights: Lights of the junction.

    Raises:
        ScenarioError: If the lane passes none of these lights.
    """
    reach_m = junction_distance_m + SIGNAL_DEPTH_M
    ids = {int(light.id) for light in lights}
    for landmark in sorted(waypoint.get_landmarks_of_type(reach_m, TRAFFIC_LIGHT_SIGN), key=lambda each: each.distance):
        light = stage.world.get_traffic_light(landmark)
        if light is not None and int(light.id) in ids:
            return light
    place = waypoint.transform.location
    raise ScenarioError(f"no traffic light for the lane at ({place.x:.1f}, {place.y:.1f})")


def one_way_lights(
    lights: Sequence[carla.TrafficLight], green: Iterable[carla.TrafficLight]
) -> dict[carla.TrafficLight, carla.TrafficLightState]:
    """Return states in which only some lights are green and all others red."""
    ids = {int(light.id) for light in green}
    return {light: GREEN if int(light.id) in ids else RED for light in lights}


class LightPhases(Node):
    """Holds lights in one set of states after another; done after the last phase.

    What the lights did before the first phase is restored at the end, whatever the phases were.
    """

    def __init__(self, stage: Stage, phases: Sequence[tuple[LightStates, float]], name: str = "") -> None:
        """Take the phases.

        Args:
            stage: What all scenarios share.
            phases: States of the lights, and for how many seconds they are held.
            name: Name of the node.
        """
        super().__init__(stage, name)
        self._phases = phases
        self._number = 0
        self._start_s = 0.0
        self._before: dict[carla.TrafficLight, LightProgram] = {}

    def initialise(self) -> None:
        """Note what the lights do, and begin the first phase."""
        lights = {int(light.id): light for states, _ in self._phases for light in states}
        self._before = {light: self.stage.lights.hold(light) for light in lights.values()}
        self._begin(0)

    def update(self) -> Status:
        """Begin the next phase when it is due."""
        if self.stage.time_s - self._start_s <= self._phases[self._number][1]:
            return Status.RUNNING
        if self._number + 1 == len(self._phases):
            return Status.SUCCESS
        self._begin(self._number + 1)
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Give the lights back."""
        for light, program in self._before.items():
            self.stage.lights.release(light, program)
        self._before = {}

    def _begin(self, number: int) -> None:
        self._number = number
        self._start_s = self.stage.time_s
        states, duration_s = self._phases[number]
        for light, state in states.items():
            # A light's clock may be anywhere in its phase, and the phase must outlast what is left of it.
            phase_s = duration_s + light.get_elapsed_time()
            light.set_state(state)
            light.set_green_time(phase_s)
            light.set_red_time(phase_s)
            light.set_yellow_time(phase_s)


class FreezeLights(LightPhases):
    """Holds lights in given states; done after a time, when what they did before is restored."""

    def __init__(self, stage: Stage, states: LightStates, duration_s: float = FOREVER_S, name: str = "") -> None:
        """Take the states.

        Args:
            stage: What all scenarios share.
            states: State per light.
            duration_s: For how long.
            name: Name of the node.
        """
        super().__init__(stage, [(states, duration_s)], name)
