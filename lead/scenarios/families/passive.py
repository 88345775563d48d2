"""Scenarios in which nobody acts against the ego: only its own rules are tested, at lights, signs and lane changes."""

from __future__ import annotations

from typing import ClassVar

from py_trees.behaviour import Behaviour

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import junction_ahead
from lead.scenarios.nodes.base import in_order, until_one
from lead.scenarios.nodes.conditions import Drive, JunctionLeft, ScenarioTimeout
from lead.scenarios.nodes.lights import (
    FOREVER_S,
    LightPhases,
    LightStates,
    closest_light,
    lights_of_junction,
    one_way_lights,
)
from lead.scenarios.scenario import Scenario, scenario_class

DRIVE_M = 200.0
PHASE_S = 5.0
BEHIND_JUNCTION_M = 10.0


@scenario_class("T_Junction", "SequentialLaneChange")
class DriveOn(Scenario):
    """Nothing but the route itself: over after 200 m."""

    def build(self) -> None:
        """There is nothing to build."""

    def behaviour(self) -> Behaviour:
        """Wait until the ego has driven on."""
        stage = self.stage
        return until_one(self.config.name, [Drive(stage, DRIVE_M), ScenarioTimeout(stage, self.config.name)])


@scenario_class(
    "VanillaNonSignalizedTurn",
    "VanillaNonSignalizedTurnEncounterStopsign",
    "VanillaNonSignalizedTurnEncounterStopsignLong",
)
class VanillaTurn(Scenario):
    """A turn at a junction with nobody else; over 10 m behind it."""

    def build(self) -> None:
        """Check that there is a junction.

        Raises:
            ScenarioError: If there is none.
        """
        self._junction = junction_ahead(self.trigger_waypoint).junction

    def behaviour(self) -> Behaviour:
        """Wait until the ego has turned."""
        stage = self.stage
        return in_order(self.config.name, [JunctionLeft(stage), Drive(stage, BEHIND_JUNCTION_M)])


class _SignalizedVanillaTurn(VanillaTurn):
    """A turn at a junction with lights: the ego's changes once, all others are red."""

    green_first: ClassVar[bool]

    def build(self) -> None:
        """Find the lights.

        Raises:
            ScenarioError: If there is no junction, or it has no lights.
        """
        super().build()
        lights = lights_of_junction(self.stage, self._junction)
        if not lights:
            raise ScenarioError(f"{self.config.name}: the junction has no traffic lights")
        ego = closest_light(self.stage, self.trigger_waypoint, lights)
        green, red = one_way_lights(lights, [ego]), one_way_lights(lights, [])
        self._phases: list[tuple[LightStates, float]] = [(red, PHASE_S), (green, FOREVER_S)]
        if self.green_first:
            self._phases = [(green, PHASE_S), (red, PHASE_S)]

    def behaviour(self) -> Behaviour:
        """Run the lights until the ego has turned."""
        return until_one(self.config.name, [super().behaviour(), LightPhases(self.stage, self._phases)])


@scenario_class("VanillaSignalizedTurnEncounterGreenLight", "VanillaSignalizedTurnEncounterGreenLightLong")
class VanillaGreenLight(_SignalizedVanillaTurn):
    """Green for 5 s, then red for 5 s; that is all, wherever the ego is then."""

    green_first: ClassVar[bool] = True


@scenario_class("VanillaSignalizedTurnEncounterRedLight", "VanillaSignalizedTurnEncounterRedLightLong")
class VanillaRedLight(_SignalizedVanillaTurn):
    """Red for 5 s, then green until the ego has turned."""

    green_first: ClassVar[bool] = False
