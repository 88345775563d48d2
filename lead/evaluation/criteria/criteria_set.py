"""All criteria of one episode under the rules of one benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import carla

from lead.errors import LeadError
from lead.evaluation.criteria.base import Criterion, EgoLane
from lead.evaluation.criteria.collision import Collision
from lead.evaluation.criteria.lanes import OutsideRouteLanes
from lead.evaluation.criteria.limits import Blocked, RouteTimeout, TickLimit
from lead.evaluation.criteria.progress import MinSpeed, RouteCompletion, RouteDeviation
from lead.evaluation.criteria.red_light import RunningRedLight
from lead.evaluation.criteria.scenario import ScenarioCriterion, ScenarioTimeout, YieldToEmergencyVehicle
from lead.evaluation.criteria.stop import RunningStop
from lead.evaluation.observation import Observation
from lead.evaluation.speed_limits import speed_limit_table
from lead.evaluation.stop_signs import StopSigns
from lead.evaluation.traffic_lights import TrafficLights
from lead.routes.planner import DenseRoute
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import BenchmarkProfile
from lead.scoring.records import GIVEN_UP, TICK_RUNTIME

LEARNT_FROM = frozenset(
    {EventType.ROUTE_COMPLETION, EventType.MIN_SPEED_INFRACTION, EventType.OUTSIDE_ROUTE_LANES_INFRACTION}
)
"""Events in spite of which a completed drive may be learnt from (:func:`lead.dataset.acceptance.rejection`)."""


class CriteriaError(LeadError):
    """The criteria cannot be set up, or were given an event that they do not keep."""


class CriteriaSet:
    """Watches a drive with all criteria of a benchmark.

    Attributes:
        completion: Progress along the route.
        criteria: All criteria, in the order in which public result files list their events.
        speed_limits: The map's speed limits where the benchmark takes them from there, else None.
    """

    def __init__(
        self,
        profile: BenchmarkProfile,
        world: carla.World,
        carla_map: carla.Map,
        ego: carla.Vehicle,
        route: DenseRoute,
        lights: TrafficLights,
        *,
        gives_up: bool = False,
    ) -> None:
        """Set all criteria up; the world must have ticked once since the ego was spawned.

        Args:
            profile: Rules of the benchmark.
            world: The world; its stop signs are read.
            carla_map: Its map.
            ego: Vehicle driven.
            route: Dense route.
            lights: Traffic lights of the world.
            gives_up: End the episode with the first event for which it must not be learnt from.

        Raises:
            CriteriaError: If the profile asks for a source of speed limits that does not exist.
            SpeedLimitError: If it asks for the map's speed limits and the map has none.
        """
        if profile.speed_limits not in ("vehicle", "map"):
            raise CriteriaError(f"profile {profile.key} takes speed limits from {profile.speed_limits!r}, not known")
        table = speed_limit_table(carla_map) if profile.speed_limits == "map" else None
        self.speed_limits = table
        lane = EgoLane(carla_map)
        self.completion = RouteCompletion(route)
        self._collision = Collision()
        self._outside_lanes = OutsideRouteLanes(route, carla_map, lane)
        self._blocked = Blocked(profile.blocked_s)
        self._timeout = RouteTimeout(ego, route, table)
        self._tick_limit = TickLimit(profile.max_ticks) if profile.max_ticks is not None else None
        self._scenario_criteria: list[ScenarioCriterion] = [ScenarioTimeout(), YieldToEmergencyVehicle()]
        self.criteria: list[Criterion] = [
            self.completion,
            self._outside_lanes,
            self._collision,
            RunningRedLight(carla_map, lights),
            RunningStop(profile, StopSigns(world), lane),
            MinSpeed(profile, route, self.completion),
            RouteDeviation(route),
            self._blocked,
            *self._scenario_criteria,
            self._timeout,
            *([self._tick_limit] if self._tick_limit is not None else []),
        ]
        self._appeared: list[tuple[Criterion, int]] = []
        self._seen = [0] * len(self.criteria)
        self._is_finished = False
        self._gives_up, self._is_given_up = gives_up, False

    def on_collision(self, event: carla.CollisionEvent) -> None:
        """Receive a collision from the sensor's thread."""
        self._collision.on_event(event)

    def update(self, observation: Observation) -> None:
        """Show the state after one tick to all criteria."""
        for criterion in self.criteria:
            criterion.update(observation)
        self._note_new_events()

    def report(self, kind: EventType, message: str, values: Mapping[str, float], frame: int) -> None:
        """Take an event from a scenario.

        Args:
            kind: SCENARIO_TIMEOUT or YIELD_TO_EMERGENCY_VEHICLE.
            message: Sentence for people.
            values: Numbers of the event.
            frame: Simulator frame.

        Raises:
            CriteriaError: If the kind is one that the criteria find themselves.
        """
        for criterion in self._scenario_criteria:
            if criterion.kind is kind:
                criterion.add(RouteEvent(kind, message, values, frame))
                self._note_new_events()
                return
        raise CriteriaError(f"scenarios cannot report {kind.value}: the criteria watch for it themselves")

    def finish(self) -> None:
        """Add the events that are known only at the end; calling it again changes nothing."""
        if self._is_finished:
            return
        self._is_finished = True
        for criterion in self.criteria:
            criterion.finish()
        self._note_new_events()

    @property
    def is_over(self) -> bool:
        """True once a criterion ended the episode, or it was given up."""
        return self._is_given_up or any(criterion.ends_episode for criterion in self.criteria)

    @property
    def timed_out(self) -> bool:
        """True if the time granted for the route was used up before its end was reached."""
        return self._timeout.ends_episode and not self.completion.ends_episode

    @property
    def failure(self) -> str:
        """Reason in the status of the route if it was given up, or a limit without an event of its own ended it."""
        if self._is_given_up and not any(criterion.ends_episode for criterion in self.criteria):
            return GIVEN_UP
        is_over = self._tick_limit is not None and self._tick_limit.ends_episode
        return TICK_RUNTIME if is_over and not self.completion.ends_episode else ""

    @property
    def events(self) -> list[RouteEvent]:
        """All events, criterion by criterion in the public order."""
        return [event for criterion in self.criteria for event in criterion.events]

    def named_events(self) -> list[tuple[str, RouteEvent]]:
        """Return all events with the names of their criteria, in order of appearance."""
        return [(criterion.name, criterion.events[index]) for criterion, index in self._appeared]

    @property
    def blocked_paused(self) -> bool:
        """True while the ego may stand for as long as it likes; scenarios with a time-out of their own set it."""
        return self._blocked.is_paused

    @blocked_paused.setter
    def blocked_paused(self, value: bool) -> None:
        self._blocked.is_paused = value

    @property
    def check_wrong_direction(self) -> bool:
        """False while the ego must use the opposite lane; scenarios that block its own lane set it."""
        return self._outside_lanes.check_wrong_direction

    @check_wrong_direction.setter
    def check_wrong_direction(self, value: bool) -> None:
        self._outside_lanes.check_wrong_direction = value

    def _note_new_events(self) -> None:
        for place, criterion in enumerate(self.criteria):
            while self._seen[place] < len(criterion.events):
                self._appeared.append((criterion, self._seen[place]))
                is_fault = criterion.events[self._seen[place]].type not in LEARNT_FROM
                self._is_given_up |= self._gives_up and is_fault
                self._seen[place] += 1
