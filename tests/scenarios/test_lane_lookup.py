"""The lanes under background cars: what the client's map says, also where a road ends and a junction begins."""

import carla
import numpy as np
import pytest
from scenario_support import map_only

from lead.scenarios.traffic.lane_lookup import OFF_ROAD, LaneLookup

TOWNS = ("Town01", "Town05")


def xyz(waypoint):
    place = waypoint.transform.location
    return np.array([place.x, place.y, place.z])


def by_the_map(carla_map, place):
    """Junction, road and lane."""
    found = carla_map.get_waypoint(carla.Location(*map(float, place)))
    return found.junction_id if found.is_junction else -1, found.road_id, found.lane_id


def by_the_lookup(fact):
    return fact.junction_id, *fact.key


def stop_lines(carla_map):
    """The last points of lanes before junctions, to about 3 cm."""
    for start in carla_map.generate_waypoints(10.0):
        following = start.next(10.0)
        if start.is_junction or len(following) == 0 or not following[0].is_junction:
            continue
        low, high = 0.0, 10.0
        while high - low > 0.03:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if start.next(middle)[0].is_junction else (middle, high)
        yield start.next(low)[0] if low else start


@pytest.mark.parametrize("name", TOWNS)
def test_cars_at_stop_lines_are_before_the_junction_until_they_have_passed_them(name):
    carla_map = map_only(name)
    lines = list(stop_lines(carla_map))[:150]
    lookup = LaneLookup(carla_map, np.array([xyz(line) for line in lines]))
    assert len(lines) > 30
    for offset_m in (-0.9, -0.4, -0.1, 0.15, 0.5, 0.9):
        ahead = [line.transform.get_forward_vector() for line in lines]
        places = np.array([xyz(line) for line in lines])
        places += offset_m * np.array([(vector.x, vector.y, vector.z) for vector in ahead])
        junctions = [fact.junction_id for fact in lookup.find(places)]
        assert junctions == [by_the_map(carla_map, place)[0] for place in places]


@pytest.mark.parametrize("name", TOWNS)
def test_lanes_beside_the_middle_are_those_of_the_map(name):
    carla_map = map_only(name)
    rng = np.random.RandomState(0)
    waypoints = carla_map.generate_waypoints(1.7)
    chosen = [waypoints[index] for index in rng.choice(len(waypoints), 1500)]
    places = np.array([xyz(waypoint) for waypoint in chosen])
    places[:, :2] += rng.uniform(-0.5, 0.5, (len(places), 2))
    facts = LaneLookup(carla_map, places).find(places)
    expected = [by_the_map(carla_map, place) for place in places]
    assert [fact.junction_id for fact in facts] == [junction for junction, *_ in expected]
    # Inside junctions lanes lie upon each other, and either may be meant.
    outside = [(by_the_lookup(fact), each) for fact, each in zip(facts, expected, strict=True) if each[0] < 0]
    assert len(outside) > 500 and all(mine == theirs for mine, theirs in outside)


def test_beside_all_roads_there_is_no_lane():
    carla_map = map_only("Town01")
    lookup = LaneLookup(carla_map, np.array([xyz(carla_map.generate_waypoints(50.0)[0])]))
    assert lookup.find(np.array([[200.0, 200.0, 80.0]])) == [OFF_ROAD]
    assert lookup.find(np.empty((0, 3))) == []
