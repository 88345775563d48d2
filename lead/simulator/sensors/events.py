"""Sensors that speak up when something happens: collision and obstacle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lead.geometry.boxes import sphere_sweep_distances
from lead.simulator.scenery.materials import Label
from lead.simulator.sensors.base import Body, Collision, Sensor, SensorContext, Vector
from lead.simulator.world.solids import Solids

_DYNAMIC_LABELS = np.array([12, 13, 14, 15, 16, 17, 18, 19, 21], dtype=np.uint8)


class CollisionSensor(Sensor):
    """``sensor.other.collision``: one event per frame for each party that the parent touches."""

    def _measure(self, context: SensorContext, elapsed_s: float) -> list[Body] | None:
        strongest: dict[tuple[int, int], Collision] = {}
        for collision in sorted(context.collisions, key=lambda contact: float(np.linalg.norm(contact.impulse))):
            strongest[collision.other_id, collision.label] = collision
        bodies: list[Body] = [
            context.event_body(collision.other_id, collision.label, [float(part) for part in collision.impulse])
            for collision in strongest.values()
        ]
        return bodies or None


class ObstacleSensor(Sensor):
    """``sensor.other.obstacle``: what a sphere, swept along the sensor's forward axis, touches first.

    The sensor's parent is ignored; the road is not, unless only dynamic things count.
    """

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.distance_m = self._float("distance", low=0.0)
        self.hit_radius_m = self._float("hit_radius", low=0.0)
        self._only_dynamics = self._bool("only_dynamics")

    def _measure(self, context: SensorContext, elapsed_s: float) -> bytes | None:
        solids = context.solids(self.distance_m + self.hit_radius_m)
        wanted = (solids.actor_id != context.parent_id) | (solids.actor_id == 0)
        if self._only_dynamics:
            wanted &= np.isin(solids.label, _DYNAMIC_LABELS)
        rows = np.flatnonzero(wanted)
        forward = context.rotation[:, 0]
        ways = sphere_sweep_distances(
            context.location,
            forward,
            self.hit_radius_m,
            self.distance_m,
            solids.center[rows],
            solids.yaw[rows],
            solids.half[rows],
        )
        ground_way = np.inf if self._only_dynamics else self._way_to_ground(solids, context.location, forward)
        nearest = int(np.argmin(ways)) if len(ways) else -1
        if nearest >= 0 and ways[nearest] <= ground_way and np.isfinite(ways[nearest]):
            row = rows[nearest]
            return context.event_body(int(solids.actor_id[row]), int(solids.label[row]), float(ways[nearest]))
        if ground_way <= self.distance_m:
            return context.event_body(0, int(Label.ROADS), ground_way)
        return None

    def _way_to_ground(self, solids: Solids, location: Vector, forward: Vector) -> float:
        """Way of the sphere's centre until it touches the ground plane, metres; infinite if never."""
        normal = np.array([-solids.grade_x, -solids.grade_y, 1.0])
        normal /= np.linalg.norm(normal)
        clearance = (float(location[2]) - solids.ground_z) * float(normal[2]) - self.hit_radius_m
        if clearance <= 0.0:
            return 0.0
        sinking = -float(normal @ forward)
        return clearance / sinking if sinking > 0.0 else np.inf
