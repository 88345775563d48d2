"""Stop signs of a world and the boxes in which they take effect, as arrays, so that one look finds those close by."""

from __future__ import annotations

import carla
import numpy as np
from numpy.typing import NDArray


class StopSigns:
    """All stop signs of a world.

    Attributes:
        actors: The signs in the order of their ids.
        centers: (n, 3) float64 centres of the trigger volumes, world frame, metres.
        half_sizes: (n, 2) float64 half sizes of the trigger volumes. The official criterion lays them along the
            world's axes, whatever the direction of the sign.
    """

    def __init__(self, world: carla.World) -> None:
        """Read the signs of a world; it must have ticked once."""
        signs = world.get_actors().filter("traffic.stop*")
        self.actors: list[carla.TrafficSign] = sorted(signs, key=lambda sign: int(sign.id))
        self.centers = np.array([_trigger_center(sign) for sign in self.actors], dtype=np.float64).reshape(-1, 3)
        extents = [sign.trigger_volume.extent for sign in self.actors]
        self.half_sizes = np.array([(each.x, each.y) for each in extents], dtype=np.float64).reshape(-1, 2)

    def near(self, location: NDArray[np.float64], reach_m: float) -> NDArray[np.intp]:
        """Return the indices of signs whose trigger centre is within reach of a (3,) location."""
        offsets = self.centers - location
        return np.flatnonzero(np.einsum("ij,ij->i", offsets, offsets) <= reach_m * reach_m)


def _trigger_center(sign: carla.TrafficSign) -> tuple[float, float, float]:
    center = sign.get_transform().transform(sign.trigger_volume.location)
    return center.x, center.y, center.z
