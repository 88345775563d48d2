"""Tracing key points on the lane graphs of real towns."""

from functools import lru_cache
from pathlib import Path

import carla
import numpy as np
import pytest

from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.global_plan import geo_reference, gps_plan, sparse_indices, world_plan
from lead.routes.model import RouteError
from lead.routes.planner import RoadOption, RoutePlanner
from lead.routes.reader import read_routes

PUBLIC = Path(__file__).resolve().parents[2] / "../shared/data/benchmark_routes"


@lru_cache(maxsize=2)
def town_map(town):
    if town not in installed_towns():
        pytest.skip(f"{town} is not installed (lead towns install {town})")
    return carla.Map(town, read_opendrive(town))


def trace(town, keypoints):
    return RoutePlanner(town_map(town)).trace(np.array(keypoints, dtype=np.float64), "route x")


RIGHT_TURN = [[88.4, 248.3, 0.0], [56.0, 326.6, 0.0]]


def test_points_follow_the_lane_every_metre():
    route = trace("Town01", RIGHT_TURN)
    steps = np.linalg.norm(np.diff(route.xyz, axis=0), axis=1)
    assert steps.max() < 2.0  # where lanes meet, the planner leaves out a point
    assert np.quantile(steps, 0.1) > 0.5
    heading = np.arctan2(*np.diff(route.xyz[:, :2], axis=0).T[::-1])
    error = np.remainder(heading - route.yaw_rad[:-1] + np.pi, 2 * np.pi) - np.pi
    assert np.degrees(np.abs(error)).max() < 15.0
    assert np.linalg.norm(route.xyz[0] - RIGHT_TURN[0]) < 2.0
    assert np.linalg.norm(route.xyz[-1] - RIGHT_TURN[1]) < 2.0
    assert route.distance_m[0] == 0.0
    assert route.length_m == pytest.approx(steps.sum())


def test_turns_are_marked_inside_the_junction_only():
    route = trace("Town01", RIGHT_TURN)
    assert set(route.option[route.is_junction]) == {RoadOption.RIGHT}
    assert set(route.option[~route.is_junction]) == {RoadOption.LANEFOLLOW}


def test_key_points_two_metres_apart_change_nothing():
    sparse = trace("Town01", RIGHT_TURN)
    outside = ~sparse.is_junction
    dense_keypoints = sparse.xyz[outside][::2].round(1)
    dense = trace("Town01", dense_keypoints)
    # Key points are rounded to 0.1 m, as in public files.
    distance = np.linalg.norm(dense.xyz[:, None] - sparse.xyz[None], axis=2).min(axis=1)
    assert distance.max() < 1.0
    assert dense.length_m == pytest.approx(sparse.length_m, abs=3.0)
    assert set(dense.option) == set(sparse.option)


def test_lane_change_between_neighbouring_lanes():
    carla_map = town_map("Town04")
    start = next(
        begin
        for begin, _ in carla_map.get_topology()
        if not begin.is_junction
        and begin.lane_change == carla.LaneChange.Left
        and begin.next(100.0)
        and begin.next(100.0)[0].road_id == begin.road_id
        and begin.get_left_lane().lane_type == carla.LaneType.Driving
    )
    goal = start.next(80.0)[0].get_left_lane()
    keypoints = [[w.transform.location.x, w.transform.location.y, w.transform.location.z] for w in (start, goal)]
    route = trace("Town04", keypoints)
    assert RoadOption.CHANGELANELEFT in route.option
    assert RoadOption.CHANGELANERIGHT not in route.option
    assert route.lane_id[-1] == goal.lane_id
    assert route.length_m < 90.0


def test_goal_behind_the_start_leads_around_the_block():
    route = trace("Town01", [RIGHT_TURN[1], RIGHT_TURN[0]])
    assert route.length_m > 200.0
    assert np.linalg.norm(np.diff(route.xyz, axis=0), axis=1).max() < 8.0


