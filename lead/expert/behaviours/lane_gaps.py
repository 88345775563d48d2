"""Looking whether a neighbouring lane is free before the path goes there."""

from __future__ import annotations

import numpy as np

from lead.expert.gaps import Line, Margins, Runner, conflicts, ego_way
from lead.expert.route import ExpertRoute
from lead.expert.scene import SAME_ROAD_M
from lead.expert.view import View
from lead.geometry.frames import wrap_rad

ON_LANE_M = 2.0
SAME_WAY_RAD = np.radians(40.0)
BEHIND_POINTS, AHEAD_POINTS = 900, 900
LINE_STRIDE = 10
AHEAD_M = 2.0
"""Cars in the other lane that are farther ahead than this are followed, not waited for."""
CAREFUL = Margins(length_m=0.5, headway_s=0.3, width_m=0.0, horizon_s=4.0, yields_mps2=1.0)
IMPATIENT = Margins(length_m=0.4, headway_s=0.05, width_m=0.0, horizon_s=4.0, yields_mps2=4.0)


def lane_line(route: ExpertRoute, left: bool) -> Line:
    """Return the centre line of the neighbouring lane beside the path, in its direction."""
    first, last = max(route.index - BEHIND_POINTS, 0), min(route.index + AHEAD_POINTS, len(route))
    offset = route.neighbour_offset(left)[first:last:LINE_STRIDE]
    return Line.through(route.original_xy[first:last:LINE_STRIDE] + offset)


def blockers(view: View, left: bool, margins: Margins) -> list[int]:
    """Return the rows of the cars in a neighbouring lane that leave no gap for the ego as it would drive now."""
    scene, route = view.scene, view.route
    line = lane_line(route, left)
    runners = []
    for row in scene.moving_vehicles:
        if abs(float(scene.relative[row, 2])) > SAME_ROAD_M or scene.relative[row, 0] > AHEAD_M + scene.half[row, 0]:
            continue
        along_m, beside_m = line.place(scene.origin[row, :2])
        yaw = float(line.yaw_rad[min(int(along_m / 0.5), len(line.yaw_rad) - 1)])
        turn = abs(float(wrap_rad(scene.yaw_rad[row] - yaw)))
        if beside_m < ON_LANE_M and turn < SAME_WAY_RAD:
            runners.append(Runner(int(row), line, along_m, max(float(scene.speed_mps[row]), 0.0)))
    way = ego_way(route, view.speed_mps, view.free_mps, margins.horizon_s, hurried=True)
    return conflicts(scene, route, way, runners, margins)
