"""Places for obstacles in the ego's lane, and for hazards beside it."""

from __future__ import annotations

import carla

from lead.routes.sampler.draws import Range, fitting, interval, one_of, value, whole
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.place import Attributes, Place, RoadSite, on_roads
from lead.routes.sampler.walks import (
    MIN_LANE_M,
    at,
    bend_deg,
    has_verge,
    is_oncoming,
    is_parkable,
    is_same_way,
    length_m,
    side,
    stretch,
)

TAIL_M = 45.0
"""Free road behind the beginning of an obstacle: its own length, and room to return to the lane."""
SWERVE_M = 30.0
"""The lane for passing must exist so far before the obstacle."""
PROBE_M = 6.0
MIN_BEND_DEG = 20.0
NO_ONCOMING = "there is no lane for oncoming cars on the left"
NO_SECOND = "there is no second lane in the ego's direction"
_DISTANCES_M: dict[str, Range] = {
    "Accident": (40, 110),
    "AccidentTwoWays": (35, 80),
    "ConstructionObstacle": (40, 110),
    "ConstructionObstacleTwoWays": (35, 80),
    "ParkedObstacle": (40, 110),
    "ParkedObstacleTwoWays": (40, 100),
    "HazardAtSideLane": (45, 85),
    "HazardAtSideLaneTwoWays": (45, 100),
    "BadParkingObstacle": (40, 80),
    "BadParkingObstacleTwoWays": (40, 80),
    "PermutedConstructionObstacle": (40, 80),
    "PermutedConstructionObstacleTwoWays": (40, 80),
    "CustomObstacle": (40, 80),
    "CustomObstacleTwoWays": (40, 80),
    "ConstructionObstaclePedestrian": (50, 95),
    "ConstructionObstacleRightLane": (40, 70),
    "ConstructionObstacleOppositeLane": (50, 100),
}
_PARKED_BADLY = ("vehicle.nissan.patrol_2021", "vehicle.mercedes.coupe", "vehicle.ford.crown", "vehicle.audi.tt")
_OBJECTS = ("static.prop.container", "static.prop.haybale", "static.prop.barrel", "static.prop.streetbarrier")
_WALKERS = ("walker.pedestrian.0030", "walker.pedestrian.0040", "walker.pedestrian.0007", "walker.pedestrian.0015")


@on_roads(
    "Accident",
    "ConstructionObstacle",
    "ParkedObstacle",
    "BadParkingObstacle",
    "ConstructionObstaclePedestrian",
    "CustomObstacle",
    "PermutedConstructionObstacle",
    needs="a road of at least 85 m between junctions with two lanes in one direction",
)
def beside_another_lane(site: RoadSite) -> Place:
    """The ego can change to another lane of its direction."""
    check_second_lane(site.waypoint)
    line, distance_m, tail = _room(site)
    is_left = _obstacle_side(line, distance_m)
    parameters = {
        "distance": value(distance_m),
        "direction": value("left" if is_left else "right"),
        "speed": value(whole(site.rng, 40, 60)),
        **_details(site),
    }
    return Place(site.waypoint, [at(line, distance_m + tail)], parameters, line)


@on_roads(
    "AccidentTwoWays",
    "ConstructionObstacleTwoWays",
    "ParkedObstacleTwoWays",
    "BadParkingObstacleTwoWays",
    "CustomObstacleTwoWays",
    "PermutedConstructionObstacleTwoWays",
    needs="a road of at least 80 m between junctions with one lane in each direction",
)
def beside_the_oncoming_lane(site: RoadSite) -> Place:
    """The ego must use the lane of the other direction."""
    check_oncoming_lane(site.waypoint)
    line, distance_m, tail = _room(site)
    _check_two_ways(line, distance_m)
    if site.kind.startswith("BadParking") or site.kind.startswith(("Custom", "Permuted")):
        gap_m = whole(site.rng, 30, 70)
        frequency = {"from": str(gap_m), "to": str(gap_m)}
    else:
        frequency = dict(interval(site.rng, (20, 55), (85, 180)))
    parameters = {"distance": value(distance_m), "frequency": frequency, **_details(site)}
    return Place(site.waypoint, [at(line, distance_m + tail)], parameters, line)


