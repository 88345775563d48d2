"""Stopping at red and yellow lights, and at stop signs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.stop_signs import StopSigns
from lead.evaluation.traffic_lights import TrafficLights
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Hazard, Proposal
from lead.expert.route import POINTS_PER_M, ExpertRoute
from lead.expert.view import View
from lead.routes.planner import DenseRoute

LIGHT = Gap(0.0, 3.0, 0.5)
LIGHT_VIEW_M = 64.0
OVERRUN_M = 12.0
"""Behind its stop place a light matters up to the junction, but not farther than this."""
HARD_MPS2, HARDEST_MPS2 = 7.0, 8.0
"""A light that turns yellow is passed if even the first does not stop the ego in front of the line, one that turns red
without a warning if the second does not stop it before its tail is over the line: only that counts as passing."""
TAIL_SHARE, TAIL_MARGIN_M = 0.8, 0.3
"""The tail begins at this share of the half length behind the centre; room kept to the line."""
STATE_VIEW_M = 50.0
STOP_SIGN = Gap(0.0, 2.0, 0.5)
BOX_SCALE = 1.2
STOPPED_MPS, STOPPED_TICKS = 0.1, 25
STOPPED_WITHIN_M, FORGOTTEN_M = 3.5, 10.0
STOP_VIEW_M = 40.0


@dataclass(frozen=True)
class LightPlace:
    """Where the path meets a light.

    Attributes:
        light: Index of the light.
        stop_index: Point of the path where one stops.
        junction_index: Point at which the junction begins; the line that must not be crossed lies there.
    """

    light: int
    stop_index: int
    junction_index: int


class TrafficLightStop:
    """Stops at every light that is not green."""

    def __init__(self, lights: TrafficLights, dense: DenseRoute, route: ExpertRoute) -> None:
        """Find the lights of a route, those of its last metres included."""
        self._lights = lights
        self._places = []
        for stop in lights.along(dense):
            index = round(route.from_dense(stop.distance_m) * POINTS_PER_M)
            reach = route.is_junction[index : index + int(OVERRUN_M * POINTS_PER_M)]
            entry = index + (int(np.argmax(reach)) if reach.any() else 0)
            self._places.append(LightPlace(stop.light, index, entry))

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return the speed before the next light."""
        place = self._next(view)
        view.notes.values["traffic_light_state"] = "None"
        if place is None:
            return ()
        distance_m = (place.stop_index - view.route.index) / POINTS_PER_M
        state = self._lights.state(place.light)
        if distance_m < STATE_VIEW_M:
            view.notes.values["traffic_light_state"] = str(state)
        if state == carla.TrafficLightState.Green or distance_m > LIGHT_VIEW_M:
            return ()
        speed_mps = max(view.speed_mps, 0.0)
        front_m = float(view.scene.ego.extent[0])
        to_line_m = (place.junction_index - view.route.index) / POINTS_PER_M - front_m
        room_m, braking_mps2 = to_line_m, HARD_MPS2
        if state != carla.TrafficLightState.Yellow:
            room_m, braking_mps2 = to_line_m + front_m * (1.0 + TAIL_SHARE) - TAIL_MARGIN_M, HARDEST_MPS2
        if speed_mps**2 > 2.0 * braking_mps2 * max(room_m, 0.1):
            return ()
        if distance_m < LIGHT.min_m < to_line_m + front_m:
            # Past the stop place, but not yet in the junction: stay there.
            speed = 0.0
        else:
            speed = idm_speed(view.free_mps, speed_mps, 0.0, max(distance_m, 0.0), LIGHT)
        number = int(self._lights.actors[place.light].id)
        return (Proposal(speed, f"light: {state}", Hazard.LIGHT, number, "traffic.traffic_light", distance_m),)

    def _next(self, view: View) -> LightPlace | None:
        """Return the next light whose line the ego's tail has not passed."""
        tail = view.route.index - int(TAIL_SHARE * float(view.scene.ego.extent[0]) * POINTS_PER_M)
        return next((place for place in self._places if place.junction_index > tail), None)


@dataclass(frozen=True)
class StopPlace:
    """Where the path meets the box of a stop sign.

    Attributes:
        number: Id of the sign.
        index: Point of the path that is nearest to the middle of the box.
        center: (2,) middle of the box, world frame, metres.
    """

    number: int
    index: int
    center: NDArray[np.float64]


class StopSignStop:
    """Stops once at every sign whose box the path crosses."""

    def __init__(self, signs: StopSigns, route: ExpertRoute) -> None:
        """Find the signs of a route."""
        self._places: list[StopPlace] = []
        for number, center in enumerate(signs.centers):
            inside = np.abs(route.original_xy - center[:2]) < BOX_SCALE * signs.half_sizes[number]
            level = np.abs(route.z - center[2]) < 4.0
            hit = np.flatnonzero(inside.all(axis=1) & level)
            for run in np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1):
                if len(run):
                    nearest = run[np.argmin(np.hypot(*(route.original_xy[run] - center[:2]).T))]
                    self._places.append(StopPlace(int(signs.actors[number].id), int(nearest), center[:2]))
        self._places.sort(key=lambda place: place.index)
        self._standing_ticks = 0
        self._cleared: StopPlace | None = None

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return the speed before the next sign."""
        place = self._next(view)
        values = view.notes.values
        values["stop_sign_close"] = False
        if place is None:
            return ()
        distance_m = math.dist(view.scene.ego.location[:2], place.center)
        along_m = (place.index - view.route.index) / POINTS_PER_M
        self._watch(view, place, distance_m)
        if place is self._cleared or along_m > STOP_VIEW_M:
            return ()
        values["stop_sign_close"] = distance_m < FORGOTTEN_M
        speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), 0.0, max(along_m, 0.0), STOP_SIGN)
        return (Proposal(speed, "stop sign", Hazard.STOP_SIGN, place.number, "traffic.stop", along_m),)

    def _watch(self, view: View, place: StopPlace, distance_m: float) -> None:
        """Count the ticks in which the ego stands at the sign."""
        is_standing = abs(view.speed_mps) < STOPPED_MPS and distance_m < STOPPED_WITHIN_M
        self._standing_ticks = self._standing_ticks + 1 if is_standing else 0
        if self._standing_ticks > STOPPED_TICKS:
            self._cleared = place

    def _next(self, view: View) -> StopPlace | None:
        return next((place for place in self._places if place.index >= view.route.index - POINTS_PER_M), None)
