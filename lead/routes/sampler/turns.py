"""Places at junctions where the ego meets a stream of cars, or one car that does not give way."""

from __future__ import annotations

import carla

from lead.routes.sampler.crossings import approach, by_lights, check_lights, check_turn, turning
from lead.routes.sampler.draws import interval, location, value, whole
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.place import Attributes, JunctionSite, Place, at_junctions
from lead.routes.sampler.survey import Passage, Side, Turn
from lead.routes.sampler.walks import is_oncoming, length_m, side, stretch, stretch_behind

SOURCE_STEP_M = 5.0
NO_STREAM = "no cars can come from the other side"
_LEFT_SOURCE_S, _LEFT_SINK_S = 4.0, 2.5
_RIGHT_SOURCE_S, _RIGHT_SINK_S = 5.0, 3.0
_LONE_SOURCE_M, _LONE_SINK_M = 30.0, 30.0
_VEHICLES = ("vehicle.ford.crown", "vehicle.kawasaki.ninja", "vehicle.lincoln.mkz_2020")


@by_lights("SignalizedJunctionLeftTurn", "NonSignalizedJunctionLeftTurn", needs="a left turn and oncoming cars")
def left_turn(site: JunctionSite) -> Place:
    """The ego turns left across an oncoming stream."""
    return _left_turn(site, Turn.STRAIGHT)


@by_lights(
    "SignalizedJunctionLeftTurnEnterFlow",
    "NonSignalizedJunctionLeftTurnEnterFlow",
    needs="a left turn into the road into which oncoming cars turn right",
)
def left_turn_into_stream(site: JunctionSite) -> Place:
    """The oncoming stream turns into the ego's road."""
    return _left_turn(site, Turn.RIGHT)


@by_lights("SignalizedJunctionRightTurn", "NonSignalizedJunctionRightTurn", needs="a right turn and cars from the left")
def right_turn(site: JunctionSite) -> Place:
    """The ego turns right into a stream from the left."""
    check_turn(site, Turn.RIGHT)
    parameters = flow(site, (6, 16), (12, 30), (35, 70))
    speed_mps = float(parameters["flow_speed"]["value"])
    groups = site.entries(Side.LEFT)
    if not groups:
        raise UnfitError(NO_STREAM)
    for group in groups:
        stream = _chosen(group, Turn.STRAIGHT)
        if stream.exit.road_id != site.passage.exit.road_id:
            raise UnfitError("the stream does not go where the ego turns to")
        _check_stream(stream, _RIGHT_SOURCE_S * speed_mps, _RIGHT_SINK_S * speed_mps)
    trigger, way = approach(site)
    return Place(trigger, [way[-1]], parameters, way, site.passage.turn)


@at_junctions("CrossJunctionDefectTrafficLight", needs="a junction with traffic lights that is crossed by another road")
def crossing_with_broken_lights(site: JunctionSite) -> Place:
    """The ego goes straight on, and so do the cars from one side."""
    check_lights(site, wanted=True)
    speed_mps = whole(site.rng, 5, 12)
    direction = _free_side(site, _RIGHT_SOURCE_S * speed_mps, _RIGHT_SINK_S * speed_mps)
    place = turning(site, 20.0, Turn.STRAIGHT)
    parameters = {
        "traffic_direction": value(direction.value),
        "flow_speed": value(speed_mps),
        "source_dist_interval": {"from": "24", "to": "26"},
    }
    return Place(place.trigger, place.anchors, parameters, place.way, place.turn)


@by_lights("OppositeVehicleRunningRedLight", "OppositeVehicleTakingPriority", needs="another road that crosses it")
@by_lights("NormalVehicleRunningRedLight", "NormalVehicleTakingPriority", needs="another road that crosses it")
def crossing_vehicle(site: JunctionSite) -> Place:
    """One vehicle crosses the ego's way against red, or does not give way."""
    direction = _free_side(site, _LONE_SOURCE_M, _LONE_SINK_M, 1.0)
    place = turning(site)
    parameters: dict[str, Attributes] = {"direction": value(direction.value)}
    if site.kind.startswith("Normal"):
        parameters["vehicle"] = value(_VEHICLES[whole(site.rng, 0, len(_VEHICLES) - 1)])
    return Place(place.trigger, place.anchors, parameters, place.way, place.turn)


@at_junctions(
    "InterurbanActorFlow",
    needs="a junction without traffic lights where the ego turns left off a road with one lane in each direction",
)
def left_turn_off_the_road(site: JunctionSite) -> Place:
    """The ego leaves a road to the left, across the stream that comes towards it."""
    check_lights(site, wanted=False)
    passage = site.passage
    check_turn(site, Turn.LEFT)
    trigger, way = approach(site, 24.0, 30.0)
    if not is_oncoming(way[-6], side(way[-6], left=True)):
        raise UnfitError("the road behind the turn is a one-way road")
    stream = _main_stream(site, Side.OPPOSITE)
    parameters = _long_stream(site, stream, (15, 20), (25, 65), (75, 120))
    return Place(trigger, [way[-1]], parameters, way, passage.turn)


