"""Look-ups on lanes, on the maps of many towns: places checked by hand, and rules that hold everywhere."""

from __future__ import annotations

import itertools
import math

import carla
import pytest
from scenario_support import lane, map_only

from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import (
    backward,
    entries_from,
    entry_lanes,
    exit_lanes,
    first_non_driving,
    forward,
    junction_ahead,
    lanes_beside,
    next_waypoint,
    opposite_lanes,
    outermost,
    parking_displacement,
    path_between,
    same_direction_lanes,
    shifted,
    side_lane,
    sidewalk,
    sink_point,
    source_point,
    turned,
)

TOWNS = ["Town01", "Town02", "Town03", "Town04", "Town05", "Town06", "Town07", "Town10HD", "Town15"]
DIRECTIONS = ["ref", "left", "opposite", "right"]
KINDS = carla.LaneType
SHORT_ROAD = carla.Map(
    "short",
    """<OpenDRIVE><header revMajor="1" revMinor="4"/><road name="" length="100" id="1" junction="-1">
    <planView><geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry></planView>
    <lanes><laneSection s="0"><center><lane id="0" type="none"/></center><right>
    <lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
    </right></laneSection></lanes></road></OpenDRIVE>""",
)
"""One lane eastwards, 100 m long."""


def xy(waypoint):
    return waypoint.transform.location.x, waypoint.transform.location.y


def keys(waypoints):
    return [(waypoint.road_id, waypoint.lane_id) for waypoint in waypoints]


def junctions(carla_map, count=40):
    found = {}
    for start, _ in carla_map.get_topology():
        if start.is_junction and len(found) < count:
            found.setdefault(start.junction_id, start.get_junction())
    return list(found.values())


def driving_lanes(carla_map, every):
    return [start for start, _ in carla_map.get_topology() if not start.is_junction][::every]


# -- walking ---------------------------------------------------------------------------------------------------------


def test_forward_counts_metres_and_stops_before_a_junction():
    start = lane(map_only("Town01"), 110.0, 59.5)  # eastwards; the junction around x = 156 begins at 144.8
    reached, walked_m = forward(start, 20.0)
    assert walked_m == 20.0
    assert xy(reached) == pytest.approx((130.0, 59.5), abs=0.2)
    reached, walked_m = forward(start, 100.0)
    assert walked_m == pytest.approx(34.5, abs=0.6)
    assert not reached.is_junction and reached.next(1.0)[0].is_junction
    assert forward(start, 0.0) == (start, 0.0)


def test_backward_takes_whole_steps_and_stops_before_a_junction():
    start = lane(map_only("Town01"), 130.0, 59.5)
    assert xy(backward(start, 12.0)) == pytest.approx((115.0, 59.5), abs=0.2)
    assert xy(backward(start, 12.0, step_m=1.0)) == pytest.approx((118.0, 59.5), abs=0.2)
    first = backward(start, 1000.0)
    assert not first.is_junction and first.previous(5.0)[0].is_junction


def test_the_end_of_a_road_is_an_error_that_names_the_place():
    waypoint = lane(SHORT_ROAD, 70.0, 2.0)
    reached, walked_m = forward(waypoint, 50.0)
    assert walked_m == pytest.approx(30.0, abs=1.0) and not reached.next(1.0)
    assert xy(next_waypoint(waypoint, 20.0)) == pytest.approx((90.0, 1.75), abs=0.01)
    with pytest.raises(ScenarioError, match=r"the road ends less than 50 m after \(70.0, 1.8, 0.0\)"):
        next_waypoint(waypoint, 50.0)
    with pytest.raises(ScenarioError, match="the road ends"):
        junction_ahead(waypoint)
    with pytest.raises(ScenarioError, match="before a junction was passed"):
        sink_point(waypoint, 0, 10.0)
    with pytest.raises(ScenarioError, match="the road begins less than 5 m before"):
        source_point(waypoint, 100.0)
    assert xy(backward(waypoint, 100.0))[0] < 6.0


# -- side lanes ------------------------------------------------------------------------------------------------------


