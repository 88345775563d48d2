"""Traffic lights in recordings: what to write down about them, and how they show it again.

Lights run by themselves, so only what differs from time passing is written: transitions, resets, what clients do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.simulator.recorder.format import Event
from lead.simulator.world.traffic_lights import LightCycle, TrafficLightSystem
from lead.simulator.world.world import World

_TIMES = ("green_s", "yellow_s", "red_s")
_SHOWN = ("light", "elapsed_s", "frozen")
_SLACK = 1e-3


class LightNotes:
    """Finds out what has to be recorded of the traffic lights.

    Args:
        lights: The lights.
    """

    def __init__(self, lights: TrafficLightSystem) -> None:
        self._lights = lights
        self._before: NDArray[np.float64] | None = None
        self._per_second = np.zeros(0)

    def changes(self, dt_s: float) -> list[Event]:
        """Events for all that did not just let ``dt_s`` pass since the last call; at first, for everything."""
        records, cycle = self._lights.table.records, self._lights.cycle()
        groups = (cycle.active, cycle.stage, cycle.remaining_s, cycle.frozen)
        now = np.concatenate([*(records[name] for name in (*_SHOWN, *_TIMES)), *groups], dtype=np.float64)
        if self._before is None:
            odd = np.ones(len(now), bool)
        else:
            odd = np.abs(now - self._before - dt_s * self._per_second) > _SLACK
        self._before = now
        if not odd.any():
            return []
        fields = len(_SHOWN + _TIMES)
        of_lights = odd[: fields * len(records)].reshape(fields, len(records))
        of_groups = odd[fields * len(records) :].reshape(len(groups), len(cycle.active))
        rates = np.zeros((len(of_lights), len(records)))
        rates[_SHOWN.index("elapsed_s")] = records["frozen"] == 0
        still = np.zeros(len(cycle.active))
        self._per_second = np.concatenate([rates.ravel(), still, still, -1.0 * ~cycle.frozen, still])
        changed = np.flatnonzero(of_lights[: len(_SHOWN)].any(axis=0))
        retimed = np.flatnonzero(of_lights[len(_SHOWN) :].any(axis=0))
        moved = np.flatnonzero(of_groups.any(axis=0))
        events: list[Event] = []
        for name, rows, columns in (
            ("lights", changed, [records[field] for field in _SHOWN]),
            ("groups", moved, groups),
            ("times", retimed, [records[field] for field in _TIMES]),
        ):
            if len(rows):
                events.append([name, rows.tolist(), *(values[rows].tolist() for values in columns)])
        return events


class LightReplay:
    """Takes over all traffic lights of a world until :meth:`release`.

    Args:
        world: World whose lights are taken over.
    """

    def __init__(self, world: World) -> None:
        self._lights = world.lights
        self._lights.suspended = True
        records = self._lights.table.records
        self._shown = records["light"].copy()
        self._elapsed_s = records["elapsed_s"].astype(np.float64)
        self._frozen = records["frozen"] != 0
        self._since_s = np.zeros(len(records))
        self._cycle = self._lights.cycle()
        self._cycle_since_s = np.zeros(len(self._cycle.active))
        self._seen_groups = False

    def note(self, name: str, time_s: float, fields: Sequence[Any]) -> None:
        """Take in an event: ``lights`` (rows, colours, elapsed, frozen), ``groups`` or ``times``."""
        rows = fields[0]
        if name == "lights":
            _, self._shown[rows], self._elapsed_s[rows], self._frozen[rows] = fields
            self._since_s[rows] = time_s
        elif name == "groups":
            cycle = self._cycle
            _, cycle.active[rows], cycle.stage[rows], cycle.remaining_s[rows], cycle.frozen[rows] = fields
            self._cycle_since_s[rows] = time_s
            self._seen_groups = True
        else:
            self._set_times(*fields)

    def _set_times(self, rows: list[int], *seconds: list[float]) -> None:
        lights = self._lights
        for stage, (name, values) in enumerate(zip(_TIMES, seconds, strict=True)):
            for row, value in zip(rows, values, strict=True):
                if float(lights.table.records[name][row]) != value:
                    lights.set_time(lights.table.actors[row], stage, value)

    def show(self, time_s: float) -> None:
        """Write what the lights showed at a time."""
        records = self._lights.table.records
        records["light"] = self._shown
        records["frozen"] = self._frozen
        records["elapsed_s"] = self._elapsed_s + np.where(self._frozen, 0.0, time_s - self._since_s)

    def release(self, time_s: float) -> None:
        """Let the groups run again, from where they stood in the recording at that time."""
        cycle = self._cycle
        passed = np.where(cycle.frozen, 0.0, time_s - self._cycle_since_s) if self._seen_groups else 0.0
        remaining = np.maximum(cycle.remaining_s - passed, 0.0)
        self._lights.suspended = False
        self._lights.set_cycle(LightCycle(cycle.active, cycle.stage, remaining, cycle.frozen))
