"""Places at junctions where nothing but the ego's own way counts."""

from __future__ import annotations

from collections.abc import Callable

import carla

from lead.routes.sampler.draws import fitting, interval, location, value, whole
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.place import JunctionSite, Place, at_junctions
from lead.routes.sampler.survey import STOP_SIGN, TRAFFIC_LIGHT, Side, Turn, arms, sees_signal
from lead.routes.sampler.walks import (
    STEP_M,
    distance_m,
    lanes_beside,
    length_m,
    sidewalk,
    stretch,
    stretch_behind,
)

TRIGGER_M = (20.0, 60.0)
"""Usual distance of the trigger from the junction."""
EXIT_M = 12.0
"""A key point so far behind the junction keeps the route on its way."""
BEHIND_JUNCTION_M = 40.0
WALKERS_M = 3.0
"""Room that the walkers before a junction need around their middle."""
MAX_TURN_M = 60
"""Longest turn inside a junction."""
_CROSS_M = 4.0
_MAX_BICYCLE_STEPS = 150


def approach(
    site: JunctionSite, exit_m: float = EXIT_M, least_m: float = TRIGGER_M[0]
) -> tuple[carla.Waypoint, list[carla.Waypoint]]:
    """Choose the trigger before a junction.

    Args:
        site: The way through the junction.
        exit_m: Free road that is needed behind the junction.
        least_m: Least distance of the trigger from the junction.

    Returns:
        The trigger, and the way from it to the free road behind the junction.

    Raises:
        UnfitError: If the roads before or behind the junction are too short.
    """
    behind = stretch_behind(site.passage.entry, TRIGGER_M[1] + 2.0 * STEP_M)
    most_m = length_m(behind) - STEP_M
    if most_m < least_m:
        raise UnfitError("the road before the junction is too short")
    before_m = fitting(site.rng, (least_m, TRIGGER_M[1]), most_m)
    before = behind[: round(before_m / STEP_M) + 1][::-1]
    return before[0], [*before, *site.passage.inside[1:], *_exit(site.passage.exit, exit_m)]


def turning(site: JunctionSite, exit_m: float = EXIT_M, *turns: Turn) -> Place:
    """Return the place of a scenario that needs no parameters.

    Args:
        site: The way through the junction.
        exit_m: Free road that is needed behind the junction.
        turns: Where the way may lead; none for anywhere but back.

    Raises:
        UnfitError: If it leads elsewhere, or a road is too short.
    """
    check_turn(site, *turns)
    trigger, way = approach(site, exit_m)
    return Place(trigger, [way[-1]], {}, way, site.passage.turn)


def check_turn(site: JunctionSite, *turns: Turn) -> None:
    """Check where the way leads, and that a turn is one: ramps and curves of motorways are junctions, too.

    Raises:
        UnfitError: If it is otherwise.
    """
    turn = site.passage.turn
    if turn is None or (turns and turn not in turns):
        raise UnfitError("the way through the junction leads in another direction")
    if turn is not Turn.STRAIGHT and len(site.passage.inside) > MAX_TURN_M:
        raise UnfitError("the way through the junction is a long bend")


def check_lights(site: JunctionSite, wanted: bool) -> None:
    """Check whether a junction has lights, and one for the ego's lane.

    Raises:
        UnfitError: If it is otherwise.
    """
    if wanted and not (site.has_lights and sees_signal(site.passage, TRAFFIC_LIGHT)):
        raise UnfitError("the junction has no traffic lights")
    if not wanted and site.has_lights:
        raise UnfitError("the junction has traffic lights")


def by_lights(
    signalized: str, unsignalized: str, *, needs: str
) -> Callable[[Callable[[JunctionSite], Place]], Callable[[JunctionSite], Place]]:
    """Register a finder for two classes of which one takes place at junctions with lights, the other at those without.

    Args:
        signalized: The class with lights.
        unsignalized: The class without.
        needs: What the junction needs besides.
    """

    def register(find: Callable[[JunctionSite], Place]) -> Callable[[JunctionSite], Place]:
        for kind, wanted, words in ((signalized, True, "with"), (unsignalized, False, "without")):

            def checked(site: JunctionSite, wanted: bool = wanted) -> Place:
                check_lights(site, wanted)
                return find(site)

            at_junctions(kind, needs=f"a junction {words} traffic lights, with {needs}")(checked)
        return find

    return register


@at_junctions(
    "VehicleTurningRoute",
    "VehicleTurningRoutePedestrian",
    needs="a junction with a turn and 24 m of road behind it",
)
def somebody_behind_the_turn(site: JunctionSite) -> Place:
    """Somebody crosses the road into which the ego turns."""
    return turning(site, 24.0, Turn.LEFT, Turn.RIGHT)


@at_junctions("BlockedIntersection", needs="a junction with a turn and 20 m of road behind it")
def car_behind_the_turn(site: JunctionSite) -> Place:
    """A car stands where the ego leaves the junction."""
    return turning(site, 20.0, Turn.LEFT, Turn.RIGHT)


