"""Places where roads join or part: the ego merges into a stream, leaves a motorway, or is cut in on."""

from __future__ import annotations

import carla

from lead.routes.sampler.crossings import approach, check_lights
from lead.routes.sampler.draws import location, whole
from lead.routes.sampler.errors import UnfitError
from lead.routes.sampler.place import Attributes, JunctionSite, Place, at_junctions
from lead.routes.sampler.survey import Passage, Turn
from lead.routes.sampler.turns import flow
from lead.routes.sampler.walks import (
    distance_m,
    is_oncoming,
    length_m,
    same_way_lanes,
    side,
    stretch,
    stretch_behind,
    turn_deg,
)

MERGE_DEG = 50.0
"""Roads that join on a motorway meet at less than this angle."""
SOURCE_M, SINK_M = (25, 50), (25, 60)
CHANGE_M = 50.0
"""Way that the ego has to change to the lane of its exit."""
EXIT_SHIFT_DEG = 8.0
_START_M = 60.0
_SPEEDS = {
    "EnterActorFlow": ((12, 20), (15, 30), (40, 70)),
    "EnterActorFlowV2": ((15, 20), (15, 20), (35, 40)),
    "MergerIntoSlowTraffic": ((8, 14), (12, 22), (32, 50)),
    "MergerIntoSlowTrafficV2": ((10, 10), (12, 16), (30, 36)),
}


@at_junctions("EnterActorFlow", needs="a junction without traffic lights where the ego's road and another one join")
def turn_into_road(site: JunctionSite) -> Place:
    """The ego comes into a road on all of whose lanes cars drive."""
    return _merge(site, ramps_only=False, own_lane=False)


@at_junctions("MergerIntoSlowTraffic", needs="a junction without traffic lights where two roads join at a small angle")
def confluence(site: JunctionSite) -> Place:
    """Two roads of a motorway join."""
    return _merge(site, ramps_only=True, own_lane=False)


@at_junctions(
    "EnterActorFlowV2",
    "MergerIntoSlowTrafficV2",
    needs="a junction without traffic lights where two roads join at a small angle and keep their own lanes",
)
def ramp_with_own_lane(site: JunctionSite) -> Place:
    """Two roads of a motorway join, and each has lanes of its own."""
    return _merge(site, ramps_only=True, own_lane=True)


