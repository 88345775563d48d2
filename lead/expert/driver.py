"""The expert itself: reads the scene, asks every behaviour, takes the most careful answer and moves the pedals."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lead.config.expert import ExpertConfig
from lead.control.lateral import LateralController
from lead.control.longitudinal import LongitudinalController
from lead.dataset.weather_choice import VISIBILITY, nearest_preset
from lead.evaluation.agent import PrivilegedContext
from lead.evaluation.observation import Observation
from lead.evaluation.stop_signs import StopSigns
from lead.expert.behaviours.crossing import CrossingUsers, CutIns, PriorityTakers
from lead.expert.behaviours.emergency import EmergencyVehicles
from lead.expert.behaviours.flows import FlowGaps
from lead.expert.behaviours.following import Forecast, LeadingVehicle
from lead.expert.behaviours.limits import Curves, FreeSpeed
from lead.expert.behaviours.obstacles import LaneObstacles
from lead.expert.behaviours.side_hazards import InvadingTurns, SideHazards
from lead.expert.behaviours.signals import StopSignStop, TrafficLightStop
from lead.expert.behaviours.two_ways import OncomingObstacles
from lead.expert.decision import Control, Decision
from lead.expert.handover import Handover
from lead.expert.hesitation import Hesitation
from lead.expert.metas import Recorder
from lead.expert.proposal import Commitment, Hazard, Proposal, Verdict, most_careful
from lead.expert.route import ExpertRoute
from lead.expert.scene import Scene, SceneReader
from lead.expert.swerving import Swerving, is_harmless
from lead.expert.view import Notes, PathBehaviour, SpeedBehaviour, View
from lead.scenarios.active import ActiveScenario, ActiveScenarios

LOG = logging.getLogger(__name__)

STANDSTILL_MPS, HOLD_MPS = 0.1, 0.5
STUCK_TICKS = 170
"""An ego that wants to drive but has not moved for so long gets full throttle until it does."""
STUCK_TARGET_MPS = 0.5
STEERING_POINTS = 1200
STEERING_NOISE = 1e-3
WEATHER_PERIOD_TICKS = 40
"""The weather is asked for so rarely because asking costs a call to the simulator."""


class ExpertDriver:
    """Drives one route.

    Attributes:
        scene: The latest scene; None before the first step.
        route: The path.
    """

    def __init__(
        self, context: PrivilegedContext, active: ActiveScenarios | None, config: ExpertConfig, seed: int
    ) -> None:
        """Prepare for a route.

        Args:
            context: Simulator state.
            active: Scenarios that the expert may know of; None drives without.
            config: Settings.
            seed: Seed of the small noise on the steering.
        """
        self.scene: Scene | None = None
        self.route = ExpertRoute(context.route, context.map, context.ego.get_location())
        self._context = context
        self._active = active
        self._config = config
        self._rng = np.random.default_rng(seed)
        # Draws of its own, so that steering has the same noise with and without.
        self._hesitation = Hesitation(np.random.default_rng([seed, 1])) if config.hesitate else None
        self._swerving = Swerving(np.random.default_rng([seed, 2])) if config.swerve else None
        self._handover = Handover(np.random.default_rng([seed, 3])) if config.novice else None
        self._reader = SceneReader(context.world, context.map, context.ego)
        self._lateral = LateralController()
        self._longitudinal = LongitudinalController()
        self._free_speed = FreeSpeed()
        self._path: Sequence[PathBehaviour] = (
            EmergencyVehicles(),
            LaneObstacles(),
            OncomingObstacles(),
            SideHazards(),
            InvadingTurns(),
        )
        self._signals: Sequence[SpeedBehaviour] = (
            TrafficLightStop(context.lights, context.route, self.route),
            StopSignStop(StopSigns(context.world), self.route),
        )
        self._following = LeadingVehicle()
        self._crossing = CrossingUsers()
        self._others: Sequence[SpeedBehaviour] = (PriorityTakers(), FlowGaps(context.map), CutIns(), Curves())
        self._forecast = Forecast()
        self._recorder = Recorder(context.route, context.map)
        self._visibility = 0
        self._weather = ""
        self._ticks = 0
        self._still_ticks = 0
        self._reason = ""

    def step(self, observation: Observation, novice: Control | None = None) -> Decision:
        """Decide on one tick.

        Args:
            observation: The world after the last tick.
            novice: What the policy of ``config.novice`` would do, which then drives now and then; None without one.
        """
        scene = self.scene = self._reader.read(observation)
        self.route.locate(scene.ego.location[:2])
        if self._ticks % WEATHER_PERIOD_TICKS == 0:
            self._look_at_weather()
        self._ticks += 1
        records = self._records()
        current = next((record for record in records if record.is_triggered), None)
        free_mps, values = self._free_speed.of(scene, self.route, current, self._visibility)
        view = View(scene, self.route, free_mps, self._visibility, records, Notes(values=values))
        verdict = self._judge(view)
        control = self._control(scene, verdict)
        cause = verdict.winner
        hazards = frozenset(
            {each.hazard for each in verdict.proposals if each.speed_mps <= verdict.speed_mps} - {Hazard.NONE}
        )
        metas = self._recorder.record(view, verdict, control, self._active, self._weather)
        reason = cause.reason if cause is not None else "free road"
        if reason != self._reason:
            self._reason = reason
            _log_reason(scene, verdict, reason)
        control = self._disturbed(control, novice, scene, verdict, is_in_scenario=current is not None)
        return Decision(control, verdict.speed_mps, reason, hazards, cause, metas)

    def _records(self) -> list[ActiveScenario]:
        return [] if self._active is None else self._active.records

    def _judge(self, view: View) -> Verdict:
        """Ask all behaviours."""
        proposals: list[Proposal] = []
        commitment: Commitment | None = None
        for behaviour in self._path:
            found, committed = behaviour.steer(view)
            proposals.extend(found)
            commitment = commitment or committed
        if commitment is not None:
            view = replace(view, free_mps=commitment.speed_mps)
        # The gaps of streams come before followers and forecast, which leave out those that were judged.
        # Once in the oncoming lane there is no time to lose: only walkers, those ahead and lights count.
        others = (*self._others, self._forecast) if commitment is None else ()
        for speed_behaviour in (*others[:-1], self._crossing, self._following, *self._signals, *others[-1:]):
            proposals.extend(speed_behaviour.propose(view))
        return most_careful(view.free_mps, proposals)

    def _control(self, scene: Scene, verdict: Verdict) -> Control:
        """Turn speed and path into pedals and steering."""
        speed = scene.ego_speed_mps
        pedals = self._longitudinal.step(verdict.speed_mps, speed, hazard=verdict.speed_mps <= 0.0)
        throttle, braking = pedals.throttle, pedals.brake
        if throttle == 0.0 and speed < HOLD_MPS:
            braking = True
        wants_to_drive = verdict.speed_mps > STUCK_TARGET_MPS
        self._still_ticks = self._still_ticks + 1 if wants_to_drive and abs(speed) < STANDSTILL_MPS else 0
        if self._still_ticks >= STUCK_TICKS:
            throttle, braking = 1.0, False
        window = self.route.xy[self.route.index : self.route.index + STEERING_POINTS]
        steer = self._lateral.step(window, scene.ego.location[:2], scene.ego.yaw_rad, speed)
        steer = round(steer, 3) + STEERING_NOISE * float(self._rng.standard_normal())
        return Control(throttle, float(np.clip(steer, -1.0, 1.0)), float(braking), braking)

    def _disturbed(
        self, control: Control, novice: Control | None, scene: Scene, verdict: Verdict, *, is_in_scenario: bool
    ) -> Control:
        """Let the car do something else now and then, if that is wanted; the record has what the expert decided."""
        speed, wants_to_drive = scene.ego_speed_mps, verdict.speed_mps > STUCK_TARGET_MPS
        is_busy = not wants_to_drive or (is_in_scenario and not is_harmless(verdict, self.route))
        is_given = novice is not None and self._hands_over(scene, verdict, is_busy=is_busy)
        if self._swerving is not None:
            # Told of every tick, also of those that the novice drives: they end a swerve, and show when a turn begins.
            steer = self._swerving.steer(control.steer, speed, is_busy=is_busy or is_given)
            control = replace(control, steer=float(np.clip(steer, -1.0, 1.0)))
        if novice is not None and is_given:
            control = novice
        if self._hesitation is not None and self._hesitation.holds(
            speed,
            self.route.junction_ahead_m(),
            wants_to_drive=wants_to_drive,
            is_busy=is_in_scenario or verdict.winner is not None,
        ):
            self._still_ticks = 0
            control = replace(control, throttle=0.0, brake=1.0)
        return control

    def _hands_over(self, scene: Scene, verdict: Verdict, *, is_busy: bool) -> bool:
        """Say whether the novice drives in this tick, and leave a line in the log where that changes."""
        handover = self._handover
        assert handover is not None
        offset_m = float(np.hypot(*(scene.ego.location[:2] - self.route.xy[self.route.index])))
        was_given = handover.is_given
        handover.step(offset_m, scene.ego_speed_mps, verdict.speed_mps, is_busy=is_busy)
        if handover.is_given != was_given:
            driver = "the novice drives" if handover.is_given else "the expert takes over"
            LOG.info("%.2f s: %s, %.2f m off the path", scene.time_s, driver, offset_m)
        return handover.is_given

    def _look_at_weather(self) -> None:
        weather: Any = self._context.world.get_weather()
        self._weather = nearest_preset(_Attributes(weather))
        self._visibility = VISIBILITY[self._weather]


def _log_reason(scene: Scene, verdict: Verdict, reason: str) -> None:
    """Leave a line wherever the reason changes, so that a drive can be understood afterwards."""
    cause = verdict.winner
    whom = "" if cause is None or cause.actor_id is None else f" {cause.actor_type} {cause.actor_id}"
    away = "" if cause is None or cause.distance_m is None else f" at {cause.distance_m:.1f} m"
    LOG.info(
        "%.2f s: %.1f m/s, wants %.1f: %s%s%s",
        scene.time_s,
        scene.ego_speed_mps,
        verdict.speed_mps,
        reason,
        whom,
        away,
    )


class _Attributes(dict[str, float]):
    """Gives the attributes of an object by name."""

    def __init__(self, source: object) -> None:
        super().__init__()
        self._source = source

    def __missing__(self, name: str) -> float:
        return float(getattr(self._source, name))