@at_junctions("PedestrianCrossing", needs="a junction with a sidewalk on the right before it")
def walkers_before_the_junction(site: JunctionSite) -> Place:
    """Walkers cross the road just before the junction."""
    place = sidewalk(site.passage.entry, left=False)
    if place is None:
        raise UnfitError("there is no sidewalk on the right before the junction")
    pose = place.transform
    ahead, right = pose.get_forward_vector(), pose.get_right_vector()
    middle = pose.location + carla.Location(ahead.x + 1.5 * right.x, ahead.y + 1.5 * right.y)
    if not site.survey.is_free(middle, WALKERS_M):
        raise UnfitError("a post or wall stands on the sidewalk before the junction")
    return turning(site)


@at_junctions(
    "PriorityAtJunction",
    "RedLightWithoutLeadVehicle",
    needs="a junction with traffic lights and 20 m of road before it",
)
def lights_ahead(site: JunctionSite) -> Place:
    """The ego has a light of its own."""
    check_lights(site, wanted=True)
    place = turning(site)
    if site.kind != "RedLightWithoutLeadVehicle":
        return place
    flow = {"flow_speed": value(whole(site.rng, 8, 18)), "source_dist_interval": interval(site.rng, (15, 25), (45, 70))}
    return Place(place.trigger, place.anchors, flow, place.way, place.turn)


@at_junctions("T_Junction", needs="a junction of three roads")
def three_arms(site: JunctionSite) -> Place:
    """Three roads meet."""
    if arms(site.others) != 3:
        raise UnfitError("the junction does not have three roads")
    return turning(site, EXIT_M, Turn.LEFT, Turn.RIGHT)


@at_junctions("VanillaNonSignalizedTurn", needs="a junction without traffic lights and with a turn")
def plain_turn(site: JunctionSite) -> Place:
    """A turn without lights."""
    check_lights(site, wanted=False)
    return turning(site, EXIT_M, Turn.LEFT, Turn.RIGHT)


@at_junctions(
    "VanillaNonSignalizedTurnEncounterStopsign",
    "VanillaNonSignalizedTurnEncounterStopsignLong",
    "ObscuredStopSign",
    needs="a junction with a stop sign for a turn",
)
def turn_at_stop_sign(site: JunctionSite) -> Place:
    """A turn with a stop sign."""
    check_lights(site, wanted=False)
    if not sees_signal(site.passage, STOP_SIGN):
        raise UnfitError("there is no stop sign")
    if site.kind == "ObscuredStopSign" and not site.survey.has_stop_box(site.passage):
        raise UnfitError("the stop sign's box does not lie on the ego's lane")
    return turning(site, EXIT_M, Turn.LEFT, Turn.RIGHT)


@at_junctions(
    "VanillaSignalizedTurnEncounterGreenLight",
    "VanillaSignalizedTurnEncounterGreenLightLong",
    "VanillaSignalizedTurnEncounterRedLight",
    "VanillaSignalizedTurnEncounterRedLightLong",
    needs="a junction with traffic lights and a turn",
)
def turn_at_lights(site: JunctionSite) -> Place:
    """A turn with lights."""
    check_lights(site, wanted=True)
    return turning(site, EXIT_M, Turn.LEFT, Turn.RIGHT)


@at_junctions("CrossingBicycleFlow", needs="a junction where a turn crosses a bicycle lane")
def turn_across_bicycle_lane(site: JunctionSite) -> Place:
    """A bicycle lane leads through the junction and crosses the ego's way."""
    from_side = Side.OPPOSITE if site.passage.turn is Turn.LEFT else Side.OWN
    roads = [group[0].entry for group in site.entries(from_side)]
    lanes = [lane for road in roads for lane in lanes_beside(road, left=False)]
    lanes = [lane for lane in lanes if lane.lane_type == carla.LaneType.Biking]
    if not lanes:
        raise UnfitError("there is no bicycle lane")
    place = turning(site, EXIT_M, Turn.LEFT, Turn.RIGHT)
    if site.has_lights:
        check_lights(site, wanted=True)
    for lane in lanes:
        if _bicycles_cross(lane, site.passage.inside):
            source = stretch_behind(lane, float(whole(site.rng, 10, 30)))[-1]
            parameters = {
                "start_actor_flow": location(source),
                "flow_speed": value(whole(site.rng, 6, 12)),
                "source_dist_interval": interval(site.rng, (8, 15), (20, 30)),
            }
            return Place(place.trigger, place.anchors, parameters, place.way, place.turn)
    raise UnfitError("no bicycle lane crosses the turn")


def _bicycles_cross(lane: carla.Waypoint, way: list[carla.Waypoint]) -> bool:
    """Tell whether a bicycle lane passes the junction, goes on long enough, and crosses a way through it."""
    place, is_crossing, behind_m, was_inside = lane, False, 0.0, False
    for _ in range(_MAX_BICYCLE_STEPS):
        ahead = place.next(STEP_M)
        if not ahead:
            return False
        place = ahead[0]
        if place.is_junction:
            was_inside = True
            is_crossing = is_crossing or any(distance_m(place, mine) < _CROSS_M for mine in way[3:-3])
        elif was_inside:
            behind_m += STEP_M
            if behind_m > BEHIND_JUNCTION_M + STEP_M:
                return is_crossing
    return False


def _exit(waypoint: carla.Waypoint, exit_m: float) -> list[carla.Waypoint]:
    try:
        return stretch(waypoint, exit_m)
    except UnfitError as error:
        raise UnfitError("the road behind the junction is too short") from error
