"""The junctions along a route, on the real maps, without a simulator."""

import carla
import numpy as np
import pytest
from scenario_support import lane, map_only

from lead.maps.towns import installed_towns
from lead.routes.planner import DenseRoute, RoadOption
from lead.scenarios.traffic.junction_cache import find_junctions
from lead.scenarios.traffic.lanes import LaneKey, key_of

LARGE = ("Town11", "Town12", "Town13")
TOWNS = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in installed_towns()]
RURAL = {"Town11": 1600.0}
"""Length of sample routes in metres where junctions are far apart."""
ROUNDABOUT = {1082, 1469, 1654, 1736, 1205}
GAS_STATION_TOWN03 = {1932, 1019, 82}
GAS_STATION_TOWN04 = {459, 483, 870}


def follow(waypoint, length_m, branch=0):
    """A route along the lanes, one point per metre; ``branch`` chooses at forks."""
    waypoints = [waypoint]
    for _ in range(int(length_m)):
        following = waypoints[-1].next(1.0)
        if not following:
            break
        waypoints.append(following[branch % len(following)])
    places = [each.transform for each in waypoints]
    xyz = np.array([(place.location.x, place.location.y, place.location.z) for place in places])
    steps = np.linalg.norm(np.diff(xyz, axis=0), axis=1)
    return DenseRoute(
        xyz=xyz,
        yaw_rad=np.radians([place.rotation.yaw for place in places]),
        option=np.full(len(waypoints), RoadOption.LANEFOLLOW, dtype=np.int8),
        road_id=np.array([each.road_id for each in waypoints], dtype=np.int32),
        section_id=np.array([each.section_id for each in waypoints], dtype=np.int32),
        lane_id=np.array([each.lane_id for each in waypoints], dtype=np.int32),
        s=np.array([each.s for each in waypoints]),
        is_junction=np.array([each.is_junction for each in waypoints]),
        distance_m=np.concatenate([[0.0], np.cumsum(steps)]),
        waypoints=tuple(waypoints),
    )


