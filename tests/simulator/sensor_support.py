"""Fixtures by hand for the sensor tests: sensors from blueprint defaults, contexts, scenes."""

from dataclasses import replace

import numpy as np

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.interim import SceneView
from lead.simulator.sensors import Sensor, SensorContext, make_sensor
from lead.simulator.world.blueprints import BlueprintLibrary

LIBRARY = BlueprintLibrary("0.9.16")
STEP_S = 0.05


def build(blueprint_id: str, *, seed: int = 1, actor_id: int = 7, **attributes: object) -> Sensor:
    values = LIBRARY.validate(blueprint_id, {name: str(value) for name, value in attributes.items()})
    sensor = make_sensor(blueprint_id, values, seed=seed, actor_id=actor_id)
    assert sensor is not None
    return sensor


def at(
    frame: int = 1,
    location: tuple[float, float, float] = (0.0, 0.0, 2.5),
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    scene: SceneView | None = None,
    **more: object,
) -> SensorContext:
    context = SensorContext(
        frame=frame,
        time_s=frame * STEP_S,
        dt_s=STEP_S,
        location=np.array(location),
        rotation_deg=np.array(rotation_deg),
        rotation=rotation_matrices(*rotation_deg),
        **more,  # type: ignore[arg-type]
    )
    return context if scene is None else replace(context, scene=lambda radius_m: scene)


def boxes(*rows: tuple[tuple[float, float, float], float, tuple[float, float, float]], **more: object) -> SceneView:
    """Scene of boxes (centre, yaw in radians, half sizes) that are cars with ids from 100."""
    n = len(rows)
    values = {
        "center": np.array([row[0] for row in rows], dtype=np.float64),
        "yaw": np.array([row[1] for row in rows], dtype=np.float64),
        "half": np.array([row[2] for row in rows], dtype=np.float64),
        "actor_id": np.arange(100, 100 + n),
        "label": np.full(n, 14, dtype=np.uint8),
        "velocity": np.zeros((n, 3)),
    }
    return SceneView(**{**values, **more})  # type: ignore[arg-type]
