"""Passing slow bicycles at the side of the lane, and keeping right of cones that oncoming cars cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import carla
import numpy as np

from lead.expert.behaviours.lane_gaps import CAREFUL, IMPATIENT, blockers
from lead.expert.behaviours.two_ways import (
    ALLOWED_AFTER_S,
    DONE_POINTS,
    OVERTAKING_MPS,
    oncoming_blocker,
    oncoming_lane,
)
from lead.expert.gaps import Line
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Commitment, Hazard, Proposal
from lead.expert.route import POINTS_PER_M
from lead.expert.route_edits import abandon_shift, extend_shift, shift_right, shift_to_lane
from lead.expert.view import View
from lead.scenarios.active import ActiveScenario

SIDE_BEGIN_M, OVERTAKE_BEGIN_M, NEAR_M = 25.0, 22.0, 50.0
WAITING = Gap(2.0, 10.0, 0.3)
"""So much room is left to the bicycles while the ego waits for a gap, to get out from behind them."""
TRANSITION = 80
BEYOND_POINTS, BACK_POINTS = 160, 170
PAST_POINTS = 25
"""In the oncoming lane the way back begins so far beyond the last bicycle: the ego's rear has just passed it."""
IMPATIENT_S = 6.0
LOOK_BACK_POINTS = 600
ABANDON_ROOM_M = 2.5
"""With less room behind the bicycles the ego does not go back any more."""
CONE_VIEW_M = 50.0
CONES_BEFORE, CONES_AFTER = 150, 100
CONE_RAMP = 100
SHOULDER_M = 0.3
LESS_M, LEAST_M = 0.4, 0.3
"""The ego needs less room than the public expert takes, and must not leave its lane."""


@dataclass
class Passing:
    """State of one group of bicycles.

    Attributes:
        last: Point at which the ramp back begins.
        near_since_s: When the ego came near.
        lane: Line of oncoming cars; None where both lanes lead the same way.
        waiting_since_s: Since when the ego waits for a gap.
    """

    last: int = -1
    near_since_s: float | None = None
    lane: Line | None = None
    waiting_since_s: float | None = None


