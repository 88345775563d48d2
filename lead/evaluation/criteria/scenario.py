"""Criteria that only running scenarios can judge; they keep what the scenarios report."""

from __future__ import annotations

from typing import ClassVar

from lead.evaluation.criteria.base import Criterion
from lead.evaluation.observation import Observation
from lead.scoring.penalties import EventType, RouteEvent


class ScenarioCriterion(Criterion):
    """Keeps the events of one kind that scenarios report."""

    kind: ClassVar[EventType]

    def update(self, observation: Observation) -> None:
        """Do nothing: scenarios look for themselves."""

    def add(self, event: RouteEvent) -> None:
        """Keep an event."""
        self.events.append(event)


class ScenarioTimeout(ScenarioCriterion):
    """Scenarios that the ego could not get through in time."""

    name: ClassVar[str] = "ScenarioTimeoutTest"
    kind: ClassVar[EventType] = EventType.SCENARIO_TIMEOUT


class YieldToEmergencyVehicle(ScenarioCriterion):
    """Emergency vehicles that were still behind the ego at the end of their scenario."""

    name: ClassVar[str] = "YieldToEmergencyVehicleTest"
    kind: ClassVar[EventType] = EventType.YIELD_TO_EMERGENCY_VEHICLE