@at_junctions(
    "InterurbanAdvancedActorFlow",
    needs="a junction without traffic lights where the ego turns left onto a road with one lane in each direction",
)
def left_turn_onto_the_road(site: JunctionSite) -> Place:
    """The ego crosses one stream and turns into the other."""
    check_lights(site, wanted=False)
    passage = site.passage
    check_turn(site, Turn.LEFT)
    stream = _main_stream(site, Side.LEFT)
    back = [side(stream.exit, left=True), side(stream.entry, left=True)]
    if not all(is_oncoming(mine, other) for mine, other in zip((stream.exit, stream.entry), back, strict=True)):
        raise UnfitError("the road that crosses has no lane beside that of the stream for the other direction")
    if passage.exit.road_id != stream.entry.road_id:
        raise UnfitError("the ego does not turn into the road from which the stream comes")
    if not any(
        other.entry.road_id == stream.exit.road_id and other.exit.road_id == stream.entry.road_id
        for other in site.others
    ):
        raise UnfitError("no lane leads through the junction in the direction into which the ego turns")
    trigger, way = approach(site, 24.0, 30.0)
    parameters = _long_stream(site, stream, (15, 18), (20, 50), (65, 105))
    return Place(trigger, [way[-1]], parameters, way, passage.turn)


def flow(
    site: JunctionSite, speeds_mps: tuple[int, int], low: tuple[int, int], high: tuple[int, int]
) -> dict[str, Attributes]:
    """Draw speed and gaps of a stream."""
    return {
        "flow_speed": value(whole(site.rng, *speeds_mps)),
        "source_dist_interval": interval(site.rng, low, high),
    }


def _left_turn(site: JunctionSite, stream_turn: Turn) -> Place:
    check_turn(site, Turn.LEFT)
    parameters = flow(site, (6, 16), (15, 30), (35, 65))
    speed_mps = float(parameters["flow_speed"]["value"])
    groups = site.entries(Side.OPPOSITE)
    if not groups:
        raise UnfitError(NO_STREAM)
    for group in groups:
        stream = _chosen(group, stream_turn)
        if stream_turn is Turn.RIGHT and stream.exit.road_id != site.passage.exit.road_id:
            raise UnfitError("the stream does not turn into the ego's road")
        _check_stream(stream, _LEFT_SOURCE_S * speed_mps, _LEFT_SINK_S * speed_mps)
    trigger, way = approach(site)
    return Place(trigger, [way[-1]], parameters, way, site.passage.turn)


def _free_side(site: JunctionSite, source_m: float, sink_m: float, step_m: float = SOURCE_STEP_M) -> Side:
    """Choose a side from which all lanes lead straight through the junction.

    Raises:
        UnfitError: If there is none.
    """
    free = []
    for name in (Side.LEFT, Side.RIGHT):
        groups = site.entries(name)
        try:
            for group in groups:
                _check_stream(_chosen(group, Turn.STRAIGHT), source_m, sink_m, step_m)
        except UnfitError:
            continue
        if groups:
            free.append(name)
    if not free:
        raise UnfitError("no cars can cross from the left or the right")
    return free[whole(site.rng, 0, len(free) - 1)]


def _chosen(group: list[Passage], turn: Turn) -> Passage:
    """Return the way that a stream takes from a lane, as the engine chooses it: straightest or farthest right.

    Raises:
        UnfitError: If it leads elsewhere.
    """
    chosen = min(group, key=lambda way: abs(way.bend_deg) if turn is Turn.STRAIGHT else -way.bend_deg)
    if chosen.turn is not turn:
        raise UnfitError(NO_STREAM)
    return chosen


def _check_stream(stream: Passage, source_m: float, sink_m: float, step_m: float = SOURCE_STEP_M) -> None:
    """Check that the lanes before and behind a junction are long enough for a stream.

    Raises:
        UnfitError: If a road ends.
    """
    place, walked_m = stream.entry, 0.0
    while walked_m < source_m:
        behind = place.previous(step_m)
        if not behind:
            raise UnfitError("the road of the other cars begins too near to the junction")
        if behind[0].is_junction:
            break
        place = behind[0]
        walked_m += step_m
    if walked_m < 2.0 * SOURCE_STEP_M:
        raise UnfitError("the road of the other cars begins too near to the junction")
    if not stream.exit.next(sink_m + 15.0):
        raise UnfitError("the road of the other cars ends too near to the junction")


def _main_stream(site: JunctionSite, come_from: Side) -> Passage:
    """Return a way straight through the junction from one side.

    Raises:
        UnfitError: If there is none.
    """
    groups = site.entries(come_from)
    for group in groups:
        for way in group:
            if way.turn is Turn.STRAIGHT:
                return way
    raise UnfitError(NO_STREAM)


def _long_stream(
    site: JunctionSite, stream: Passage, speeds_mps: tuple[int, int], low: tuple[int, int], high: tuple[int, int]
) -> dict[str, Attributes]:
    """Return the parameters of a stream whose ends are given as places."""
    source = stretch_behind(stream.entry, float(whole(site.rng, 40, 90)))
    if length_m(source) < 30.0:
        raise UnfitError("the road of the other cars begins too near to the junction")
    return {
        "start_actor_flow": location(source[-1]),
        "end_actor_flow": location(_sink(stream.exit, float(whole(site.rng, 20, 40)))),
        **flow(site, speeds_mps, low, high),
    }


def _sink(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    try:
        return stretch(waypoint, distance_m)[-1]
    except UnfitError as error:
        raise UnfitError("the road of the other cars ends too near to the junction") from error