class SideHazards:
    """Passes bicycles at the side of the lane."""

    def __init__(self) -> None:
        """Nobody is on the way yet."""
        self._state: dict[int, Passing] = {}
        self._done: set[int] = set()

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path round them as they ride, when there is a gap."""
        for record in view.of("HazardAtSideLane", "HazardAtSideLaneTwoWays"):
            if not record.is_triggered or record.scenario_id in self._done:
                continue
            first, last = view.scene.row_of(record.first_actor), view.scene.row_of(record.last_actor)
            if first is None or last is None:
                continue
            state = self._state.setdefault(record.scenario_id, Passing())
            if state.near_since_s is None and view.scene.distance_m[first] < NEAR_M:
                state.near_since_s = view.scene.time_s
            if 0 < state.last < view.route.index:
                self._done.add(record.scenario_id)
                continue
            if record.name == "HazardAtSideLane":
                return self._beside(view, record, state, first, last), None
            return self._oncoming(view, record, state, first, last)
        return (), None

    def _beside(self, view: View, record: ActiveScenario, state: Passing, first: int, last: int) -> list[Proposal]:
        """Pass on a lane that leads the same way."""
        scene, route = view.scene, view.route
        end = index_around(view, last) + int(10 * float(scene.half[last, 0])) + BEYOND_POINTS
        if state.last > 0:
            state.last = extend_shift(route, state.last, end, TRANSITION, left=True)
            record.memory["to_index"] = state.last
            return []
        if float(scene.distance_m[last]) > SIDE_BEGIN_M + 12.0:
            return []
        waited = state.waiting_since_s is not None and scene.time_s - state.waiting_since_s > IMPATIENT_S
        met = blockers(view, True, IMPATIENT if waited else CAREFUL)
        if met:
            state.waiting_since_s = scene.time_s if state.waiting_since_s is None else state.waiting_since_s
            view.notes.dangerous.update(int(scene.ids[row]) for row in met)
            return [self._keep_off(view, first)]
        begin = route.index + 5
        shift_to_lane(route, begin, end + TRANSITION, TRANSITION, left=True)
        state.last = end
        record.memory.update(changed_first_part_of_route=True, from_index=begin, to_index=end)
        return []

    def _oncoming(
        self, view: View, record: ActiveScenario, state: Passing, first: int, last: int
    ) -> tuple[list[Proposal], Commitment | None]:
        """Pass through the oncoming lane."""
        scene, route = view.scene, view.route
        if state.last > 0 and self._must_abandon(view, state, first):
            abandon_shift(route, state.last + TRANSITION, TRANSITION)
            state.last = -1
            record.memory.update(changed_route=False, path_clear=False)
            return [self._keep_off(view, first)], None
        if state.last > 0:
            end = index_around(view, last) + int(10 * float(scene.half[last, 0])) + PAST_POINTS
            state.last = extend_shift(route, state.last, end, TRANSITION, left=True)
            return [], Commitment(OVERTAKING_MPS, f"overtaking: {record.name}", state.last + TRANSITION - DONE_POINTS)
        allowed = state.near_since_s is not None and scene.time_s - state.near_since_s > ALLOWED_AFTER_S
        waits = [self._keep_off(view, first)]
        if not allowed or float(scene.distance_m[first]) > OVERTAKE_BEGIN_M:
            return waits, None
        lead_mps = max(float(scene.speed_mps[last]), 0.0)
        # The bicycles ride on while they are passed.
        gain = (index_around(view, last) - route.index) * lead_mps / max(OVERTAKING_MPS - lead_mps, 1.0)
        end = index_around(view, last) + int(gain) + BACK_POINTS
        beside = route.waypoint(index_around(view, last)).get_left_lane()
        if beside is None:
            return waits, None
        state.lane = oncoming_lane(beside, 60.0)
        blocker = oncoming_blocker(view, state.lane, end, OVERTAKING_MPS)
        if blocker is not None:
            view.notes.dangerous.add(int(scene.ids[blocker]))
            return waits, None
        begin = route.index + 5
        shift_to_lane(route, begin, end, TRANSITION, left=True)
        state.last = end - TRANSITION
        record.memory.update(changed_route=True, from_index=begin, to_index=end, path_clear=True)
        return [], Commitment(OVERTAKING_MPS, f"overtaking: {record.name}", end - DONE_POINTS)

    @staticmethod
    def _must_abandon(view: View, state: Passing, first: int) -> bool:
        """Tell whether somebody has come into the oncoming lane while the ego is still behind the bicycles."""
        scene = view.scene
        room_m = float(scene.relative[first, 0]) - float(scene.half[first, 0] + scene.ego.extent[0])
        if state.lane is None or room_m < ABANDON_ROOM_M:
            return False
        return oncoming_blocker(view, state.lane, state.last + TRANSITION, OVERTAKING_MPS) is not None

    @staticmethod
    def _keep_off(view: View, row: int) -> Proposal:
        """Follow somebody at a distance from which he can be passed."""
        scene = view.scene
        distance_m, lead = float(scene.distance_m[row]), max(float(scene.speed_mps[row]), 0.0)
        speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), lead, distance_m, WAITING)
        number, type_id = int(scene.ids[row]), scene.known[row].type_id
        return Proposal(speed, "bicycles: waits for a gap", Hazard.VEHICLE, number, type_id, distance_m)


def index_around(view: View, row: int) -> int:
    """Return the point of the planned path nearest to somebody, also if the ego has passed him."""
    route = view.route
    return route.index_of(view.scene.origin[row, :2], first=max(route.index - LOOK_BACK_POINTS, 0))


class InvadingTurns:
    """Keeps to the right where oncoming cars use a part of the lane."""

    def __init__(self) -> None:
        """Nothing is on the way yet."""
        self._done: set[int] = set()

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path once."""
        scene, route = view.scene, view.route
        for record in view.of("InvadingTurn"):
            cone = scene.row_of(record.memory["first_cone"])
            if record.scenario_id in self._done or not record.is_triggered or cone is None:
                continue
            if scene.distance_m[cone] > CONE_VIEW_M:
                continue
            first = route.index_of(scene.origin[cone, :2]) - CONES_BEFORE
            place = record.memory["last_cone"].get_transform().location
            here = np.array([place.x, place.y])
            last = route.index_of(here, first=first + CONES_BEFORE + 100) + CONES_AFTER
            first = max(first, route.index)
            shift_right(route, first, last, CONE_RAMP, self._offsets(view, record, first, last))
            self._done.add(record.scenario_id)
        return (), None

    @staticmethod
    def _offsets(
        view: View, record: ActiveScenario, first: int, last: int
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return how far to the right each point goes: less where there is only a shoulder."""
        offset = max(abs(float(record.memory["offset"])) - LESS_M, LEAST_M)
        result = np.full(last - first, offset)
        for begin in range(first, last, POINTS_PER_M):
            beside = view.route.waypoint(begin).get_right_lane()
            if beside is not None and beside.lane_type == carla.LaneType.Shoulder:
                result[begin - first : begin - first + POINTS_PER_M] = abs(offset - SHOULDER_M)
        return result
