"""Making room for an emergency vehicle that comes from behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lead.expert.proposal import Commitment, Proposal
from lead.expert.route import POINTS_PER_M
from lead.expert.route_edits import YIELD_AHEAD_POINTS, YIELD_RAMP_POINTS, extend_shift, shift_to_lane
from lead.expert.scene import SAME_ROAD_M
from lead.expert.view import View
from lead.scenarios.active import ActiveScenario

BEGIN_M = 70.0
LEAD_M, LEAD_S = 3.0, 0.2
RAMP_S, RAMP_MIN_M = 1.6, 8.0
SLOW_MPS = 8.0
PASSED_M = 12.0


@dataclass
class Yielding:
    """State of one emergency vehicle.

    Attributes:
        last: Point at which the ramp back begins.
        left: The ego is on the lane to the left.
    """

    last: int
    left: bool


class EmergencyVehicles:
    """Goes to a neighbouring lane until the emergency vehicle is past."""

    def __init__(self) -> None:
        """Nobody comes yet."""
        self._state: dict[int, Yielding] = {}
        self._done: set[int] = set()

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path, keep it there, and drive slowly meanwhile."""
        scene = view.scene
        found = []
        for record in view.of("YieldToEmergencyVehicle"):
            row = scene.row_of(record.memory["emergency_vehicle"])
            if row is None or record.scenario_id in self._done or not record.is_triggered:
                continue
            if abs(float(scene.relative[row, 2])) > SAME_ROAD_M or scene.distance_m[row] > BEGIN_M:
                continue
            if float(scene.relative[row, 0]) > PASSED_M:
                self._done.add(record.scenario_id)
                continue
            state = self._state.get(record.scenario_id) or self._begin(view, record)
            if state is None:
                continue
            wanted = view.route.index + YIELD_AHEAD_POINTS + YIELD_RAMP_POINTS
            state.last = extend_shift(view.route, state.last, wanted, YIELD_RAMP_POINTS, left=state.left)
            found.append(
                Proposal(
                    max(SLOW_MPS, 0.0),
                    "emergency vehicle: makes room",
                    actor_id=int(scene.ids[row]),
                    actor_type=scene.known[row].type_id,
                    distance_m=float(scene.distance_m[row]),
                )
            )
        return found, None

    def _begin(self, view: View, record: ActiveScenario) -> Yielding | None:
        """Choose the side, the left one if it leads the same way, and move the path."""
        route = view.route
        speed = max(view.speed_mps, 0.0)
        first = route.index + int((LEAD_M + LEAD_S * speed) * POINTS_PER_M)
        waypoint = route.waypoint(first)
        sides = [
            left
            for left in (True, False)
            if (beside := waypoint.get_left_lane() if left else waypoint.get_right_lane()) is not None
            and beside.lane_id * waypoint.lane_id > 0
            and str(beside.lane_type) == "Driving"
        ]
        if not sides:
            return None
        ramp = int(max(RAMP_S * speed, RAMP_MIN_M) * POINTS_PER_M)
        last = first + ramp + YIELD_AHEAD_POINTS + YIELD_RAMP_POINTS
        shift_to_lane(route, first, last, ramp, left=sides[0])
        state = self._state[record.scenario_id] = Yielding(last - ramp, sides[0])
        record.memory.update(changed_route=True, from_index=first, to_index=last, to_left=sides[0])
        return state
