"""Parked cars along a route: spawned as the ego comes near, out of the way of scenarios, gone when the route ends.

As in CARLA's leaderboard they stand in Town12 and Town13 only. The other towns have what their level shows, and
`parking_slots` offers slots for those who want more.
"""

from __future__ import annotations

import functools
import logging

import carla
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from lead.maps.parked_cars import MESH_BLUEPRINT, PARKED_CARS
from lead.maps.parking import SCALE, SLOT_DTYPE, overlapping, parking_slots
from lead.maps.towns import canonical_name

LOG = logging.getLogger(__name__)

TOWNS_WITH_PARKED_CARS = ("Town12", "Town13")
ROUTE_REACH_M = 100.0
ROUTE_STRIDE = 10
SPAWN_REACH_M = 450.0
CLAIM_RADIUS_M = 10.0

Array = NDArray[np.float64]


@functools.cache
def listed_slots(town: str) -> NDArray[np.void]:
    """The slots that routes of a town use by default, SLOT_DTYPE [n]; none outside Town12 and Town13."""
    name = canonical_name(town)
    return parking_slots(name) if name in TOWNS_WITH_PARKED_CARS else np.zeros(0, SLOT_DTYPE)


def slots_near_route(slots: NDArray[np.void], route_xyz: Array) -> NDArray[np.void]:
    """The slots within 100 m of every tenth point of a route.

    Args:
        slots: SLOT_DTYPE [n].
        route_xyz: float64 [m, 3], the dense route, about one point per metre, world frame.
    """
    if not len(slots) or not len(route_xyz):
        return slots[:0]
    distance, _ = KDTree(route_xyz[::ROUTE_STRIDE, :2]).query(np.stack([slots["x"], slots["y"]], axis=1))
    return slots[distance <= ROUTE_REACH_M]


class ParkedVehicles:
    """The parked cars of one route.

    Attributes:
        slots: SLOT_DTYPE [n], the slots along the route that are free of level geometry.
    """

    def __init__(
        self,
        client: carla.Client,
        route_xyz: Array,
        slots: NDArray[np.void],
        claimed_places: ArrayLike = (),
    ) -> None:
        """Choose the slots of a route; nothing is spawned yet.

        Args:
            client: Connected to the simulator with the route's town.
            route_xyz: float64 [m, 3], the dense route, world frame, m.
            slots: SLOT_DTYPE, the town's slots.
            claimed_places: float [k, 3], places that scenarios are known to need, world frame, m.
        """
        self._client = client
        world = client.get_world()
        near = slots_near_route(slots, route_xyz)
        self.slots = near[~_taken_by_level(world, near)] if len(near) else near
        self._xy: Array = np.stack([self.slots["x"], self.slots["y"]], axis=1)
        self._claims: Array = np.zeros((0, 3))
        self._waiting = np.ones(len(self.slots), bool)
        self._actor_ids = np.zeros(len(self.slots), np.int64)
        self._blueprints = _blueprints(world) if len(self.slots) else []
        self.claim(claimed_places)

    @property
    def actor_ids(self) -> list[int]:
        """Ids of the cars that stand there now."""
        return [int(actor_id) for actor_id in self._actor_ids[self._actor_ids > 0]]

    def update(self, ego_xyz: Array, claimed: ArrayLike = ()) -> None:
        """Spawn the cars that the ego has come near to; the world is not ticked.

        Args:
            ego_xyz: float64 [3] (or [2]), position of the ego, world frame, m.
            claimed: float [k, 3], places that scenarios have claimed; the same ones may be given every tick.

        Raises:
            RuntimeError: The simulator does not answer.
        """
        self.claim(claimed)
        offset = self._xy - ego_xyz[:2]
        near = self._waiting & (np.einsum("ij,ij->i", offset, offset) < SPAWN_REACH_M**2)
        if near.any():
            self._spawn(np.flatnonzero(near))

    def claim(self, places: ArrayLike) -> None:
        """Keep slots within 10 m of some places free; cars that stand there already are removed at once.

        Scenarios claim before they spawn, so that nothing is in the way of their own actors.

        Args:
            places: float [k, 3], world frame, m.
        """
        claims = np.asarray(places, np.float64).reshape(-1, 3)
        if not len(claims) or not len(self.slots) or np.array_equal(claims, self._claims):
            return
        self._claims = claims.copy()
        distance, _ = KDTree(claims[:, :2]).query(self._xy)
        claimed = distance <= CLAIM_RADIUS_M
        self._waiting &= ~claimed
        self._destroy(np.flatnonzero(claimed & (self._actor_ids > 0)))

    def destroy(self) -> None:
        """Remove all cars at the end of the route; a simulator that died has none, so that is no error."""
        self._waiting[:] = False
        try:
            self._destroy(np.flatnonzero(self._actor_ids > 0))
        except RuntimeError as error:
            LOG.warning("the parked cars could not be removed: %s", error)

    def _spawn(self, rows: NDArray[np.int64]) -> None:
        commands = [self._command(self.slots[row]) for row in rows.tolist()]
        self._waiting[rows] = False
        replies = self._client.apply_batch_sync(commands, False)
        self._actor_ids[rows] = [0 if reply.has_error() else reply.actor_id for reply in replies]
        if failures := [reply.error for reply in replies if reply.has_error()]:
            LOG.warning("%d of %d parked cars could not be spawned: %s", len(failures), len(rows), failures[0])

    def _command(self, slot: np.void) -> carla.command.SpawnActor:
        pose = carla.Transform(
            carla.Location(float(slot["x"]), float(slot["y"]), float(slot["z"])),
            carla.Rotation(float(slot["pitch_deg"]), float(slot["yaw_deg"]), float(slot["roll_deg"])),
        )
        spawn = carla.command.SpawnActor(self._blueprints[int(slot["mesh"])], pose)
        return spawn.then(carla.command.SetSimulatePhysics(carla.command.FutureActor, False))

    def _destroy(self, rows: NDArray[np.int64]) -> None:
        if len(rows):
            commands = [carla.command.DestroyActor(int(actor_id)) for actor_id in self._actor_ids[rows]]
            self._actor_ids[rows] = 0
            self._client.apply_batch_sync(commands, False)


def _blueprints(world: carla.World) -> list[carla.ActorBlueprint]:
    """One blueprint per mesh."""
    library = world.get_blueprint_library()
    blueprints = []
    for car in PARKED_CARS:
        blueprint = library.find(MESH_BLUEPRINT)
        blueprint.set_attribute("mesh_path", car.mesh_path)
        blueprint.set_attribute("scale", str(SCALE))
        blueprints.append(blueprint)
    return blueprints


def _taken_by_level(world: carla.World, slots: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which slots already have a car of the level in them."""
    boxes = world.get_level_bbs(carla.CityObjectLabel.Car)
    rows = np.array(
        [
            (
                box.location.x,
                box.location.y,
                box.rotation.yaw,
                box.extent.x,
                box.extent.y,
                box.location.z - box.extent.z,
            )
            for box in boxes
        ],
        np.float64,
    ).reshape(-1, 6)
    return overlapping(slots, rows[:, :2], np.radians(rows[:, 2]), rows[:, 3:5], rows[:, 5])
