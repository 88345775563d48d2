"""Route popping against golden cases; target points and commands against the published rules."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lead.control.sparse_route import (
    POP_DISTANCES_M,
    SparseRouteError,
    SparseRoutePlanner,
    TargetPointRules,
    one_hot_command,
    world_to_ego,
)

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@needs_golden
@pytest.mark.parametrize("case", cases("route_planner"), ids=lambda case: case["name"])
def test_points_are_popped_as_published(case):
    inputs = case["inputs"]
    planner = SparseRoutePlanner(
        inputs["route_x_y"], inputs["commands"], POP_DISTANCES_M, max_distance_m=inputs["max_distance"]
    )
    left = {key: [] for key in case["outputs"]}
    for position in inputs["positions"]:
        planner.step(position)
        for key, counts in left.items():
            counts.append(len(planner.points_m) - planner.start(float(key)))
    for key, expected in case["outputs"].items():
        start = planner.start(float(key))
        assert left[key] == expected["points_left"]
        assert planner.is_last(float(key)) is expected["is_last"]
        assert list(planner.commands[:start]) == expected["popped_commands"]
        rest = np.column_stack([planner.points_m[start:], planner.commands[start:]])
        np.testing.assert_array_equal(rest, expected["final_route"])


@needs_golden
def test_commands_are_encoded_as_published():
    for case in cases("small_conversions"):
        codes = [one_hot_command(command) for command in case["inputs"]["commands"]]
        np.testing.assert_array_equal(codes, case["outputs"]["command_one_hot"])


def straight_route(*x):
    return SparseRoutePlanner([[value, 0.0] for value in x], list(range(1, len(x) + 1)), (4.0, 5.0))


def test_target_points_are_in_the_ego_frame():
    planner = straight_route(0.0, 30.0, 60.0, 90.0)
    planner.step((0.0, 0.0))
    points = planner.target_points((10.0, 2.0), math.pi / 2)
    np.testing.assert_allclose(points.previous_ego, [-2.0, 10.0], atol=1e-12)
    np.testing.assert_allclose(points.current_ego, [-2.0, -20.0], atol=1e-12)
    np.testing.assert_allclose(points.next_ego, [-2.0, -20.0], atol=1e-12)  # the next one is farther than 50 m
    assert (points.command, points.next_command) == (1, 2)
    near = planner.target_points((20.0, 0.0), 0.0)
    np.testing.assert_allclose(near.next_ego, [40.0, 0.0], atol=1e-12)
    far = planner.target_points((0.0, 0.0), 0.0, TargetPointRules(skip_distant=False))
    np.testing.assert_allclose(far.next_ego, [60.0, 0.0], atol=1e-12)


def test_close_points_are_passed_later():
    planner = straight_route(0.0, 8.0, 40.0, 80.0)
    planner.step((3.5, 0.0))  # 4.5 m before the second point: only the planner of 5 m has passed it
    assert (planner.start(4.0), planner.start(5.0)) == (0, 1)
    # Without the adaptive rule the point at 8 m is already behind.
    assert planner.target_points((3.5, 0.0), 0.0, TargetPointRules(is_adaptive=False)).previous_ego[0] == 4.5
    assert planner.target_points((3.5, 0.0), 0.0).previous_ego[0] == 4.5  # the points 8 and 40 m are not close
    planner = straight_route(0.0, 8.0, 14.0, 80.0)
    planner.step((3.5, 0.0))
    points = planner.target_points((3.5, 0.0), 0.0)
    assert (points.previous_ego[0], points.current_ego[0]) == (-3.5, 4.5)
    assert points.command == 1


def test_repeated_points_count_once():
    planner = SparseRoutePlanner([[0, 0], [0, 0], [30, 0], [30, 0], [45, 0]], [4, 4, 1, 1, 4], (4.0, 5.0))
    points = planner.target_points((10.0, 0.0), 0.0)
    np.testing.assert_allclose([points.previous_ego[0], points.current_ego[0], points.next_ego[0]], [-10, 20, 35])
    two = SparseRoutePlanner([[0, 0], [30, 0]], [4, 1], (4.0, 5.0)).target_points((10.0, 0.0), 0.0)
    np.testing.assert_allclose([two.previous_ego[0], two.current_ego[0], two.next_ego[0]], [-10, 20, 20])


def test_far_planners_do_not_hinder_near_ones():
    """All distances in one planner give what one planner each gives."""
    rng = np.random.default_rng(1)
    route = np.cumsum(rng.uniform(0.5, 12.0, (80, 2)), axis=0)
    commands = rng.integers(1, 7, 80).tolist()
    together = SparseRoutePlanner(route, commands)
    alone = [SparseRoutePlanner(route, commands, (distance,)) for distance in POP_DISTANCES_M]
    for t in np.linspace(0, 79, 400):
        low = int(t)
        position = route[low] + (t - low) * (route[min(low + 1, 79)] - route[low]) + rng.normal(0, 1.5, 2)
        together.step(position)
        for planner, distance in zip(alone, POP_DISTANCES_M, strict=True):
            planner.step(position)
            assert planner.start(distance) == together.start(distance)
    assert together.is_last(3.0)


def test_ego_frame_is_that_of_the_map():
    np.testing.assert_allclose(world_to_ego([[1.0, 1.0]], [0.0, 1.0], math.pi / 2), [[0.0, -1.0]], atol=1e-12)


def test_bad_routes_are_refused():
    with pytest.raises(SparseRouteError, match="at least two points"):
        SparseRoutePlanner([[0.0, 0.0]], [4])
    with pytest.raises(SparseRouteError, match="2 points but 1 commands"):
        SparseRoutePlanner([[0.0, 0.0], [1.0, 0.0]], [4])
    with pytest.raises(SparseRouteError, match="not finite"):
        SparseRoutePlanner([[0.0, 0.0], [np.nan, 0.0]], [4, 4])
    planner = straight_route(0.0, 30.0)
    with pytest.raises(SparseRouteError, match="finite numbers"):
        planner.step((np.nan, 0.0))
    with pytest.raises(SparseRouteError, match="only with 4, 5"):
        planner.start(3.0)