def test_lanes_of_a_hand_checked_road():
    inner = lane(map_only("Town05"), 50.0, -1.7)  # westwards: two lanes, two shoulders and a sidewalk; same opposite
    outer = lane(map_only("Town05"), 50.0, -5.2)
    assert keys([side_lane(inner, left=False), side_lane(inner, left=True)]) == [(39, -2), (39, 1)]
    assert keys(same_direction_lanes(inner)) == keys(same_direction_lanes(outer)) == [(39, -1), (39, -2)]
    assert keys(opposite_lanes(inner)) == keys(opposite_lanes(outer)) == [(39, 1), (39, 2)]
    assert keys(opposite_lanes(opposite_lanes(outer)[1])) == [(39, -1), (39, -2)]
    assert keys([outermost(inner, False, {KINDS.Driving})]) == [(39, -2)]
    assert keys([outermost(inner, True, {KINDS.Driving})]) == [(39, 2)]
    assert keys([outermost(inner, False, {KINDS.Sidewalk})]) == [(39, -1)]
    beside, width_m = first_non_driving(inner, left=False)
    assert keys([beside]) == [(39, -3)] and width_m == pytest.approx(3.5)
    assert keys([first_non_driving(inner, left=True)[0]]) == [(39, 3)]
    assert keys([sidewalk(inner, left=False), sidewalk(inner, left=True)]) == [(39, -5), (39, 5)]
    assert xy(sidewalk(inner, left=False))[1] == pytest.approx(-9.6, abs=0.1)
    assert xy(sidewalk(inner, left=True))[1] == pytest.approx(9.7, abs=0.1)


def test_medians_end_a_direction_but_opposite_lanes_lie_beyond():
    waypoint = lane(map_only("Town03"), 49.9, 3.8)
    assert keys(same_direction_lanes(waypoint)) == [(8, 4), (8, 5)]
    assert keys(opposite_lanes(waypoint)) == [(8, -1), (8, -2)]


def test_a_lane_without_neighbours_has_nothing_beside_it():
    waypoint = lane(map_only("Town10HD"), -49.9, -60.2)
    assert side_lane(waypoint, left=True) is None and sidewalk(waypoint, left=False) is None
    assert keys(same_direction_lanes(waypoint)) == keys([waypoint]) and opposite_lanes(waypoint) == []
    with pytest.raises(ScenarioError, match="nothing beside the road on the right"):
        first_non_driving(waypoint, left=False)


@pytest.mark.parametrize("town", TOWNS)
def test_lanes_on_a_side_lead_outwards_and_end(town):
    for waypoint in driving_lanes(map_only(town), every=9):
        pose = waypoint.transform
        right = pose.get_right_vector()
        for left in (False, True):
            offsets = [
                (beside.transform.location.x - pose.location.x) * right.x
                + (beside.transform.location.y - pose.location.y) * right.y
                for beside in itertools.islice(lanes_beside(waypoint, left), 50)
            ]
            assert len(offsets) < 50
            outwards = [-offset if left else offset for offset in offsets]
            assert all(near <= far + 1e-3 for near, far in itertools.pairwise([0.0, *outwards]))
        assert (waypoint.road_id, waypoint.lane_id) in keys(same_direction_lanes(waypoint))
        for other in opposite_lanes(waypoint):
            assert (waypoint.road_id, waypoint.lane_id) in keys(opposite_lanes(other))
            assert math.cos(math.radians(other.transform.rotation.yaw - pose.rotation.yaw)) < -0.9


# -- junctions -------------------------------------------------------------------------------------------------------


def test_a_junction_with_three_arms():
    start = lane(map_only("Town01"), 110.0, 59.5)
    ahead = junction_ahead(start)
    assert ahead.junction.id == 332 and ahead.waypoint.is_junction
    assert ahead.distance_m == pytest.approx(35.3, abs=0.6)
    assert xy(ahead.waypoint) == pytest.approx((110.0 + ahead.distance_m, 59.5), abs=0.2)
    entries = entry_lanes(ahead.junction)
    assert sorted(keys(entries)) == [(9, -1), (10, 1), (25, -1)]
    assert sorted(keys(exit_lanes(ahead.junction))) == [(9, 1), (10, -1), (25, 1)]
    yaw_deg = ahead.waypoint.transform.rotation.yaw
    found = {direction: keys(entries_from(entries, yaw_deg, direction)) for direction in DIRECTIONS}
    assert found == {"ref": [(9, -1)], "left": [(25, -1)], "opposite": [(10, 1)], "right": []}
    inside = junction_ahead(ahead.waypoint)
    assert inside.distance_m == 0.0 and inside.junction.id == 332