@on_roads("HazardAtSideLane", needs="a road of at least 110 m between junctions with two lanes in one direction")
def bicycles_beside_another_lane(site: RoadSite) -> Place:
    """Bicycles ride on the right of the ego's lane, and there is another lane on the left."""
    check_second_lane(site.waypoint)
    line, distance_m, ridden_m = _bicycle_room(site)
    if _obstacle_side(line, distance_m):
        raise UnfitError("the lane is not the rightmost one")
    parameters = {**_bicycles(site, distance_m, ridden_m), "speed": value(whole(site.rng, 30, 60))}
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("HazardAtSideLaneTwoWays", needs="a road of at least 110 m between junctions with one lane in each direction")
def bicycles_beside_the_oncoming_lane(site: RoadSite) -> Place:
    """Bicycles ride on the right of the only lane of the ego's direction."""
    check_oncoming_lane(site.waypoint)
    line, distance_m, ridden_m = _bicycle_room(site)
    _check_two_ways(line, distance_m)
    parameters = {**_bicycles(site, distance_m, ridden_m), "frequency": value(whole(site.rng, 50, 120))}
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads(
    "VehicleOpensDoorTwoWays",
    needs="a road of at least 85 m between junctions with one lane in each direction and room for parked cars",
)
def beside_a_parked_car(site: RoadSite) -> Place:
    """A car stands on the right of the only lane of the ego's direction."""
    check_oncoming_lane(site.waypoint)
    _check_parking([site.waypoint], 0.0, 0.0, left=False)
    line = stretch(site.waypoint, 35.0 + TAIL_M, 80.0 + TAIL_M)
    distance_m = fitting(site.rng, (35, 80), length_m(line) - TAIL_M)
    _check_two_ways(line, distance_m)
    _check_parking(line, distance_m - 4.0, distance_m + 4.0, left=False)
    parameters = {"distance": value(distance_m), "frequency": interval(site.rng, (25, 45), (70, 110))}
    return Place(site.waypoint, [at(line, distance_m + TAIL_M)], parameters, line)


@on_roads("InvadingTurn", needs="a bend of at least 80 m between junctions with one lane in each direction")
def bend_with_oncoming_lane(site: RoadSite) -> Place:
    """Oncoming cars cut a bend."""
    check_oncoming_lane(site.waypoint)
    line = stretch(site.waypoint, 100.0, 230.0)
    distance_m = fitting(site.rng, (60, 180), length_m(line) - 40.0)
    _check_two_ways(line, distance_m)
    if not all(is_oncoming(place, side(place, left=True)) for place in line[:: int(PROBE_M)]):
        raise UnfitError(NO_ONCOMING)
    if bend_deg(line) < MIN_BEND_DEG:
        raise UnfitError("the road is straight")
    parameters = {"distance": value(distance_m), "offset": value(whole(site.rng, 20, 50) / 100.0)}
    return Place(site.waypoint, [line[-1]], parameters, line)


@on_roads("StaticCutIn", needs="a road of at least 140 m between junctions with two lanes in one direction")
def row_of_cars_beside(site: RoadSite) -> Place:
    """A row of cars stands on the lane beside the ego's."""
    check_second_lane(site.waypoint)
    line = stretch(site.waypoint, 145.0, 230.0)
    distance_m = fitting(site.rng, (45, 130), length_m(line) - 100.0)
    row = [at(line, distance_m + along_m) for along_m in range(0, 60, 5)]
    sides = [left for left in (False, True) if all(is_same_way(place, side(place, left)) for place in row)]
    if not sides:
        raise UnfitError(NO_SECOND)
    parameters = {"distance": value(distance_m), "direction": value("left" if sides[0] else "right")}
    return Place(site.waypoint, [at(line, distance_m + 100.0)], parameters, line)


@on_roads(
    "ConstructionObstacleRightLane",
    needs="a road of at least 85 m between junctions with a lane or shoulder on the right of a lane",
)
def site_on_the_right(site: RoadSite) -> Place:
    """A construction site stands on the lane to the right."""
    line, distance_m, tail = _room(site)
    if side(at(line, distance_m), left=False) is None:
        raise UnfitError("there is no lane on the right")
    parameters = {"distance": value(distance_m), "y_offset": value(0.25)}
    return Place(site.waypoint, [at(line, distance_m + tail)], parameters, line)


@on_roads(
    "ConstructionObstacleOppositeLane",
    needs="a road of at least 95 m between junctions with a lane for oncoming cars",
)
def site_on_the_left(site: RoadSite) -> Place:
    """A construction site stands on the lane of the other direction."""
    check_oncoming_lane(site.waypoint)
    line, distance_m, tail = _room(site)
    if not all(is_oncoming(place, side(place, left=True)) for place in _near(line, distance_m)):
        raise UnfitError(NO_ONCOMING)
    return Place(site.waypoint, [at(line, distance_m + tail)], {"distance": value(distance_m)}, line)


def check_second_lane(waypoint: carla.Waypoint) -> None:
    """Look for another lane of the same direction: cheap, and rules most places out before they are walked.

    Raises:
        UnfitError: If there is none.
    """
    if not any(is_same_way(waypoint, side(waypoint, left)) for left in (True, False)):
        raise UnfitError(NO_SECOND)


