"""World objects in the shapes the clients decode (msgpack arrays in CARLA's field order)."""

from __future__ import annotations

from collections.abc import Sequence

from lead.simulator.protocol.wire import finite, flag, floats, integer, optional, token_bytes
from lead.simulator.world.actors import Actor
from lead.simulator.world.settings import EpisodeSettings

LARGE_TOWNS = frozenset({"Town11", "Town12", "Town13", "Town15"})


def map_path(name: str) -> str:
    """Path under which CARLA lists a town, without its ``/Game/`` prefix."""
    return f"Carla/Maps/{name}/{name}" if name in LARGE_TOWNS else f"Carla/Maps/{name}"


def bounding_box(
    version: str, center: Sequence[float], extent: Sequence[float], rotation_deg: Sequence[float], actor_id: int = 0
) -> list[object]:
    """BoundingBox; 0.9.16 appends the actor's id."""
    box: list[object] = [floats(center), floats(extent), floats(rotation_deg)]
    return box if version == "0.9.15" else [*box, actor_id]


def actor_box(version: str, actor: Actor) -> list[object]:
    """Bounding box of an actor in its own frame."""
    return bounding_box(version, actor.box_center, actor.extent, (0.0, actor.box_yaw_deg, 0.0), actor.id)


def actor_struct(version: str, actor: Actor, stream_port: int) -> list[object]:
    """Complete Actor, as get_actors_by_id, spawns and events carry it."""
    return [
        actor.id,
        actor.parent_id,
        [actor.blueprint_uid, actor.type_id, actor.attribute_rows],
        actor_box(version, actor),
        bytes([actor.semantic_tag]) if actor.semantic_tag else b"",
        token_bytes(actor.stream_id, stream_port) if actor.stream_id else b"",
    ]


def level_actor_struct(version: str, class_name: str, label: int) -> list[object]:
    """The stand-in actor (id 0) that collision events name for level geometry."""
    box = bounding_box(version, (0.0,) * 3, (0.0,) * 3, (0.0,) * 3)
    return [0, 0, [0, f"static.{class_name}", []], box, bytes([label]), b""]


def settings_struct(settings: EpisodeSettings) -> list[object]:
    """EpisodeSettings for the client."""
    fixed: list[object] = [False] if settings.fixed_delta_s is None else [True, settings.fixed_delta_s]
    return [
        settings.synchronous,
        settings.no_rendering,
        fixed,
        settings.substepping,
        settings.max_substep_delta_s,
        settings.max_substeps,
        settings.max_culling_distance_m,
        settings.deterministic_ragdolls,
        settings.tile_stream_distance_m,
        settings.actor_active_distance_m,
        settings.spectator_as_ego,
    ]


def parse_settings(row: Sequence[object]) -> EpisodeSettings:
    """EpisodeSettings from the client; a fixed step of zero means none."""
    fixed = optional(row[2])
    step = finite(fixed, low=0.0, high=10.0) if fixed is not None else 0.0
    return EpisodeSettings(
        flag(row[0]),
        flag(row[1]),
        step or None,
        flag(row[3]),
        finite(row[4], 0.01),
        integer(row[5]),
        finite(row[6]),
        flag(row[7]),
        finite(row[8], 3000.0),
        finite(row[9], 2000.0),
        flag(row[10]),
    )