def test_a_junction_with_many_lanes():
    carla_map = map_only("Town05")
    junction = junction_ahead(lane(carla_map, 5.0, 201.6)).junction
    entries = entry_lanes(junction)
    east = [(37, -1), (37, -2), (37, -3)]
    west = [(38, 2), (38, 3), (38, 4)]
    south = [(27, 1), (27, 2)]
    assert sorted(keys(entries)) == sorted(east + west + south)
    by_side = {direction: sorted(keys(entries_from(entries, 0.0, direction))) for direction in DIRECTIONS}
    assert by_side == {"ref": sorted(east), "left": south, "opposite": west, "right": []}
    by_side = {direction: sorted(keys(entries_from(entries, 90.0, direction))) for direction in DIRECTIONS}
    assert by_side == {"ref": south, "left": west, "opposite": [], "right": sorted(east)}


@pytest.mark.parametrize("difference_deg, side", [
    (0.0, "ref"), (29.9, "ref"), (30.1, "left"), (134.9, "left"), (135.1, "opposite"), (224.9, "opposite"),
    (225.1, "right"), (329.9, "right"), (330.1, "ref"), (-90.0, "right"), (450.0, "left"),
])  # fmt: skip
def test_sides_are_told_apart_by_heading(difference_deg, side):
    (entry,) = [lane(map_only("Town01"), 140.0, 59.5)]
    yaw_deg = entry.transform.rotation.yaw
    found = [each for each in DIRECTIONS if entries_from([entry], yaw_deg - difference_deg, each)]
    assert found == [side]


@pytest.mark.parametrize("town", TOWNS)
def test_entries_and_exits_lie_just_outside(town):
    carla_map = map_only(town)
    for junction in junctions(carla_map):
        entries, exits = entry_lanes(junction), exit_lanes(junction)
        assert entries or exits
        for lanes in (entries, exits):
            assert len(set(keys(lanes))) == len(lanes)
            assert not any(waypoint.is_junction for waypoint in lanes)
        for entry in entries:
            assert any(each.is_junction for each in entry.next(0.25))
            yaw_deg = entry.transform.rotation.yaw
            sides = {side: keys(entries_from(entries, yaw_deg, side)) for side in DIRECTIONS}
            assert sorted(itertools.chain(*sides.values())) == sorted(keys(entries))
            assert (entry.road_id, entry.lane_id) in sides["ref"]
            for other in entries_from(entries, yaw_deg, "left"):
                assert entry in entries_from([entry], other.transform.rotation.yaw, "right")
        for leave in exits:
            assert any(each.is_junction for each in leave.previous(0.25))


def test_entries_come_in_the_same_order_every_time():
    first, second = (entry_lanes(junctions(map_only("Town05"))[3]) for _ in range(2))
    assert keys(first) == keys(second)


def test_sources_lie_before_and_sinks_behind_a_junction():
    carla_map = map_only("Town05")
    entry = entries_from(entry_lanes(junction_ahead(lane(carla_map, 5.0, 201.6)).junction), 90.0, "ref")[0]
    source = source_point(entry, 12.0)
    assert xy(source) == pytest.approx((28.0, 177.2 - 15.0), abs=0.3)
    assert xy(source_point(entry, 12.0, step_m=1.0)) == pytest.approx((28.0, 177.2 - 12.0), abs=0.3)
    first = source_point(entry, 60.0)  # another junction ends 27 m before
    assert not first.is_junction and first.previous(5.0)[0].is_junction
    left, path = sink_point(source, -1, 12.5)  # southwards, hence to the east
    assert left.road_id == 38 and xy(left)[0] == pytest.approx(44.4 + 12.5, abs=1.2)
    right, _ = sink_point(source_point(lane(carla_map, 24.5, 170.0), 10.0), 1, 5.0)
    assert right.road_id == 37 and right.lane_id > 0
    assert path[0] is source and path[-1] is left
    check_path(path)


def test_the_straightest_way_is_taken():
    carla_map = map_only("Town05")
    start = lane(carla_map, 0.0, 205.1)
    sink, path = sink_point(start, 0, 30.0)
    assert (sink.road_id, sink.lane_id) == (38, -2)
    assert xy(sink) == pytest.approx((44.4 + 30.0, 205.3), abs=1.2)
    check_path(path)
    assert keys([sink_point(start, 0, 0.0)[0]]) == [(38, -2)]


@pytest.mark.parametrize(
    ("town", "entry", "turn", "expected"),
    [
        ("Town03", (-7.7, -29.8), 0, (38, -5)),
        ("Town03", (-77.8, 28.7), 1, (62, -1)),
        ("Town04", (-380.6, -12.1), -1, (40, 3)),
        ("Town07", (-0.1, -228.4), 0, (21, -1)),
        ("Town10HD", (82.8, 28.4), 1, (2, 2)),
    ],
)
def test_branches_that_hardly_differ_are_chosen_as_by_carla(town, entry, turn, expected):
    # What CARLA's scenario runner answers: the branches coincide for 10 m, or turn as far to the left as to the right.
    sink, _ = sink_point(source_point(lane(map_only(town), *entry), 20.0), turn, 0.0)
    assert (sink.road_id, sink.lane_id) == expected


