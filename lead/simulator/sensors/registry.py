"""From blueprint ids to sensors and to their numbers on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lead.simulator.sensors.base import Sensor
from lead.simulator.sensors.cameras import (
    DepthCamera,
    DvsCamera,
    FlowCamera,
    InstanceCamera,
    NormalsCamera,
    RgbCamera,
    SemanticCamera,
)
from lead.simulator.sensors.events import CollisionSensor, ObstacleSensor
from lead.simulator.sensors.inertial import Gnss, Imu
from lead.simulator.sensors.lidar import Lidar, SemanticLidar
from lead.simulator.sensors.radar import Radar
from lead.simulator.world.attributes import parse_int

WORLD_OBSERVER = "world_observer"

_STREAM_ORDER = (
    "sensor.other.collision",
    "sensor.camera.depth",
    "sensor.camera.normals",
    "sensor.camera.dvs",
    "sensor.other.gnss",
    "sensor.other.imu",
    "sensor.other.lane_invasion",
    "sensor.other.obstacle",
    "sensor.camera.optical_flow",
    "sensor.other.radar",
    "sensor.lidar.ray_cast_semantic",
    "sensor.lidar.ray_cast",
    "sensor.other.rss",
    "sensor.camera.rgb",
    "sensor.camera.semantic_segmentation",
    "sensor.camera.instance_segmentation",
)
_WORLD_OBSERVER_INDEX = {"0.9.15": 16, "0.9.16": 17}
_WITHOUT_STREAM = frozenset({"sensor.other.lane_invasion", "sensor.other.rss"})

_SensorClass = Callable[[str, Mapping[str, str], np.random.Generator], Sensor]
_CLASSES: Mapping[str, _SensorClass] = {
    "sensor.other.collision": CollisionSensor,
    "sensor.other.obstacle": ObstacleSensor,
    "sensor.other.gnss": Gnss,
    "sensor.other.imu": Imu,
    "sensor.other.radar": Radar,
    "sensor.lidar.ray_cast": Lidar,
    "sensor.lidar.ray_cast_semantic": SemanticLidar,
    "sensor.camera.rgb": RgbCamera,
    "sensor.camera.depth": DepthCamera,
    "sensor.camera.semantic_segmentation": SemanticCamera,
    "sensor.camera.instance_segmentation": InstanceCamera,
    "sensor.camera.normals": NormalsCamera,
    "sensor.camera.optical_flow": FlowCamera,
    "sensor.camera.dvs": DvsCamera,
}


def make_sensor(blueprint_id: str, attributes: Mapping[str, str], *, seed: int, actor_id: int) -> Sensor | None:
    """A fresh sensor.

    Args:
        blueprint_id: Type id of a sensor blueprint.
        attributes: Value of every attribute of the blueprint, as text.
        seed: Seed of the world.
        actor_id: Seeds the noise together with the world, unless the user chose a ``noise_seed`` other than
            0: then equal seeds give equal noise, whichever actor has them.

    Returns:
        The sensor, or None for those that never send anything (lane invasion is found in the client).

    Raises:
        ValueError: No such sensor, or an attribute that makes no sense; one sentence.
    """
    if blueprint_id in _WITHOUT_STREAM:
        return None
    if blueprint_id not in _CLASSES:
        raise ValueError(f"{blueprint_id!r} is no sensor")
    noise_seed = parse_int("noise_seed", attributes.get("noise_seed", "0"))
    entropy = (seed, 0, actor_id) if noise_seed == 0 else (seed, 1, noise_seed)
    rng = np.random.default_rng([part % 2**64 for part in entropy])
    return _CLASSES[blueprint_id](blueprint_id, attributes, rng)


def stream_type_index(kind: str, version: str) -> int:
    """Number of a sensor type in the stream header.

    Args:
        kind: Blueprint id, or ``WORLD_OBSERVER`` for the world snapshot.
        version: ``0.9.15`` or ``0.9.16``.
    """
    if kind == WORLD_OBSERVER:
        return _WORLD_OBSERVER_INDEX[version]
    return _STREAM_ORDER.index(kind)
