"""Remote calls that look at the scene (boxes, objects, rays) or only draw, record and configure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import ray_box_distances
from lead.maps.layout import LaneType
from lead.simulator.protocol.actor_calls import live_actor
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.structs import bounding_box
from lead.simulator.protocol.wire import array, flag, floats, integer, token_bytes, transform_row, vector
from lead.simulator.world.actors import WorldError
from lead.simulator.world.solids import solids_near

_ROADS, _SIDEWALKS, _TERRAIN = 1, 2, 10
_MARCH_STEP_M = 0.5
_MAX_MARCH_STEPS = 4000


def _level_box(session: Session, row: int) -> list[object]:
    box = session.world.scene.boxes[row]
    center = (box["x"], box["y"], box["z"])
    extent = (box["ext_x"], box["ext_y"], box["ext_z"])
    return bounding_box(session.version, center, extent, (0.0, float(np.degrees(box["yaw"])), 0.0))


@value_call("get_all_level_BBs")
def get_all_level_boxes(session: Session, label: object) -> list[object]:
    """World-frame boxes of level geometry of one class (255: any)."""
    return [_level_box(session, row) for row in session.world.scene.rows(integer(label)).tolist()]


@value_call("get_environment_objects")
def get_environment_objects(session: Session, label: object) -> list[object]:
    """Level geometry as objects; ids are stable for a town."""
    scene, town = session.world.scene, session.world.town.name
    objects: list[object] = []
    for row in scene.rows(integer(label)).tolist():
        box = scene.boxes[row]
        pose = transform_row((box["x"], box["y"], box["z"]), (0.0, float(np.degrees(box["yaw"])), 0.0))
        objects.append([pose, _level_box(session, row), row + 1, scene.name(town, row), int(box["label"])])
    return objects


@void_call("enable_environment_objects")
def enable_environment_objects(session: Session, ids: object, enabled: object) -> None:
    """Show or hide level objects by id, together with their collisions; unknown ids are ignored."""
    rows = np.array([integer(key) - 1 for key in array(ids)], np.int64)
    known = rows[(rows >= 0) & (rows < len(session.world.scene.boxes))]
    session.world.show_level_objects(known, flag(enabled))


@value_call("project_point")
def project_point(session: Session, location: object, direction: object, distance: object) -> list[object]:
    """First thing hit along a ray: found flag and labelled point."""
    start, heading = vector(location), vector(direction)
    length = float(np.linalg.norm(heading))
    if length == 0.0:
        raise WorldError("the direction of a projection must not be zero")
    reach = min(max(float(vector([distance, 0.0, 0.0])[0]), 0.0), _MARCH_STEP_M * _MAX_MARCH_STEPS)
    hits = _ray_hits(session, start, start + heading / length * reach)
    if not hits:
        return [False, [[0.0, 0.0, 0.0], 0]]
    return [True, hits[0]]


@value_call("cast_ray")
def cast_ray(session: Session, start: object, end: object) -> list[object]:
    """Everything a segment passes through: level boxes, actors, ground; nearest first."""
    return _ray_hits(session, vector(start), vector(end))


def _ray_hits(session: Session, start: NDArray[np.float64], end: NDArray[np.float64]) -> list[object]:
    length = float(np.linalg.norm(end - start))
    if length == 0.0:
        return []
    direction = (end - start) / length
    hits: list[tuple[float, int]] = [*_box_hits(session, start, direction, length)]
    ground = _ground_hit(session, start, direction, length)
    if ground is not None:
        hits.append(ground)
    return [[floats(start + direction * at), label] for at, label in sorted(hits)]


def _box_hits(
    session: Session, start: NDArray[np.float64], direction: NDArray[np.float64], length: float
) -> list[tuple[float, int]]:
    """Entry distances and labels of level boxes and solid actors on the ray."""
    solids = solids_near(session.world, start, length)
    if not len(solids.center):
        return []
    entry, leave = ray_box_distances(start[None], direction[None], solids.center, solids.yaw, solids.half)
    hit = np.flatnonzero((entry[0] <= leave[0]) & (entry[0] <= length) & (leave[0] >= 0.0))
    return [(max(float(entry[0, k]), 0.0), int(solids.label[k])) for k in hit]


def _ground_hit(
    session: Session, start: NDArray[np.float64], direction: NDArray[np.float64], length: float
) -> tuple[float, int] | None:
    """First crossing of the ground surface, by marching and one linear interpolation."""
    steps = min(max(int(length / _MARCH_STEP_M), 1), _MAX_MARCH_STEPS)
    at = np.linspace(0.0, length, steps + 1)
    points = start + direction * at[:, None]
    hits = session.world.ground.query(points)
    above = points[:, 2] - hits.z
    crossing = np.flatnonzero((above[:-1] >= 0.0) & (above[1:] < 0.0))
    if not len(crossing):
        return None
    k = int(crossing[0])
    distance = float(at[k] + (at[k + 1] - at[k]) * above[k] / (above[k] - above[k + 1]))
    return distance, _ground_label(session, int(hits.lane[k]), float(hits.offset[k]))


def _ground_label(session: Session, lane: int, offset: float) -> int:
    lanes = session.world.town.lanes
    if lane < 0 or abs(offset) > float(lanes["half_width"][lane]):
        return _TERRAIN
    return _SIDEWALKS if lanes["lane_type"][lane] == LaneType.SIDEWALK else _ROADS


@value_call("get_gbuffer_token")
def get_gbuffer_token(session: Session, actor_id: object, buffer_id: object) -> bytes:
    """Token of a stream that stays silent: there are no G-buffers."""
    live_actor(session, actor_id)
    return token_bytes(0xFFFFFFFF, session.stream_port)


@void_call("enable_gbuffers")
def enable_gbuffers(session: Session, actor_id: object, enabled: object) -> None:
    """Accepted without effect."""
    live_actor(session, actor_id)


@value_call("are_gbuffers_enabled")
def are_gbuffers_enabled(session: Session, actor_id: object) -> bool:
    """Never."""
    live_actor(session, actor_id)
    return False


@void_call("set_ignored_vehicles")
def set_ignored_vehicles(session: Session, actor_id: object, ids: object) -> None:
    """Accepted without effect."""
    live_actor(session, actor_id)


@value_call("is_sensor_enabled_for_ros")
def is_sensor_enabled_for_ros(session: Session, stream_id: object) -> bool:
    """ROS is not served."""
    integer(stream_id)
    return False


def _register_silent_calls() -> None:
    """Calls that draw, record, stream to ROS or retexture: accepted without effect."""

    def accept(session: Session, *arguments: object) -> None:
        return

    names = (
        "enable_sensor_for_ros",
        "disable_sensor_for_ros",
        "draw_debug_shape",
        "clear_debug_shape",
        "clear_debug_string",
        "apply_color_texture_to_objects",
        "apply_float_color_texture_to_objects",
        "set_annotations_traverse_translucency",
    )
    for name in names:
        void_call(name)(accept)


_register_silent_calls()