def check_oncoming_lane(waypoint: carla.Waypoint) -> None:
    """Look for a lane of the other direction on the left; see :func:`check_second_lane`.

    Raises:
        UnfitError: If there is none.
    """
    if not is_oncoming(waypoint, side(waypoint, left=True)):
        raise UnfitError(NO_ONCOMING)


def _room(site: RoadSite) -> tuple[list[carla.Waypoint], int, float]:
    """Return the free road ahead, a distance for an obstacle on it, and the free road behind that."""
    wanted = _DISTANCES_M[site.kind]
    line = stretch(site.waypoint, wanted[0] + TAIL_M, wanted[1] + TAIL_M)
    distance_m = fitting(site.rng, wanted, length_m(line) - TAIL_M)
    line = line[: round((distance_m + TAIL_M) / 2.0) + 1]
    if min(place.lane_width for place in _near(line, distance_m)) < MIN_LANE_M:
        raise UnfitError("the lane is too narrow")
    return line, distance_m, TAIL_M


def _near(line: list[carla.Waypoint], distance_m: float) -> list[carla.Waypoint]:
    """Return way points from before an obstacle to behind it."""
    first = max(0.0, distance_m - SWERVE_M)
    count = int((distance_m + 25.0 - first) / PROBE_M) + 1
    return [at(line, first + index * PROBE_M) for index in range(count)]


def _obstacle_side(line: list[carla.Waypoint], distance_m: float) -> bool:
    """Tell whether an obstacle stands on the left: on the side on which there is no other lane of the direction.

    Raises:
        UnfitError: If the lane is not the outermost of several, or no sign can stand beside the road.
    """
    near = _near(line, distance_m)
    lanes = [[is_same_way(place, side(place, left)) for place in near] for left in (True, False)]
    free = [all(found) for found in lanes]
    closed = [not any(found) for found in lanes]
    if free[0] and closed[1]:
        is_left = False
    elif free[1] and closed[0]:
        is_left = True
    else:
        raise UnfitError("the lane is not the outermost of several in one direction")
    if not has_verge(line[0], is_left):
        raise UnfitError("there is no place for a sign beside the road")
    return is_left


def _check_two_ways(line: list[carla.Waypoint], distance_m: float) -> None:
    for place in _near(line, distance_m):
        if not is_oncoming(place, side(place, left=True)):
            raise UnfitError(NO_ONCOMING)
        if is_same_way(place, side(place, left=False)):
            raise UnfitError("there are several lanes in the ego's direction")
    if not has_verge(line[0], left=False):
        raise UnfitError("there is no place for a sign beside the road")


def _check_parking(line: list[carla.Waypoint], first_m: float, last_m: float, *, left: bool) -> None:
    along_m = first_m
    while along_m <= last_m:
        if not is_parkable(at(line, along_m), left):
            raise UnfitError("there is no parking lane and no shoulder of a street wide enough for cars")
        along_m += 2.0


def _bicycle_room(site: RoadSite) -> tuple[list[carla.Waypoint], int, int]:
    """Return the free road ahead, the distance of the bicycles, and how far they ride."""
    wanted = _DISTANCES_M[site.kind]
    line = stretch(site.waypoint, wanted[0] + 65.0, wanted[1] + 150.0)
    distance_m = fitting(site.rng, wanted, length_m(line) - 65.0)
    ridden_m = fitting(site.rng, (45, 120), length_m(line) - distance_m - 15.0)
    return line, distance_m, ridden_m


def _bicycles(site: RoadSite, distance_m: int, ridden_m: int) -> dict[str, Attributes]:
    return {
        "distance": value(distance_m),
        "bicycle_drive_distance": value(ridden_m),
        "bicycle_speed": value(whole(site.rng, 6, 14)),
    }


def _details(site: RoadSite) -> dict[str, Attributes]:
    """Return the parameters that only some classes have."""
    rng, kind = site.rng, site.kind.removesuffix("TwoWays")
    if kind == "BadParkingObstacle":
        return {
            "vehicle": value(one_of(rng, _PARKED_BADLY)),
            "y": value(whole(rng, 10, 25) / 10.0),
            "yaw": value(whole(rng, -20, 20)),
        }
    if kind == "ConstructionObstaclePedestrian":
        return {"pedestrian": value(one_of(rng, _WALKERS))}
    if kind == "CustomObstacle":
        return {"objects": {"a": f"id={one_of(rng, _OBJECTS)} x=0.00 y=0.00 yaw={whole(rng, 0, 180)}.00"}}
    if kind == "PermutedConstructionObstacle":
        return {"cones": value("".join(str(whole(rng, 0, 1)) for _ in range(7)))}
    return {}
