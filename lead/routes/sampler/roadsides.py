"""Places beside which cars stand or somebody waits to cross, and places on the open road."""

from __future__ import annotations

import carla

from lead.routes.sampler.draws import fitting, one_of, value, whole
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.obstacles import NO_SECOND, check_second_lane
from lead.routes.sampler.place import Attributes, Place, RoadSite, on_roads
from lead.routes.sampler.walks import (
    at,
    has_sidewalk,
    is_parkable,
    is_same_way,
    length_m,
    same_way_lanes,
    side,
    stretch,
    stretch_behind,
)

_BLOCKERS = (
    "static.prop.haybalelb",
    "static.prop.foodcart",
    "static.prop.advertisement",
    "static.prop.container",
    "static.prop.busstoplb",
)
_ROAD_WALKERS = ("walker.pedestrian.0034", "walker.pedestrian.0007", "walker.pedestrian.0015")
NO_PARKING = "there is no parking lane and no shoulder of a street wide enough for cars"
CUT_IN_FIRST_M, CUT_IN_LAST_M = 24.0, 40.0
"""Cars stand between these distances from the trigger."""


@on_roads("ParkingCutIn", needs="a road of at least 80 m between junctions with room for parked cars beside it")
def parked_cars_ahead(site: RoadSite) -> Place:
    """Two cars stand 28 and 35 m ahead, and one of them pulls out."""
    _check_parking_near(site.waypoint)
    line = stretch(site.waypoint, 80.0)
    left = _parking_side(site, CUT_IN_FIRST_M, CUT_IN_LAST_M, line)
    parameters = {"direction": value("left" if left else "right")}
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("ParkingExit", needs="a road of at least 60 m between junctions with room for parked cars beside it")
def parked_between_cars(site: RoadSite) -> Place:
    """The ego starts on the parking lane, with a car 9 m before and one behind it."""
    if not is_parkable(site.waypoint, left=False):
        raise UnfitError(NO_PARKING)
    behind = stretch_behind(site.waypoint, 16.0)
    if length_m(behind) < 16.0:
        raise UnfitError("the road is too short between junctions")
    line = stretch(site.waypoint, 60.0)
    around = [*reversed(behind), *line[1:9]]
    if not all(is_parkable(place, left=False) for place in around):
        raise UnfitError(NO_PARKING)
    distances: dict[str, Attributes] = {f"{where}_vehicle_distance": value(9) for where in ("front", "behind")}
    return Place(site.waypoint, [line[-1]], {**distances, "direction": value("right")}, line, begins_route=True)


@on_roads(
    "ParkingCrossingPedestrian",
    needs="a road of at least 60 m between junctions with room for parked cars beside it",
)
def parked_car_hides_walker(site: RoadSite) -> Place:
    """A walker comes from behind a car that stands beside the lane."""
    _check_parking_near(site.waypoint)
    line = stretch(site.waypoint, 60.0, 110.0)
    distance_m = fitting(site.rng, (30, 80), length_m(line) - 30.0)
    left = _parking_side(site, distance_m - 4.0, distance_m + 6.0, line)
    parameters = {
        "distance": value(distance_m),
        "direction": value("left" if left else "right"),
        "crossing_angle": value(whole(site.rng, -2, 10)),
    }
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("DynamicObjectCrossing", needs="a road of at least 60 m between junctions with a sidewalk on the right")
def object_hides_walker(site: RoadSite) -> Place:
    """A walker comes from behind something on the sidewalk."""
    line, distance_m = _along_sidewalk(site, (60.0, 120.0), (30, 90))
    parameters = {
        "distance": value(distance_m),
        "blocker_model": value(one_of(site.rng, _BLOCKERS)),
        "crossing_angle": value(whole(site.rng, -2, 10)),
    }
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("ImageOnObject", needs="a road of at least 60 m between junctions with a sidewalk on the right")
def picture_on_sidewalk(site: RoadSite) -> Place:
    """A bus stop or an advertisement stands on the sidewalk."""
    line, distance_m = _along_sidewalk(site, (60.0, 80.0), (30, 50))
    prop = one_of(site.rng, ("static.prop.busstop", "static.prop.advertisement"))
    parameters = {"distance": value(distance_m), "prop": value(prop), "image": value("none")}
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("PedestrianCrowd", needs="a road of at least 70 m between junctions with a sidewalk on the right")
def crowd_on_sidewalk(site: RoadSite) -> Place:
    """Many walkers stand on the sidewalk."""
    line, center_m = _along_sidewalk(site, (70.0, 110.0), (30, 70))
    for along_m in (center_m - 15.0, center_m + 15.0):
        _check_sidewalk(line, along_m)
    parameters = {
        "pedestrian_center": value(center_m),
        "pedestrian_radius": value(whole(site.rng, 10, 15)),
        "pedestrians": value(20),
        "side": value("right"),
    }
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("PedestriansOnRoad", needs="a road of at least 120 m between junctions")
def walkers_on_lane(site: RoadSite) -> Place:
    """Walkers go along the ego's lane."""
    line = stretch(site.waypoint, 120.0, 140.0)
    parameters = {
        "pedestrians": dict(zip("abc", _ROAD_WALKERS, strict=True)),
        "distance": value(whole(site.rng, 20, 60)),
        "walker_duration": value(20),
        "walker_speed": value(whole(site.rng, 1, 2)),
    }
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("RoadBlocked", needs="a road of at least 90 m between junctions")
def blocked_road(site: RoadSite) -> Place:
    """A lorry stands across the road."""
    line = stretch(site.waypoint, 90.0, 140.0)
    distance_m = fitting(site.rng, (50, 100), length_m(line) - 40.0)
    objects = {"a": f"id=vehicle.carlamotors.european_hgv y=-2.8 z=2 yaw={whole(site.rng, 100, 120)}"}
    return Place(site.waypoint, [line[-1]], {"distance": value(distance_m), "objects": objects}, line)


