"""Street lamps as the light manager sees them: on, off, colour, intensity, and the day/night cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STREET_GROUP = 2
INTENSITY_LM = 5000.0
_WARM_WHITE = (255, 225, 180)
_NIGHT_BELOW_DEG = 2.0


@dataclass(slots=True)
class Lamp:
    """One level lamp; ids count from 1."""

    id: int
    location: tuple[float, float, float]
    intensity: float = INTENSITY_LM
    group: int = STREET_GROUP
    color: tuple[int, int, int] = _WARM_WHITE
    active: bool = False


class LampField:
    """All lamps of a town.

    While the day/night cycle is on, lamps burn when the sun is low; a client that switches it off has them to itself.

    Args:
        locations: float64 (n, 3), world, metres.
    """

    def __init__(self, locations: NDArray[np.float64]) -> None:
        self.lamps = [Lamp(index + 1, tuple(spot)) for index, spot in enumerate(locations.tolist())]
        self.day_night_cycle = True
        self.changed = False
        self._night: bool | None = False
        self._burning: NDArray[np.bool_] | None = None

    def follow_sun(self, altitude_deg: float) -> None:
        """Switch at dusk and dawn, if the cycle is on."""
        night = altitude_deg < _NIGHT_BELOW_DEG
        if not self.day_night_cycle or night == self._night:
            return
        self._night = night
        for lamp in self.lamps:
            lamp.active = night
        self.changed = True
        self._burning = None

    def set_cycle(self, on: bool) -> None:
        """Turn the day/night cycle on or off; turning it on takes effect at the next tick."""
        self.day_night_cycle = on
        self._night = None

    def update(self, changes: list[Lamp]) -> None:
        """Take over what a client set; unknown ids are ignored."""
        for change in changes:
            if 1 <= change.id <= len(self.lamps):
                lamp = self.lamps[change.id - 1]
                lamp.intensity, lamp.group, lamp.color = change.intensity, change.group, change.color
                lamp.active = change.active
        self.changed = bool(changes) or self.changed
        self._burning = None

    def burning(self) -> NDArray[np.bool_]:
        """Which lamps are on, bool (n,) in order of their ids; do not write into it."""
        if self._burning is None:
            self._burning = np.array([lamp.active and lamp.intensity > 0.0 for lamp in self.lamps], bool)
        return self._burning
