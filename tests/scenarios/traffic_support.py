"""An ego that is carried along a route among the background traffic, for its tests."""

import contextlib

import numpy as np
import pytest
from scenario_support import make_stage
from test_traffic_junctions import follow

from lead.scenarios.lane_tools import opposite_lanes, same_direction_lanes
from lead.scenarios.traffic.bubble import TrafficBubble

TOWN = "Town05"


class Ride:
    """An ego that is carried along its route among the traffic; every tick checks that the tables agree."""

    def __init__(self, bench, speed_mps=0.0):
        self.bench = bench
        self.stage = bench.stage
        self.bubble = TrafficBubble(bench.stage)
        bench.step(1, self.bubble.tick)
        self.state, self.fleet, self.route = self.bubble.state, self.bubble.fleet, self.bubble.route
        self.way_m = 0.0
        self.speed_mps = speed_mps
        self.now_mps = 0.0
        self.seen = {car.number for car in self.fleet}

    def tick(self, message=None):
        """One tick, after the message is posted."""
        if message is not None:
            self.stage.post(message)
        # It gains speed like a car: the others start from a stand, too.
        self.now_mps = min(self.speed_mps, self.now_mps + 0.15)
        if self.now_mps:
            self.put(self.way_m + 0.05 * self.now_mps)
        self.bench.step(1, self.bubble.tick)
        self.seen |= {car.number for car in self.fleet}
        check_tables(self.bubble)

    def stop(self):
        self.speed_mps = self.now_mps = 0.0
        self.put(self.way_m)

    def go(self, seconds, check=lambda: None):
        for _ in range(round(20 * seconds)):
            self.tick()
            check()

    def put(self, way_m):
        """Put the ego on the route, so far from its start."""
        dense = self.stage.dense
        index = min(int(np.searchsorted(dense.distance_m, way_m)), len(dense) - 1)
        pose = dense.waypoints[index].transform
        self.way_m = way_m
        self.bench.move_ego(pose, self.now_mps)

    def left_to_junction_m(self):
        dense = self.stage.dense
        return dense.distance_m[self.state.coming[0].entry_index] - dense.distance_m[self.route.index]

    def road_cars(self, *, behind):
        return [car for car in self.state.road_cars() if car.is_behind is behind]


def route_ahead_m(ride, place):
    """Way along the route from the ego to the route point beside a place."""
    dense = ride.stage.dense
    beside = int(np.argmin(np.linalg.norm(dense.xyz - place, axis=1)))
    return dense.distance_m[beside] - dense.distance_m[ride.route.index]


def along_route(ride, place):
    return float(np.dot(np.subtract(place, ride.route.origin), ride.route.forward))


def check_tables(bubble):
    """Every car is in one table, and no table has a car that is gone."""
    state, alive = bubble.state, set(bubble.fleet)
    tables = [*state.road_cars(), *state.opposite_cars]
    for junction in state.active:
        tables += junction.cars
    assert len(tables) == len(set(tables)) and set(tables) == alive
    sources = [*state.road.values(), *state.opposite_sources]
    sources += [source for junction in state.active for source in junction.sources]
    exits = [way for junction in state.active for way in junction.exits.values()]
    assert all(car in alive for place in [*sources, *exits] for car in place.cars)
    assert not (state.active and (state.road or state.opposite_sources))


def straight(carla_map, lanes, opposite, ahead_m, back_m=45.0):
    """A place with so many lanes and free road before and behind it."""
    for waypoint in carla_map.generate_waypoints(20.0):
        if waypoint.is_junction or len(same_direction_lanes(waypoint)) != lanes:
            continue
        if len(opposite_lanes(waypoint)) == opposite and is_free(waypoint, ahead_m, back_m):
            return waypoint
    pytest.skip("the town has no such place")


def is_free(waypoint, ahead_m, back_m):
    walks = [(waypoint.next, ahead_m), (waypoint.previous, back_m)]
    for walk, length_m in walks:
        for distance_m in np.arange(5.0, length_m, 5.0):
            found = walk(float(distance_m))
            if len(found) != 1 or found[0].is_junction or found[0].road_id != waypoint.road_id:
                return False
    return True


@contextlib.contextmanager
def free_road(town):
    """Free road with three lanes each way, the ego at a stand."""
    session = town(TOWN)
    place = same_direction_lanes(straight(session.map, 3, 3, 150.0))[0]
    with make_stage(session, place, route_m=150.0) as bench:
        yield Ride(bench)


@contextlib.contextmanager
def before_crossing(town):
    """72 m before a crossing with free road behind it."""
    session = town(TOWN)
    start = next(places_before_junctions(session.map, 72))
    with make_stage(session, start, route_m=30.0) as bench:
        bench.stage.dense = follow(start, 200.0)
        yield Ride(bench)


def places_before_junctions(carla_map, distance_m):
    for waypoint in carla_map.generate_waypoints(20.0):
        if waypoint.is_junction or len(same_direction_lanes(waypoint)) != 2 or len(opposite_lanes(waypoint)) != 2:
            continue
        inside = follow(waypoint, 250.0).is_junction
        begin = int(np.argmax(inside))
        end = begin + int(np.argmin(inside[begin:]))
        start = back(waypoint, distance_m - begin)
        if begin and start is not None and is_free(start, distance_m - 8.0, 45.0) and not inside[end:][:65].any():
            yield start


def back(waypoint, distance_m):
    found = waypoint.previous(float(distance_m)) if distance_m > 0 else waypoint.next(float(1 - distance_m))
    return found[0] if found else None


def approach(ride, speed_mps=7.0):
    """Drive until the junction begins."""
    ride.speed_mps = speed_mps
    while not ride.state.active:
        ride.tick()
    (junction,) = ride.state.active
    return junction