@pytest.mark.parametrize("town", TOWNS)
def test_paths_through_junctions_are_continuous(town):
    done = 0
    for junction in junctions(map_only(town), count=15):
        for entry in entry_lanes(junction)[:3]:
            for turn in (-1, 0, 1):
                try:
                    sink, path = sink_point(source_point(entry, 20.0), turn, 12.0)
                except ScenarioError:
                    continue
                check_path(path)
                assert any(waypoint.is_junction for waypoint in path) and path[-1] is sink
                done += 1
    assert done > 20


def check_path(path):
    for first, second in itertools.pairwise(path):
        assert first.transform.location.distance(second.transform.location) < 2.0  # outside of a tight bend


def test_turns_are_ordered_from_left_to_right():
    for town in ("Town03", "Town05", "Town10HD"):
        for junction in junctions(map_only(town), count=10):
            for entry in entry_lanes(junction):
                try:
                    ends = [sink_point(entry, turn, 1.0)[0].transform for turn in (-1, 1)]
                except ScenarioError:
                    continue
                heading = entry.transform.rotation.yaw
                left, right = (math.remainder(end.rotation.yaw - heading, 360.0) for end in ends)
                assert left <= right + 1.0


# -- poses -----------------------------------------------------------------------------------------------------------


def pose(yaw_deg=0.0, pitch_deg=0.0):
    return carla.Transform(carla.Location(10.0, 20.0, 1.0), carla.Rotation(yaw=yaw_deg, pitch=pitch_deg))


def place(transform):
    return transform.location.x, transform.location.y, transform.location.z


def test_poses_are_shifted_in_their_own_frame():
    start = pose(yaw_deg=90.0)  # faces +y; right is -x
    moved = shifted(start, right_m=2.0, forward_m=3.0, up_m=0.5)
    assert place(moved) == pytest.approx((8.0, 23.0, 1.5), abs=1e-5)
    assert moved.rotation == start.rotation
    uphill = shifted(pose(pitch_deg=30.0), forward_m=2.0)
    assert place(uphill) == pytest.approx((10.0 + math.sqrt(3.0), 20.0, 2.0), abs=1e-5)
    assert place(start) == (10.0, 20.0, 1.0)


def test_poses_are_turned_on_the_spot():
    start = pose(yaw_deg=45.0, pitch_deg=3.0)
    there = turned(start, 90.0)
    assert (there.rotation.yaw, there.rotation.pitch) == pytest.approx((135.0, 3.0))
    assert place(there) == place(start) and start.rotation.yaw == pytest.approx(45.0)


@pytest.mark.parametrize("left, towards_road, side", [(0, 0, 1.0), (1, 0, -1.0), (0, 1, -1.0), (1, 1, 1.0)])
def test_parked_cars_stand_at_the_edge(left, towards_road, side):
    waypoint = lane(map_only("Town05"), 50.0, -5.2)  # 3.5 m wide, heading west: right is -y
    there = parking_displacement(waypoint, 0.9, bool(left), towards_road=bool(towards_road))
    x, y, z = place(waypoint.transform)
    assert place(there) == pytest.approx((x, y - side * (3.5 - 0.9) / 4.0, z + 0.05), abs=0.01)


# -- paths -----------------------------------------------------------------------------------------------------------


def test_paths_lead_through_the_town():
    carla_map = map_only("Town01")
    start, end = lane(carla_map, 110.0, 59.5), lane(carla_map, 158.0, 30.0)
    path = path_between(carla_map, start, end)
    assert path[0].transform.location.distance(start.transform.location) < 1.0
    assert path[-1].transform.location.distance(end.transform.location) < 0.1
    assert {9, 25} <= {waypoint.road_id for waypoint in path}
    check_path(path[:-1])
    assert len(path) == pytest.approx(70, abs=10)
    assert path_between(carla_map, start, start.next(1.0)[0])[0] is start


def test_a_path_that_does_not_exist_is_an_error():
    with pytest.raises(ScenarioError, match="path of an actor"):
        path_between(SHORT_ROAD, lane(SHORT_ROAD, 70.0, 2.0), lane(SHORT_ROAD, 20.0, 2.0))