@on_roads("ControlLoss", needs="a road of at least 80 m between junctions")
def open_road(site: RoadSite) -> Place:
    """Three piles of debris fit on the ego's lane."""
    line = stretch(site.waypoint, 80.0)
    return Place(site.waypoint, [line[-1]], {}, line)


@on_roads("HardBreakRoute", "HardBrakeNoLights", needs="a road of at least 60 m between junctions")
def road_with_cars_ahead(site: RoadSite) -> Place:
    """The background's cars ahead brake."""
    line = stretch(site.waypoint, 60.0)
    return Place(site.waypoint, [line[-1]], {}, line)


@on_roads("YieldToEmergencyVehicle", needs="a road of at least 130 m between junctions with two lanes in one direction")
def road_with_lane_to_yield(site: RoadSite) -> Place:
    """An emergency vehicle comes from behind, and the ego has another lane to go to."""
    check_second_lane(site.waypoint)
    behind = stretch_behind(site.waypoint, 150.0)
    distance_m = fitting(site.rng, (30, 140), length_m(behind) - 4.0)
    line = stretch(site.waypoint, 80.0)
    for place in line[::5]:
        if not any(is_same_way(place, side(place, left)) for left in (True, False)):
            raise UnfitError(NO_SECOND)
    return Place(site.waypoint, [line[-1]], {"distance": value(distance_m)}, line)


@on_roads("SequentialLaneChange", needs="a road of at least 120 m between junctions with three lanes in one direction")
def road_with_three_lanes(site: RoadSite) -> Place:
    """The route changes the lane twice."""
    if len(same_way_lanes(site.waypoint)) < 3:
        raise UnfitError("there are no three lanes in the ego's direction")
    line = stretch(site.waypoint, 120.0)
    lanes = [same_way_lanes(at(line, along_m)) for along_m in (0.0, 55.0, 110.0)]
    if min(map(len, lanes)) < 3 or len({len(row) for row in lanes}) > 1:
        raise UnfitError("there are no three lanes in the ego's direction")
    first = [lane.lane_id for lane in lanes[0]].index(site.waypoint.lane_id)
    step = 1 if first + 2 < len(lanes[0]) else -1
    if not 0 <= first + 2 * step < len(lanes[0]):
        raise UnfitError("the lane has no two others on one side")
    anchors = [at(line, 16.0), lanes[1][first + step], lanes[2][first + 2 * step]]
    return Place(site.waypoint, anchors, {}, lane_changes=2)


@on_roads("noScenario", needs="a driving lane")
def anywhere(site: RoadSite) -> Place:
    """Any road will do."""
    return Place(site.waypoint, [])


def _parking_side(site: RoadSite, first_m: float, last_m: float, line: list[carla.Waypoint]) -> bool:
    """Tell whether cars can stand on the left; on the right is better.

    Raises:
        UnfitError: If they can on neither side.
    """
    count = int((last_m - first_m) / 2.0) + 1
    places = [at(line, first_m + 2.0 * index) for index in range(count)]
    for left in (False, True):
        if all(is_parkable(place, left) for place in places):
            return left
    raise UnfitError(NO_PARKING)


def _check_parking_near(waypoint: carla.Waypoint) -> None:
    """Look for parking on either side: cheap, and rules most places out before they are walked."""
    if not any(is_parkable(waypoint, left) for left in (True, False)):
        raise UnfitError(NO_PARKING)


def _along_sidewalk(
    site: RoadSite, lengths_m: tuple[float, float], distances_m: tuple[int, int]
) -> tuple[list[carla.Waypoint], int]:
    """Return a stretch of road and a distance along it at which there is a sidewalk on the right.

    Raises:
        UnfitError: If there is none there or at the beginning.
    """
    _check_sidewalk([site.waypoint], 0.0)
    line = stretch(site.waypoint, *lengths_m)
    distance_m = fitting(site.rng, distances_m, length_m(line) - 30.0)
    _check_sidewalk(line, distance_m)
    return line, distance_m


def _check_sidewalk(line: list[carla.Waypoint], distance_m: float) -> None:
    if not has_sidewalk(at(line, distance_m), left=False):
        raise UnfitError("there is no sidewalk on the right")
