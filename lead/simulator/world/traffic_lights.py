"""Traffic lights: junction groups that cycle through their controllers, and which light each vehicle stands at.

A group runs its controllers one after another, each green, yellow, then red for a short all-clear gap; all lights of
the other controllers stay red meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.layout import SignalKind
from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import LIGHT_RECORD, LightState
from lead.simulator.world.tables import RecordTable

GREEN_S = 10.0
YELLOW_S = 3.0
RED_S = 2.0

_STAGE_STATES = np.array([LightState.GREEN, LightState.YELLOW, LightState.RED], np.uint8)


@dataclass(frozen=True)
class LightCycle:
    """Where every group stands: position of the active controller, its stage, seconds left in it, timer stopped."""

    active: NDArray[np.int64]
    stage: NDArray[np.int64]
    remaining_s: NDArray[np.float64]
    frozen: NDArray[np.bool_]


class TrafficLightSystem:
    """State of every traffic light of the town.

    Stages per controller are 0 green, 1 yellow, 2 red; exactly one controller per group is in stage 0 or 1 at a time.

    Args:
        town: Compiled map; its lights are ``town.signals`` rows of kind TRAFFIC_LIGHT, in order.
    """

    def __init__(self, town: CompiledMap) -> None:
        self.table = RecordTable(LIGHT_RECORD)
        rows = np.flatnonzero(town.signals["kind"] == SignalKind.TRAFFIC_LIGHT)
        self.light_of_signal = np.full(len(town.signals), -1, np.int64)
        """Row of the light that each of the town's signals is, -1 for signs."""
        self.light_of_signal[rows] = np.arange(len(rows))
        self._controller = town.signals["controller"][rows].astype(np.int64)
        controllers = town.controllers
        self._group_of_controller = controllers["group"].astype(np.int64)
        self._group_of_light = self._group_of_controller[self._controller]
        groups = int(self._group_of_controller.max()) + 1 if len(controllers) else 0
        self._members = [np.zeros(0, np.int64)] * groups
        for group in range(groups):
            members = np.flatnonzero(self._group_of_controller == group)
            self._members[group] = members[np.argsort(controllers["order"][members], kind="stable")]
        self._default_red_s = controllers["red_s"].astype(np.float64)
        self._times_s = np.zeros((len(controllers), 3))
        self._active = np.zeros(groups, np.int64)
        self._stage = np.zeros(groups, np.int64)
        self._remaining_s = np.zeros(groups)
        self._frozen = np.zeros(groups, bool)
        self.suspended = False
        """True while somebody else, a replay, decides what the lights show; all timers stand still."""

    def start(self) -> None:
        """Give all controllers their default times and start every group; call once the actors are inserted."""
        self._times_s[:, 0], self._times_s[:, 1] = GREEN_S, YELLOW_S
        self._times_s[:, 2] = self._default_red_s
        self._publish_times()
        self.reset_all()

    def _publish_times(self) -> None:
        records = self.table.records
        times = self._times_s[self._controller]
        records["green_s"], records["yellow_s"], records["red_s"] = times[:, 0], times[:, 1], times[:, 2]

    def reset_all(self) -> None:
        """Restart every group: its first controller green with a full timer, all others red."""
        self._restart(np.arange(len(self._members)))

    def reset_group(self, actor: Actor) -> None:
        """Restart the group the light belongs to."""
        self._restart(self._group_of_light[actor.row : actor.row + 1])

    def _restart(self, groups: NDArray[np.int64]) -> None:
        self._active[groups] = 0
        self._stage[groups] = 0
        first = np.array([self._members[group][0] for group in groups.tolist()], np.int64)
        self._remaining_s[groups] = self._times_s[first, 0]
        self._paint(groups)
        # A restart begins every light's state anew, also where the colour stays.
        self.table.records["elapsed_s"][np.isin(self._group_of_light, groups)] = 0.0

    def _paint(self, groups: NDArray[np.int64]) -> None:
        """Write the colours of these groups' lights; a light whose colour changes starts a new elapsed time."""
        changed = np.zeros(len(self._members), bool)
        changed[groups] = True
        rows = np.flatnonzero(changed[self._group_of_light])
        shown = np.array(
            [members[k] for members, k in zip(self._members, self._active.tolist(), strict=True)], np.int64
        )
        group = self._group_of_light[rows]
        active = shown[group] == self._controller[rows]
        state = np.where(active, _STAGE_STATES[self._stage[group]], LightState.RED).astype(np.uint8)
        records = self.table.records
        fresh = rows[records["light"][rows] != state]
        records["elapsed_s"][fresh] = 0.0
        records["light"][rows] = state

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` pass for every group that is not frozen."""
        if self.suspended or not len(self.table):
            return
        running = ~self._frozen
        records = self.table.records
        records["elapsed_s"] += np.float32(dt_s) * running[self._group_of_light]
        self._remaining_s[running] -= dt_s
        due = np.flatnonzero(running & (self._remaining_s <= 1e-6))
        if not len(due):
            return
        for group in due.tolist():
            members = self._members[group]
            self._stage[group] += 1
            if self._stage[group] == len(_STAGE_STATES):
                self._stage[group] = 0
                self._active[group] = (self._active[group] + 1) % len(members)
            # A stage starts in full: what a shortened one before it overran is forgotten, as in CARLA.
            self._remaining_s[group] = self._times_s[members[self._active[group]], self._stage[group]]
        self._paint(due)

    def cycle(self) -> LightCycle:
        """Copy of all groups' states."""
        return LightCycle(self._active.copy(), self._stage.copy(), self._remaining_s.copy(), self._frozen.copy())

    def set_cycle(self, cycle: LightCycle) -> None:
        """Let all groups go on from these states; what the lights show is left as it is until the next transition."""
        self._active[:], self._stage[:] = cycle.active, cycle.stage
        self._remaining_s[:], self._frozen[:] = cycle.remaining_s, cycle.frozen
        self._publish_frozen()

    def set_state(self, actor: Actor, state: int) -> None:
        """Show a colour on this light until its group's next transition."""
        record = self.table.records
        if record["light"][actor.row] != state:
            record["light"][actor.row] = state
            record["elapsed_s"][actor.row] = 0.0

    def set_time(self, actor: Actor, stage: int, seconds: float) -> None:
        """Set green (0), yellow (1) or red (2) time of the light's controller.

        A stage under way gets the new length at once, counted from its start: scenarios hold the lights of a junction
        by giving them very long stages.
        """
        seconds = max(seconds, 0.0)
        controller = self._controller[actor.row]
        group = self._group_of_light[actor.row]
        if self._members[group][self._active[group]] == controller and self._stage[group] == stage:
            self._remaining_s[group] += seconds - self._times_s[controller, stage]
        self._times_s[controller, stage] = seconds
        self._publish_times()

    def freeze(self, actor: Actor, frozen: bool) -> None:
        """Stop or release the timers of the light's group."""
        self._frozen[self._group_of_light[actor.row]] = frozen
        self._publish_frozen()

    def freeze_all(self, frozen: bool) -> None:
        """Stop or release all timers."""
        self._frozen[:] = frozen
        self._publish_frozen()

    def _publish_frozen(self) -> None:
        self.table.records["frozen"] = self._frozen[self._group_of_light]

    def group_ids(self, actor: Actor) -> list[int]:
        """Actor ids of the lights in the same group, itself included."""
        rows = np.flatnonzero(self._group_of_light == self._group_of_light[actor.row])
        return [int(value) for value in self.table.records["id"][rows]]
