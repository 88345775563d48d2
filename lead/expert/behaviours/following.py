"""Keeping behind those who drive ahead, and not hitting anybody in the next two seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lead.expert.forecast import (
    HORIZON_TICKS,
    LANE_CHANGE_TICKS,
    EgoForecast,
    forecast_ego,
    trailing_rows,
    vehicle_hits,
    walker_hits,
)
from lead.expert.idm import Gap, idm_speed
from lead.expert.proposal import Hazard, Proposal
from lead.expert.view import View
from lead.geometry.frames import wrap_rad

LEADING_MIN_M, LEADING_HEADWAY_S = 4.0, 0.25
BICYCLE_MIN_M, BICYCLE_HEADWAY_S = 6.0, 0.5
WALKER = Gap(0.0, 4.5, 0.125)
WALKER_LENGTH_M = 0.5
BEHIND_M, LANE_CHANGE_BEHIND_M, UNDER_WAY_MPS = -2.0, 0.0, 4.0
"""Somebody this far behind the ego's middle who drives the same way is to look out himself. The second counts in a lane
change at more than that speed: by braking in the middle of it the ego would only stand in his way."""
SAME_WAY_RAD = np.radians(45.0)


class LeadingVehicle:
    """Keeps a gap to everybody who drives ahead on the path."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return one speed per leading vehicle."""
        scene = view.scene
        found = []
        for row in view.leading:
            if int(scene.ids[row]) in view.notes.judged and scene.speed_mps[row] > view.speed_mps:
                continue  # It draws away: a gap behind it was found.
            gap = Gap(2.0 * float(scene.half[row, 0]), LEADING_MIN_M, LEADING_HEADWAY_S)
            distance, lead = float(scene.distance_m[row]), max(float(scene.speed_mps[row]), 0.0)
            speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), lead, distance, gap)
            known = scene.known[row]
            found.append(Proposal(speed, "following", Hazard.VEHICLE, int(scene.ids[row]), known.type_id, distance))
        return found


class Forecast:
    """Brakes for whom the ego would hit if all went on as they do now."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return a stop for vehicles, and a gap for bicycles and walkers."""
        ticks = LANE_CHANGE_TICKS if view.near_lane_change else HORIZON_TICKS
        ego = forecast_ego(view.scene, view.route, view.free_mps, ticks)
        return [*self._vehicles(view, ego), *self._walkers(view, ego)]

    def _vehicles(self, view: View, ego: EgoForecast) -> list[Proposal]:
        scene = view.scene
        rows = relevant_vehicles(view)
        found = []
        for hit in vehicle_hits(scene, ego, rows, near_lane_change=view.near_lane_change):
            known, distance = scene.known[hit.row], float(scene.distance_m[hit.row])
            speed = 0.0
            if known.is_bicycle:
                gap = Gap(2.0 * float(scene.half[hit.row, 0]), BICYCLE_MIN_M, BICYCLE_HEADWAY_S)
                lead = max(float(scene.speed_mps[hit.row]), 0.0)
                speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), lead, distance, gap)
            number = int(scene.ids[hit.row])
            found.append(Proposal(speed, "forecast: vehicle", Hazard.VEHICLE, number, known.type_id, distance))
        return found

    def _walkers(self, view: View, ego: EgoForecast) -> list[Proposal]:
        scene = view.scene
        rows = np.flatnonzero(scene.is_walker & scene.is_near & scene.is_visible)
        gap = Gap(WALKER_LENGTH_M + float(scene.ego.extent[0]), WALKER.min_m, WALKER.headway_s)
        found = []
        for hit in walker_hits(scene, ego, rows):
            distance = float(scene.distance_m[hit.row])
            speed = idm_speed(view.free_mps, max(view.speed_mps, 0.0), 0.0, distance, gap)
            number, type_id = int(scene.ids[hit.row]), scene.known[hit.row].type_id
            found.append(Proposal(speed, "forecast: walker", Hazard.WALKER, number, type_id, distance))
        return found


def relevant_vehicles(view: View) -> NDArray[np.intp]:
    """Return the vehicles that the forecast looks at: not those that lead or follow, nor those judged otherwise."""
    scene, route = view.scene, view.route
    left_out = set(view.leading.tolist()) | set(trailing_rows(scene, route, False).tolist())
    left_out |= {scene.rows[number] for number in view.notes.judged if number in scene.rows}
    rows = np.array([row for row in scene.moving_vehicles if int(row) not in left_out], dtype=np.intp)
    if not len(rows):
        return rows
    turn = np.abs(wrap_rad(scene.yaw_rad[rows] - scene.ego.yaw_rad))
    is_changing = view.near_lane_change and view.speed_mps > UNDER_WAY_MPS
    limit_m = LANE_CHANGE_BEHIND_M if is_changing else BEHIND_M
    behind = (scene.relative[rows, 0] < limit_m - scene.half[rows, 0]) & (turn < SAME_WAY_RAD)
    others: NDArray[np.intp] = rows[~behind]
    return others
