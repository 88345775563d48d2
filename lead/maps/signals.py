"""Traffic light and sign actors of a map, with their controllers and the places where they take effect.

CARLA builds these when a level starts. The rules here are the documented ones; where CARLA leaves a light
without any controller (it would never change and could contradict its neighbours), the light joins a cycle
instead, see `_assign_controllers`.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.maps.lane_geometry import LaneGeometry
from lead.maps.lane_topology import LaneTopology
from lead.maps.layout import BOX_DTYPE, CONTROLLER_DTYPE, SIGNAL_DTYPE, SignalKind
from lead.maps.opendrive import OpenDrive, SignalElement, SignalPlace, Validity
from lead.maps.triggers import fit_trigger

logger = logging.getLogger(__name__)

GROUP_RED_S = 2.0
LONE_LIGHT_RED_S = 10.0
_LIGHT_TYPES = frozenset({"1000001", "1000002", *(str(n) for n in range(1000007, 1000021)), "F", "W", "A"})
_STOP_TYPE, _YIELD_TYPE, _SPEED_LIMIT_TYPE = "206", "205", "274"
_PAINTED_STOP = "Stencil_STOP"
# Speed signs of CARLA's towns are objects: Speed_30, speed_60, Speed_STATIC_120, SpeedLimit30Assembly (or
# Spped...).
_SPEED_OBJECT = re.compile(r"^sp+e+d_?(?:limit|static)?_?(\d{2,3})", re.IGNORECASE)
_HALF_LENGTH_M = 1.5
_HALF_HEIGHT_M = 1.0
_UPSTREAM_SHIFT_M = 3.0
_WIDTH_SHARE = 0.25
_MIN_HALF_WIDTH_M = 0.01
_SPEED_WIDTH_SHARE = 0.35
# The client moves landmarks of lights by this much in their driving direction.
_LIGHT_FORWARD_M = 0.25
_ANY_LANE = 1000
_LAST_TURN = 2**31 - 1


@dataclass(frozen=True)
class TrafficSignals:
    """Everything that `build_signals` makes; see `lead.maps.layout` for the record types."""

    signals: NDArray[np.void]
    boxes: NDArray[np.void]
    controllers: NDArray[np.void]


@dataclass
class _Actor:
    """One light or sign while it is put together."""

    signal_id: str
    kind: SignalKind
    value: float
    road: int
    s: float
    t: float
    z_offset: float
    h_offset_rad: float
    places: list[SignalPlace]
    lanes: list[tuple[int, float]] = field(default_factory=list)  # (lane index, station) of its boxes
    controller: int = -1


def build_signals(opendrive: OpenDrive, geometry: LaneGeometry, topology: LaneTopology) -> TrafficSignals:
    """Creates the traffic actors of a map.

    Args:
        opendrive: The parsed map.
        geometry: Evaluates its roads.
        topology: Links between its lanes.

    Returns:
        Actors in order of creation (lights, stops, yields, speed limits; each in file order), effect boxes
        in the same order, and controllers in order of group and cycle.
    """
    actors = _collect_actors(opendrive)
    for actor in actors:
        actor.lanes = _affected_lanes(actor, topology)
    controllers = _assign_controllers(actors, opendrive, topology)
    boxes = _effect_boxes(actors, geometry, topology)
    return TrafficSignals(_signal_records(actors, boxes, geometry), boxes, controllers)


def _collect_actors(opendrive: OpenDrive) -> list[_Actor]:
    """Lists the actors by kind, each kind in file order."""
    references: dict[str, list[SignalPlace]] = defaultdict(list)
    for place in opendrive.references:
        references[place.signal_id].append(place)
    by_kind: dict[SignalKind, list[_Actor]] = {kind: [] for kind in SignalKind}
    taken: set[str] = set()
    for signal in opendrive.signals:
        kind = _signal_kind(signal)
        place = signal.place
        if kind is None or place.signal_id in taken:
            continue
        value = 0.0
        if kind is SignalKind.SPEED_LIMIT:
            value = float(signal.subtype) if signal.subtype.isdecimal() else signal.value
            if value <= 0.0:
                logger.warning("Speed limit sign %s has no value and is left out.", place.signal_id)
                continue
        taken.add(place.signal_id)
        pose = (place.road, place.s, signal.t, signal.z_offset, signal.h_offset_rad)
        by_kind[kind].append(_Actor(place.signal_id, kind, value, *pose, [place, *references[place.signal_id]]))
    for item in opendrive.objects:
        match = _SPEED_OBJECT.match(item.name)
        if match is None:
            continue
        # The client makes landmarks of these objects under the object's id; signals of that id came first.
        signal_id = item.object_id
        while signal_id in taken:
            signal_id = f"object_{signal_id}"
        taken.add(signal_id)
        place = SignalPlace(signal_id, item.road, item.s, item.orientation, ())
        pose = (item.road, item.s, item.t, item.z_offset, item.heading_rad)
        by_kind[SignalKind.SPEED_LIMIT].append(
            _Actor(signal_id, SignalKind.SPEED_LIMIT, float(match.group(1)), *pose, [place])
        )
    return [actor for kind in SignalKind for actor in by_kind[kind]]


def _signal_kind(signal: SignalElement) -> SignalKind | None:
    """Kind of actor that a signal becomes; None for signals without one, such as painted marks."""
    if signal.kind in _LIGHT_TYPES:
        return SignalKind.TRAFFIC_LIGHT
    if signal.kind == _STOP_TYPE:
        return None if _PAINTED_STOP in signal.name else SignalKind.STOP
    return {_YIELD_TYPE: SignalKind.YIELD, _SPEED_LIMIT_TYPE: SignalKind.SPEED_LIMIT}.get(signal.kind)


def _affected_lanes(actor: _Actor, topology: LaneTopology) -> list[tuple[int, float]]:
    """Lanes that obey an actor, each once, with the stations of its effect before any shift upstream."""
    lanes: dict[int, float] = {}
    for place in actor.places:
        for lane in topology.driving_lanes(place.road, place.s, _valid_lanes(place)):
            before = topology.predecessor(lane) if topology.junction(lane) >= 0 else None
            if actor.kind is SignalKind.SPEED_LIMIT or before is None or topology.junction(before) >= 0:
                lanes.setdefault(lane, place.s)
            else:
                lanes.setdefault(before, topology.end_station(before))
    return list(lanes.items())


def _valid_lanes(place: SignalPlace) -> tuple[Validity, ...]:
    """Lane ranges of a place; without any, the orientation decides: + is the left side, as in the client."""
    if place.validities:
        return place.validities
    return {"+": (Validity(1, _ANY_LANE),), "-": (Validity(-_ANY_LANE, -1),)}.get(
        place.orientation, (Validity(-_ANY_LANE, _ANY_LANE),)
    )


def _assign_controllers(actors: list[_Actor], opendrive: OpenDrive, topology: LaneTopology) -> NDArray[np.void]:
    """Gives every light a controller and every controller a place in a group.

    A light belongs to the first controller that lists it, a controller to the first junction that lists it;
    within a junction controllers take turns by (sequence, id). Lights without such a controller would never
    change, so: one that shares a lane with a controlled light joins that light's controller, another one for
    lanes into a junction takes a turn after that junction's controllers, and any other one gets a group of
    its own. These controllers are numbered -2, -3, ...; where one is alone in its group its red time is 10 s.
    """
    junction_of: dict[int, int] = {}
    for junction, controller_id in opendrive.junction_controllers:
        junction_of.setdefault(controller_id, junction)
    controller_of: dict[str, tuple[int, int]] = {}
    for controller in opendrive.controllers:
        if controller.controller_id not in junction_of:
            logger.warning("Traffic light controller %d belongs to no junction.", controller.controller_id)
            continue
        for signal_id in controller.signal_ids:
            controller_of.setdefault(signal_id, (controller.sequence, controller.controller_id))
    lights = [actor for actor in actors if actor.kind is SignalKind.TRAFFIC_LIGHT]
    cycles: dict[int, dict[tuple[int, int], list[_Actor]]] = defaultdict(lambda: defaultdict(list))
    keeper: dict[int, tuple[int, tuple[int, int]]] = {}  # lane: junction and controller of its first light
    strays = []
    for light in lights:
        key = controller_of.get(light.signal_id)
        if key is None:
            strays.append(light)
            continue
        junction = junction_of[key[1]]
        cycles[junction][key].append(light)
        for lane, _ in light.lanes:
            keeper.setdefault(lane, (junction, key))
    lone: list[_Actor] = []
    for light in strays:
        shared = next((keeper[lane] for lane, _ in light.lanes if lane in keeper), None)
        junction = topology.road_junction(light.road)
        if shared is not None:
            cycles[shared[0]][shared[1]].append(light)
        elif junction >= 0 and light.lanes:
            cycles[junction][(_LAST_TURN, len(cycles[junction]))].append(light)
        else:
            lone.append(light)
    return _controller_records(cycles, lone)


def _controller_records(cycles: dict[int, dict[tuple[int, int], list[_Actor]]], lone: list[_Actor]) -> NDArray[np.void]:
    """Numbers groups and controllers and notes the rows at the lights."""
    rows: list[tuple[int, int, int, float]] = []
    own_id = -1

    def add(controller_id: int, group: int, order: int, red_s: float, members: list[_Actor]) -> None:
        for light in members:
            light.controller = len(rows)
        rows.append((controller_id, group, order, red_s))

    for group, junction in enumerate(sorted(cycles)):
        turns = cycles[junction]
        for order, (sequence, controller_id) in enumerate(sorted(turns)):
            members = turns[(sequence, controller_id)]
            if sequence != _LAST_TURN:
                add(controller_id, group, order, GROUP_RED_S, members)
            else:
                own_id -= 1
                add(own_id, group, order, LONE_LIGHT_RED_S if len(turns) == 1 else GROUP_RED_S, members)
    for group, light in enumerate(lone, start=len(cycles)):
        own_id -= 1
        add(own_id, group, 0, LONE_LIGHT_RED_S, [light])
    return np.array(rows, dtype=CONTROLLER_DTYPE)


def _effect_boxes(actors: list[_Actor], geometry: LaneGeometry, topology: LaneTopology) -> NDArray[np.void]:
    """One box per actor and lane: half a lane wide and 3 m long, or a cube for speed limits."""
    owner = np.array([i for i, actor in enumerate(actors) for _ in actor.lanes], dtype=np.int64)
    lane = np.array([lane for actor in actors for lane, _ in actor.lanes], dtype=np.int64)
    station = np.array([s for actor in actors for _, s in actor.lanes], dtype=np.float64)
    is_limit = np.array([actors[i].kind is SignalKind.SPEED_LIMIT for i in owner], dtype=bool)
    width = geometry.lane_width(lane, station)
    cube = np.maximum(_SPEED_WIDTH_SHARE * width, _MIN_HALF_WIDTH_M)
    shift = np.where(is_limit, cube, _UPSTREAM_SHIFT_M)
    moved = topology.shift_upstream(lane, station, shift)
    pose = geometry.lane_pose(lane, moved)
    boxes = np.zeros(len(owner), BOX_DTYPE)
    boxes["owner"] = owner
    boxes["x"], boxes["y"], boxes["z"], boxes["yaw"] = pose.x, pose.y, pose.z, pose.yaw
    boxes["ext_x"] = np.where(is_limit, cube, _HALF_LENGTH_M)
    boxes["ext_y"] = np.where(is_limit, cube, np.maximum(_WIDTH_SHARE * pose.width, _MIN_HALF_WIDTH_M))
    boxes["ext_z"] = np.where(is_limit, cube, _HALF_HEIGHT_M)
    return boxes


def _signal_records(actors: list[_Actor], boxes: NDArray[np.void], geometry: LaneGeometry) -> NDArray[np.void]:
    """Poses and trigger volumes of the actors."""
    records = np.zeros(len(actors), SIGNAL_DTYPE)
    road = np.array([actor.road for actor in actors], dtype=np.int64)
    s = np.array([actor.s for actor in actors], dtype=np.float64)
    t = np.array([actor.t for actor in actors], dtype=np.float64)
    reference = geometry.reference(road, s, t)
    first = np.searchsorted(boxes["owner"], np.arange(len(actors) + 1))
    for i, actor in enumerate(actors):
        mine = boxes[first[i] : first[i + 1]]
        is_limit = actor.kind is SignalKind.SPEED_LIMIT
        facing = float(reference.yaw[i]) - actor.h_offset_rad
        forward = _LIGHT_FORWARD_M if actor.kind is SignalKind.TRAFFIC_LIGHT else 0.0
        position = np.array(
            [
                reference.x[i] + forward * np.cos(facing),
                reference.y[i] + forward * np.sin(facing),
                reference.z[i] + actor.z_offset,
            ]
        )
        # CARLA turns lights and signs by 90 degrees against the direction in which their traffic drives.
        trigger = fit_trigger(
            position,
            facing + 0.5 * np.pi,
            np.stack([mine["x"], mine["y"], mine["z"]], axis=1),
            mine["yaw"],
            mine["ext_y"] / (_SPEED_WIDTH_SHARE if is_limit else _WIDTH_SHARE),
            may_turn=not is_limit,
        )
        record = records[i]
        record["signal_id"] = actor.signal_id.encode()
        record["kind"], record["value"], record["controller"] = actor.kind, actor.value, actor.controller
        record["x"], record["y"], record["z"] = position
        record["yaw_deg"] = np.degrees(wrap_rad(np.array(trigger.actor_yaw_rad)))
        record["trigger_yaw_deg"] = np.degrees(trigger.yaw_rad)
        record["trigger_center"], record["trigger_extent"] = trigger.center, trigger.extent
    return records