def test_points_off_the_map_are_named():
    with pytest.raises(RouteError, match=r"way point 2 at \(5000.0, 5000.0, 0.0\) is off the map.*Town01"):
        trace("Town01", [RIGHT_TURN[0], [5000.0, 5000.0, 0.0]])


def test_a_single_point_is_no_route():
    with pytest.raises(RouteError, match="route x has 1 way points"):
        trace("Town01", RIGHT_TURN[:1])


def test_sparse_plan_keeps_ends_turns_and_spacing():
    carla_map = town_map("Town01")
    route = trace("Town01", RIGHT_TURN)
    indices = sparse_indices(route, spacing_m=20.0)
    assert indices[0] == 0
    assert indices[-1] == len(route) - 1
    assert set(np.flatnonzero(np.diff(route.option)) + 1) <= set(indices)
    assert np.diff(route.distance_m[indices]).max() < 22.0
    plan = gps_plan(route, indices, carla_map.to_opendrive())
    assert [option for _, option in plan] == [option for _, option in world_plan(route, indices)]
    south = route.xyz[-1, 1] > route.xyz[0, 1]
    assert (plan[-1][0]["lat"] < plan[0][0]["lat"]) == south


def test_sparse_plan_follows_the_official_rule():
    """The official loop adds a step to the distance only after it decided about the point that the step leads to."""
    route = trace("Town03", [[-145.0, 57.2, 0.0], [6.0, -90.0, 0.0]])
    for spacing_m in (50.0, 200.0):
        expected, driven_m = [0], 0.0
        for index in range(1, len(route)):
            now, before = route.option[index], route.option[index - 1]
            if now in (5, 6) or (now != before and before not in (5, 6)) or driven_m > spacing_m:
                expected.append(index)
                driven_m = 0.0
            elif index == len(route) - 1:
                expected.append(index)
            else:
                driven_m += float(np.linalg.norm(route.xyz[index] - route.xyz[index - 1]))
        assert sparse_indices(route, spacing_m) == expected


def test_all_problems_of_key_points_are_listed():
    planner = RoutePlanner(town_map("Town01"))
    points = np.array([RIGHT_TURN[0], [5000.0, 5000.0, 0.0], RIGHT_TURN[1], [-9000.0, 0.0, 0.0]])
    problems = planner.problems(points, "route x")
    assert len(problems) == 2
    assert "way point 2" in problems[0]
    assert "way point 4" in problems[1]
    assert planner.problems(np.array(RIGHT_TURN)) == []


def test_geo_reference_falls_back_to_carlas_defaults():
    assert geo_reference("<geoReference><![CDATA[+proj=tmerc +lat_0=49.5 +lon_0=8.0]]></geoReference>") == (
        49.5,
        8.0,
    )
    assert geo_reference("<OpenDRIVE/>") == (42.0, 2.0)


@pytest.mark.skipif(not PUBLIC.exists(), reason="public route files (../shared) are not on this machine")
@pytest.mark.parametrize("town", ["Town03", "Town06"])
def test_public_routes_trace_without_gaps(town):
    planner = RoutePlanner(town_map(town))
    triggers = hits = 0
    for path in sorted(PUBLIC.glob("longest6/*.xml")) + sorted(PUBLIC.glob("bench2drive/*.xml")):
        for item in read_routes(path):
            if item.town != town:
                continue
            route = planner.trace(item.keypoints, f"route {item.id}")
            steps = np.linalg.norm(np.diff(route.xyz, axis=0), axis=1)
            assert steps.max() < 8.0, path.name
            straight = np.linalg.norm(np.diff(item.keypoints, axis=0), axis=1).sum()
            assert route.length_m < 2.0 * straight + 50.0, path.name
            for scenario in item.scenarios:
                place = np.array([scenario.trigger.x, scenario.trigger.y, scenario.trigger.z])
                triggers += 1
                hits += np.linalg.norm(route.xyz - place, axis=1).min() < 2.0
    # Scenario triggers lie on the route that the official planner traced.
    assert hits == triggers
