"""Getting round what blocks the ego's lane where the lane beside it leads the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lead.dataset.weather_choice import Visibility
from lead.expert.behaviours.lane_gaps import CAREFUL, IMPATIENT, blockers
from lead.expert.behaviours.two_ways import is_incomplete
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Commitment, Hazard, Proposal
from lead.expert.route import POINTS_PER_M
from lead.expert.route_edits import shift_to_lane
from lead.expert.view import View
from lead.scenarios.active import ActiveScenario

BEGIN_M = 50.0
PASSED_M = 3.0
URBAN_LIMIT_MPS, FAST_MPS, VERY_FAST_MPS = 15.0, 20.0, 25.0
HOLD = Gap(0.0, 2.0, 0.3)
GIVE_WAY_M = 25.0
IMPATIENT_S = 6.0


@dataclass(frozen=True)
class Course:
    """How the path goes round a class of obstacle; points are tenths of a metre.

    Attributes:
        before: Points before the obstacle at which the ego is beside it.
        after: Points behind it.
        urban_after: The same where the limit is below 15 m/s.
        transition: Points of each ramp.
        factor: Share of the way to the other lane's centre.
        near_m: The ego slows down from this distance on.
        sees: The course depends on the weather.
    """

    before: int
    after: int
    urban_after: int
    transition: int
    factor: float
    near_m: tuple[float, float, float]
    sees: bool


COURSES: Mapping[str, Course] = {
    "Accident": Course(150, 120, 5, 100, 1.0, (50.0, 45.0, 40.0), True),
    "ConstructionObstacle": Course(150, 150, 150, 105, 1.12, (50.0, 45.0, 40.0), False),
    "ParkedObstacle": Course(100, 100, 5, 100, 1.0, (45.0, 45.0, 35.0), True),
    "BlockedLane": Course(150, 120, 5, 100, 1.0, (50.0, 45.0, 40.0), True),
}
CAPS_MPS = (10.0, 7.5, 6.75)
CAP_FROM_M = 25.0
SIGHT_POINTS: dict[int, int] = {Visibility.LIMITED: 50, Visibility.VERY_LIMITED: 70}
"""In bad sight the ego is beside the obstacle so many points later."""


class LaneObstacles:
    """Goes round accidents, construction sites and parked cars on roads with several lanes."""

    def __init__(self) -> None:
        """Nothing is on the way yet."""
        self._stretch: dict[int, tuple[int, int, bool]] = {}
        self._waiting_since_s: float | None = None
        self._done: set[int] = set()

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path, slow down, and wait for a gap if the other lane is not free."""
        found: list[Proposal] = []
        for record in view.of(*COURSES):
            if record.first_actor is None or record.scenario_id in self._done:
                continue
            rows = view.scene.rows_of(record.memory["obstacles"])
            if not len(rows) or not record.is_triggered:
                continue
            course = COURSES[record.name]
            first = view.scene.row_of(record.first_actor)
            if record.scenario_id not in self._stretch:
                if first is None or view.scene.distance_m[first] > BEGIN_M or is_incomplete(view, record):
                    continue
                self._begin(view, record, course)
            first_index, _, left = self._stretch[record.scenario_id]
            if float(view.scene.relative[rows, 0].max()) < PASSED_M - 10.0:
                self._done.add(record.scenario_id)
                continue
            found.extend(self._approach(view, course, float(view.scene.distance_m[rows].mean())))
            found.extend(self._wait(view, first_index, left))
        return found, None

    def _begin(self, view: View, record: ActiveScenario, course: Course) -> None:
        """Move the path to the lane beside the obstacle."""
        scene, route = view.scene, view.route
        rows = scene.rows_of(record.memory["obstacles"])
        indices = [route.index_of(scene.origin[row, :2]) for row in rows]
        half = int(float(scene.half[rows, 0].max()) * POINTS_PER_M)
        later = SIGHT_POINTS.get(view.visibility, 0) if course.sees else 0
        transition = course.transition
        after = course.urban_after if scene.ego_limit_mps < URBAN_LIMIT_MPS else course.after
        first = min(indices) - half - transition - (course.before - later)
        last = max(indices) + half + transition + after
        first = max(first, route.index + 10)
        left = record.memory["direction"] == "right"
        stretch = shift_to_lane(route, first, last, transition, left=left, factor=course.factor)
        self._stretch[record.scenario_id] = (*stretch, left)
        record.memory.update(changed_route=True, from_index=stretch[0])

    @staticmethod
    def _approach(view: View, course: Course, mean_m: float) -> list[Proposal]:
        limit = view.scene.ego_limit_mps
        level = 0 if limit > VERY_FAST_MPS else 1 if limit > FAST_MPS else 2
        if CAP_FROM_M < mean_m < course.near_m[level]:
            return [Proposal(CAPS_MPS[level], "obstacle: approach", distance_m=mean_m)]
        return []

    def _wait(self, view: View, first: int, left: bool) -> list[Proposal]:
        """Wait before the first point of the lane change while the other lane is not free."""
        scene, route = view.scene, view.route
        distance_m = (first - route.index) / POINTS_PER_M
        if not 0.0 < distance_m < GIVE_WAY_M:
            return []
        now = scene.time_s
        waited = self._waiting_since_s is not None and now - self._waiting_since_s > IMPATIENT_S
        met = blockers(view, left, IMPATIENT if waited else CAREFUL)
        if not met:
            return []
        if view.speed_mps < 0.5 and self._waiting_since_s is None:
            self._waiting_since_s = now
        view.notes.dangerous.update(int(scene.ids[row]) for row in met)
        row = met[0]
        speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), 0.0, distance_m, HOLD)
        return [
            Proposal(
                speed,
                "obstacle: lane not free",
                Hazard.VEHICLE,
                int(scene.ids[row]),
                scene.known[row].type_id,
                float(scene.distance_m[row]),
            )
        ]