@at_junctions("HighwayExit", needs="a one-way road of several lanes whose rightmost lane leads to an exit")
def exit_from_the_second_lane(site: JunctionSite) -> Place:
    """The ego must cross the rightmost lane, where cars drive, to its exit."""
    check_lights(site, wanted=False)
    passage = site.passage
    _check_motorway(site)
    lanes = same_way_lanes(passage.entry)
    if len(lanes) < 2 or lanes[-1].lane_id != passage.entry.lane_id:
        raise UnfitError("the lane before the junction is not the rightmost of several")
    beside = [other for other in site.others if other.entry.road_id == passage.entry.road_id]
    going_on = [other for other in beside if other.exit.road_id != passage.exit.road_id]
    is_rightmost = all(_leans(other) < _leans(passage) for other in going_on)
    width, widths = len(same_way_lanes(passage.exit)), [len(same_way_lanes(other.exit)) for other in going_on]
    if not is_rightmost or width >= max(widths, default=0):
        raise UnfitError("no exit branches off to the right")
    behind = stretch_behind(passage.entry, CHANGE_M + 90.0)
    if length_m(behind) < CHANGE_M + 20.0:
        raise UnfitError("the road before the junction is too short")
    before_m = whole(site.rng, int(CHANGE_M), int(length_m(behind) - 10.0))
    start = side(behind[before_m // 2], left=True)
    if start is None or start.lane_id * passage.entry.lane_id < 0 or start.lane_type != carla.LaneType.Driving:
        raise UnfitError("the lane before the junction is not the rightmost of several")
    own = [other for other in going_on if other.entry.lane_id == passage.entry.lane_id]
    stream = own[0] if own else passage
    parameters: dict[str, Attributes] = {
        "start_actor_flow": location(behind[min(len(behind) - 1, before_m // 2 + 10)]),
        "end_actor_flow": location(_far(stream.exit, 20)),
        **flow(site, (10, 15), (10, 25), (35, 60)),
    }
    return Place(start, [stretch(start, 16.0)[-1], _far(passage.exit, 20)], parameters, lane_changes=1)


@at_junctions("HighwayCutIn", needs="a one-way road that is joined from the right by a ramp with a lane of its own")
def ramp_beside(site: JunctionSite) -> Place:
    """A car comes from a ramp on the right and cuts in."""
    check_lights(site, wanted=False)
    passage = site.passage
    _check_motorway(site)
    if passage.turn is not Turn.STRAIGHT:
        raise UnfitError("the way through the junction leads in another direction")
    right = side(_far(passage.exit, 12), left=False)
    for other in site.others:
        is_ramp = other.entry.road_id != passage.entry.road_id and other.exit.road_id == passage.exit.road_id
        if is_ramp and right is not None and right.lane_id == _far(other.exit, 12).lane_id:
            return _cut_in(site, other)
    raise UnfitError("no ramp joins from the right with a lane of its own")


def _cut_in(site: JunctionSite, ramp: Passage) -> Place:
    passage = site.passage
    if any(len(_ways_from(site, way)) > 1 for way in (ramp, passage)):
        raise UnfitError("the lanes fork in the junction")
    if abs(ramp.bend_deg) > MERGE_DEG:
        raise UnfitError("the ramp meets the road at a large angle")
    trigger, way = approach(site, 60.0)
    before_m = distance_m(trigger, passage.entry)
    start = stretch_behind(ramp.entry, max(10.0, 0.8 * before_m))
    parameters = {"other_actor_location": location(start[-1])}
    return Place(trigger, [way[-1]], parameters, way, passage.turn)


def _merge(site: JunctionSite, *, ramps_only: bool, own_lane: bool) -> Place:
    """Find a stream that joins the ego's way behind a junction.

    Raises:
        UnfitError: If there is none.
    """
    check_lights(site, wanted=False)
    passage = site.passage
    if passage.turn is None or (ramps_only and abs(passage.bend_deg) > MERGE_DEG):
        raise UnfitError("the ways do not join at a small angle")
    streams = [other for other in site.others if _joins(passage, other)]
    if ramps_only:
        streams = [
            other
            for other in streams
            if abs(other.bend_deg) < MERGE_DEG and abs(turn_deg(passage.entry, other.entry)) < MERGE_DEG
        ]
    if own_lane:
        streams = [other for other in streams if other.exit.lane_id != passage.exit.lane_id]
    elif site.kind == "MergerIntoSlowTraffic":
        streams = [other for other in streams if other.exit.lane_id == passage.exit.lane_id] or streams
    else:
        streams = [other for other in streams if _reaches_ego_lane(passage, other)]
    if not streams:
        raise UnfitError("no other road joins the ego's way behind the junction")
    stream = streams[whole(site.rng, 0, len(streams) - 1)]
    source = stretch_behind(stream.entry, float(whole(site.rng, *SOURCE_M)))
    if length_m(source) < 10.0:
        raise UnfitError("the road of the other cars begins too near to the junction")
    sink = stretch(stream.exit, SINK_M[0], float(whole(site.rng, *SINK_M)))
    trigger, way = approach(site, length_m(sink))
    ends = {"start_actor_flow": location(source[-1]), "end_actor_flow": location(sink[-1])}
    return Place(trigger, [way[-1]], {**ends, **flow(site, *_SPEEDS[site.kind])}, way, passage.turn)


def _joins(passage: Passage, other: Passage) -> bool:
    return bool(other.exit.road_id == passage.exit.road_id and other.entry.road_id != passage.entry.road_id)


def _reaches_ego_lane(passage: Passage, stream: Passage) -> bool:
    """Tell whether one of the lanes of a stream's road leads to the lane on which the ego leaves the junction."""
    sinks = [int(lane.lane_id) for lane in same_way_lanes(stream.exit)][: len(same_way_lanes(stream.entry))]
    return int(passage.exit.lane_id) in sinks


def _check_motorway(site: JunctionSite) -> None:
    innermost = same_way_lanes(site.passage.entry)[0]
    if is_oncoming(innermost, side(innermost, left=True)):
        raise UnfitError("the road is no one-way road")
    joining = [other for other in site.others if other.exit.road_id == site.passage.exit.road_id]
    if any(abs(turn_deg(site.passage.entry, other.entry)) > MERGE_DEG for other in joining):
        raise UnfitError("other roads join at a large angle")
    if abs(site.passage.bend_deg) > MERGE_DEG:
        raise UnfitError("the way through the junction leads in another direction")


def _leans(passage: Passage) -> float:
    """Return how far to the right a way leads: the exit of a motorway hardly turns, but goes aside."""
    here, there = passage.entry.transform, _far(passage.exit, 10).transform.location
    right = here.get_right_vector()
    return float((there.x - here.location.x) * right.x + (there.y - here.location.y) * right.y)


def _ways_from(site: JunctionSite, way: Passage) -> list[Passage]:
    """Return all ways through the junction from the lane of one."""
    lane = (way.entry.road_id, way.entry.lane_id)
    return [other for other in site.others if (other.entry.road_id, other.entry.lane_id) == lane]


def _far(waypoint: carla.Waypoint, metres: int) -> carla.Waypoint:
    return stretch(waypoint, float(metres))[-1]
