"""The planner takes the same way as CARLA's own route planner (agents of 0.9.15, one-metre hops).

The expected numbers were made with that planner on random key points: number of points without repeated ones, length,
the point in the middle, and the commands apart from "follow the lane". 1,048 such routes agreed.
"""

from itertools import groupby

import carla
import numpy as np
import pytest

from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.planner import RoadOption, RoutePlanner

CASES = [
    ("Town01", [(101.4, 59.5, 0.0), (186.5, 55.5, 0.0), (92.4, 38.3, 0.0)], 589, 587.3, (334.9, 14.8), [1, 2, 3, 2]),
    (
        "Town03",
        [(-84.5, 120.4, 0.1), (-34.1, 131.2, 0.0), (-63.4, 131.9, 0.0)],
        440,
        486.1,
        (16.6, -9.7),
        [1, 2, 1, 6, 5, 6, 5, 3, 6, 2],
    ),
    (
        "Town04",
        [(5.5, -298.7, 0.0), (-13.3, -196.7, 0.0), (-9.6, -141.8, 0.0)],
        144,
        164.1,
        (-9.8, -226.2),
        [5, 3, 6, 5, 3],
    ),
    (
        "Town05",
        [(-191.6, -105.5, 0.1), (-127.9, -108.9, 0.0), (-111.6, -88.1, 0.0)],
        573,
        593.2,
        (-131.5, -95.5),
        [3, 1, 6, 3, 2, 5, 3],
    ),
    ("Town06", [(-12.9, 64.5, 0.0), (-52.0, 139.0, 0.0), (-140.7, 142.3, 0.0)], 187, 197.5, (-39.9, 139.0), [2, 5, 3]),
    (
        "Town07",
        [(-0.7, -150.2, 0.0), (-43.1, -158.0, 0.1), (-4.5, -111.2, 0.0)],
        524,
        531.4,
        (-148.5, -54.3),
        [1, 3, 1, 3, 2, 1, 3, 2, 3],
    ),
    (
        "Town10HD",
        [(-88.6, 12.9, 0.0), (-105.3, 7.2, 0.0), (-88.4, -60.7, 0.0)],
        544,
        554.2,
        (35.7, 30.8),
        [2, 5, 1, 6, 2, 5, 3, 1],
    ),
    (
        "Town15",
        [(254.4, -376.2, 152.4), (206.5, -413.3, 152.2), (291.4, -361.5, 152.8)],
        387,
        417.8,
        (246.4, -378.8),
        [2, 1, 2, 1, 2, 1, 6],
    ),
]


@pytest.mark.parametrize(("town", "keypoints", "count", "length_m", "middle", "commands"), CASES)
def test_same_way_as_carlas_planner(town, keypoints, count, length_m, middle, commands):
    if town not in installed_towns():
        pytest.skip(f"{town} is not installed (lead towns install {town})")
    route = RoutePlanner(carla.Map(town, read_opendrive(town))).trace(np.array(keypoints))
    assert len(route) == count
    assert route.length_m == pytest.approx(length_m, abs=0.06)
    assert route.xyz[count // 2, :2] == pytest.approx(middle, abs=0.06)
    turns = [option for option in route.option.tolist() if option != RoadOption.LANEFOLLOW]
    assert [option for option, _ in groupby(turns)] == commands