def sample_routes(carla_map, count=24, length_m=400.0):
    starts = carla_map.generate_waypoints(60.0)
    starts = [each for each in starts if not each.is_junction]
    for number, start in enumerate(starts[:: max(1, len(starts) // count)][:count]):
        yield follow(start, length_m, branch=number % 3)


@pytest.mark.parametrize("name", TOWNS)
def test_every_junction_of_a_route_is_found_with_its_lanes(name):
    carla_map = map_only(name)
    found = 0
    for route in sample_routes(carla_map, length_m=RURAL.get(name, 400.0)):
        cache = find_junctions(carla_map, route)
        inside = route.is_junction & ~np.isin([w.junction_id for w in route.waypoints], list(cache.plain_ids))
        covered = np.zeros(len(route), dtype=bool)
        last_exit = 0
        for junction in cache.junctions:
            found += 1
            end = len(route) if junction.exit_index is None else junction.exit_index
            assert last_exit <= junction.entry_index < end
            last_exit = end
            covered[junction.entry_index : end] = True  # the point before may lie in an adjoining junction
            assert route.waypoints[junction.entry_index + 1].junction_id in junction.ids
            check_lanes(route, junction, cache.plain_ids)
        assert not (inside & ~covered)[np.argmin(inside) :].any()
    assert found > 10


def check_lanes(route, junction, plain_ids):
    entries = [key_of(entry) for entry in junction.entries]
    assert len(set(entries)) == len(entries)
    assert not set(entries) & set(junction.exits), "a lane that connects joined junctions is no entry"
    for waypoint in [*junction.entries, *(way.waypoint for way in junction.exits.values())]:
        assert not waypoint.is_junction or waypoint.junction_id in plain_ids
    assert set(junction.route_entry_keys) <= set(entries) and set(junction.opposite_entry_keys) <= set(entries)
    assert set(junction.route_exit_keys) <= set(junction.exits) >= set(junction.opposite_exit_keys)
    assert junction.route_entry_keys or not entries
    if junction.exit_index is None:
        assert not junction.route_exit_keys and not junction.opposite_entry_keys
    before = route.waypoints[junction.entry_index]
    if not before.is_junction and key_of(before) in entries:
        assert key_of(before) in junction.route_entry_keys


def test_a_junction_in_which_the_route_begins_is_left_out_and_one_in_which_it_ends_has_no_exit():
    carla_map = map_only("Town05")
    start = next(each for each in carla_map.generate_waypoints(10.0) if each.is_junction)
    route = follow(start, 300.0)
    first_outside = int(np.argmin(route.is_junction))
    cache = find_junctions(carla_map, route)
    assert cache.junctions[0].entry_index >= first_outside
    entry = cache.junctions[0].entry_index
    cut = follow(start, entry + 3)
    assert cut.is_junction[-1]
    (last,) = find_junctions(carla_map, cut).junctions
    assert (last.entry_index, last.exit_index) == (entry, None)
    assert last.entries and last.exits and not last.route_exit_keys


def test_a_crossing_of_three_roads_has_its_lanes():
    carla_map = map_only("Town05")
    route = follow(lane(carla_map, -204.1, 84.3), 200.0)
    junction = find_junctions(carla_map, route).junctions[0]
    before = route.waypoints[junction.entry_index]
    assert [key.lane_id for key in junction.route_entry_keys] == sorted(
        (key.lane_id for key in junction.route_entry_keys), key=abs
    ), "the inner lane comes first"
    assert {key.road_id for key in junction.route_entry_keys} == {before.road_id}
    assert {key.road_id for key in junction.opposite_exit_keys} == {before.road_id}
    assert all(key.lane_id * before.lane_id < 0 for key in junction.opposite_exit_keys)
    assert len(junction.entries) == len(junction.exits) == 6, "two lanes each way on three arms"


def joined_junctions(name, ids, member_lanes):
    """Routes that start some metres before each member of a complex place, and the joined junctions on them."""
    carla_map = map_only(name)
    for road_id, lane_id, s_m in member_lanes:
        for branch in (0, 1):
            start = carla_map.get_waypoint_xodr(road_id, lane_id, s_m)
            while start.is_junction:
                start = start.previous(1.0)[0]
            route = follow(start.previous(3.0)[0], 150.0, branch)
            for junction in find_junctions(carla_map, route).junctions:
                if set(junction.ids) & ids:
                    yield route, junction


@pytest.mark.parametrize(
    ("name", "ids", "member_lanes", "lanes"),
    [
        (
            "Town03",
            ROUNDABOUT,
            [(1100, -5, 16.6), (1624, -5, 25.3), (1655, -5, 8.3), (1772, 3, 16.2), (1206, -5, 5.9)],
            7,
        ),
        ("Town03", GAS_STATION_TOWN03, [(1031, -1, 11.3), (100, -1, 18.8), (1959, -1, 22.7)], 6),
        ("Town04", GAS_STATION_TOWN04, [(518, -1, 8.1), (886, 1, 10.11), (467, 1, 25.8)], 4),
    ],
)
def test_roundabout_and_gas_stations_are_one_junction_each_wherever_the_route_enters(name, ids, member_lanes, lanes):
    seen = list(joined_junctions(name, ids, member_lanes))
    assert {junction.ids[0] for _, junction in seen} == ids, "each member was entered first once"
    for route, junction in seen:
        assert set(junction.ids) == ids
        assert (len(junction.entries), len(junction.exits)) == (lanes, lanes)
        inside = {w.junction_id for w in route.waypoints[junction.entry_index + 1 : junction.exit_index]}
        assert inside & ids


def test_the_lanes_of_the_roundabout_itself_are_no_entries():
    (_, junction), *_ = joined_junctions("Town03", ROUNDABOUT, [(1100, -5, 16.6)])
    assert not {key.road_id for key in [*junction.exits, *map(key_of, junction.entries)]} & {36, 37, 38, 12}


def test_a_junction_where_nobody_meets_counts_as_road():
    carla_map = map_only("Town07")
    route = follow(lane(carla_map, -143.7, -89.6), 300.0)
    cache = find_junctions(carla_map, route)
    assert 633 in cache.plain_ids
    assert (LaneKey(49, -3), LaneKey(40, -1)) in cache.lane_pairs and (
        LaneKey(40, 1),
        LaneKey(50, -3),
    ) in cache.lane_pairs
    assert all(633 not in junction.ids for junction in cache.junctions)
    assert any(each.junction_id == 633 for each in route.waypoints)


def test_a_crossing_is_never_plain():
    carla_map = map_only("Town01")
    for route in sample_routes(carla_map, 10):
        assert not find_junctions(carla_map, route).plain_ids, "all junctions of Town01 are crossings"


def test_a_motorway_exit_with_lanes_of_its_own_is_a_junction():
    """Nobody meets there either, but cars leave and join the road."""
    carla_map = map_only("Town04")
    route = follow(carla_map.get_waypoint(carla.Location(16.0, 190.0, 0.0)), 1200.0)
    cache = find_junctions(carla_map, route)
    assert any(len(junction.entries) > 4 for junction in cache.junctions)
