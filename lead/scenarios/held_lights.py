"""What traffic lights did before scenarios held them: several may hold the same ones, and end in any order.

A scenario that gives back what it found would leave a light stopped for good if that was the hold of another one that
has ended meanwhile. So the times of a light that nobody holds any more are those that it had first in the episode.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import carla


@dataclass(frozen=True)
class LightProgram:
    """What a light does.

    Attributes:
        state: Its colour.
        green_s: Duration of green, seconds.
        yellow_s: Duration of yellow.
        red_s: Duration of red.
    """

    state: carla.TrafficLightState
    green_s: float
    yellow_s: float
    red_s: float

    @classmethod
    def of(cls, light: carla.TrafficLight) -> LightProgram:
        """Read what a light did in the last snapshot."""
        return cls(light.get_state(), light.get_green_time(), light.get_yellow_time(), light.get_red_time())

    def set_times(self, light: carla.TrafficLight) -> None:
        """Give a light these times; its colour and clock go on."""
        light.set_green_time(self.green_s)
        light.set_red_time(self.red_s)
        light.set_yellow_time(self.yellow_s)


class HeldLights:
    """The lights of one episode that scenarios hold or have held."""

    def __init__(self) -> None:
        """Start with none."""
        self._first: dict[int, LightProgram] = {}
        self._holders: Counter[int] = Counter()

    def note(self, light: carla.TrafficLight) -> LightProgram:
        """Remember a light's times before they are changed for the first time; returns what it does now."""
        program = LightProgram.of(light)
        self._first.setdefault(int(light.id), program)
        return program

    def hold(self, light: carla.TrafficLight) -> LightProgram:
        """Begin to hold a light; returns what it does now, which :meth:`release` wants back."""
        self._holders[int(light.id)] += 1
        return self.note(light)

    def release(self, light: carla.TrafficLight, before: LightProgram) -> None:
        """Give a light the colour that it had before, and its times: the first ones if nobody else holds it."""
        number = int(light.id)
        self._holders[number] -= 1
        if not self._holders[number]:
            before = replace(self._first[number], state=before.state)
        light.set_state(before.state)
        before.set_times(light)

    def give_back_times(self, light: carla.TrafficLight) -> None:
        """Give a light that was noted its first times, unless somebody holds it and will do so."""
        if not self._holders[int(light.id)]:
            self._first[int(light.id)].set_times(light)
