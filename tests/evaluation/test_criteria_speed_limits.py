"""Tables of speed limits from the landmarks of real maps."""

from collections import Counter

import numpy as np
import pytest
from criteria_support import town

from lead.evaluation.speed_limits import SpeedLimitTable, _SignsAhead, _spread, speed_limit_table
from lead.routes.lane_graph import lane_key

# Points per limit in the tables that come with Fail2Drive.
PUBLISHED = {
    "Town01": {50: 1206, 80: 1031, 100: 4224},
    "Town03": {50: 150, 80: 1087, 100: 12728},
    "Town04": {50: 8342, 80: 6218, 100: 19110},
    "Town05": {50: 620, 80: 4872, 100: 18720},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_tables_are_the_published_ones(name):
    table = speed_limit_table(town(name)[1], use_cache=False)
    assert Counter(table.limits_kmh.tolist()) == PUBLISHED[name]


def test_town02_differs_from_the_published_table_in_few_points():
    # Two signs less than a metre apart on different branches: which is nearer depends on the search step.
    counts = Counter(speed_limit_table(town("Town02")[1], use_cache=False).limits_kmh.tolist())
    assert sum(abs(counts[limit] - number) for limit, number in {50: 842, 80: 1947, 100: 183}.items()) < 60


@pytest.mark.parametrize(
    "name", ["Town07", "Town10HD", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Town06", "Town15"))]
)
def test_towns_without_fast_signs_have_50_everywhere(name):
    assert set(speed_limit_table(town(name)[1], use_cache=False).limits_kmh.tolist()) == {50}


def test_signs_ahead_are_those_the_library_finds():
    carla_map = town("Town04")[1]
    signs = _SignsAhead(carla_map)
    waypoints = carla_map.generate_waypoints(1.0)
    for waypoint in waypoints[:: len(waypoints) // 200]:
        near = waypoint.get_landmarks_of_type(400.0, "274", False)
        if near:
            least_m = min(sign.distance for sign in near)
            nearest = {sign.value for sign in near if sign.distance < least_m + 0.01}
            assert signs.value(lane_key(waypoint), waypoint.s) in nearest


def test_places_without_a_sign_take_the_largest_value_around():
    xy = np.array([[0.0, 0.0], [50.0, 0.0], [50.0, 40.0], [300.0, 0.0]])
    assert _spread(xy, np.array([30.0, 0.0, 60.0, 110.0])).tolist() == [50, 80, 80, 120]


def test_neighbours_within_five_metres_share_the_larger_limit():
    xy = np.array([[0.0, 0.0], [5.4, 5.4], [11.0, 0.0]])
    assert _spread(xy, np.array([30.0, 90.0, 30.0])).tolist() == [100, 100, 50]


def test_the_nearest_point_counts_in_all_three_dimensions():
    places = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 8.0]], dtype=np.float32)
    table = SpeedLimitTable.of(places, np.array([50, 100], dtype=np.uint8))
    assert table.at(np.array([1.0, 0.0, 3.0])) == 50.0
    assert table.at(np.array([1.0, 0.0, 5.0])) == 100.0


@pytest.fixture
def small_map():
    return town("Town02")[1]


# The map comes first: it is read from the cache that the other fixture replaces.
def test_tables_are_kept_and_damaged_ones_made_again(small_map, empty_cache):
    first = speed_limit_table(small_map)
    (path,) = (empty_cache / "speed_limits").iterdir()
    written_ns = path.stat().st_mtime_ns
    np.testing.assert_array_equal(speed_limit_table(small_map).limits_kmh, first.limits_kmh)
    assert path.stat().st_mtime_ns == written_ns
    path.write_bytes(b"no table")
    np.testing.assert_array_equal(speed_limit_table(small_map).locations, first.locations)
    assert path.stat().st_size > 1000
