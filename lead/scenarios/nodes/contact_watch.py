"""Tells when one of a group of actors has touched something.

Every actor gets a collision sensor: a few requests per actor, and nothing per tick while nothing happens. Contacts
arrive on a thread of the client, sooner or later than the tick's other data; they are taken one tick late, with the
frame they carry, so that the race decides nothing and drives repeat exactly.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue

import carla

from lead.scenarios.stage import Stage

COLLISION_SENSOR = "sensor.other.collision"


class ContactWatch:
    """Collision sensors on a group of actors."""

    def __init__(self, stage: Stage) -> None:
        """Watch nobody yet."""
        self._stage = stage
        self._sensors: dict[int, carla.Sensor] = {}
        self._frames: SimpleQueue[int] = SimpleQueue()
        self._waiting: list[int] = []

    def watch(self, actor: carla.Actor) -> None:
        """Watch an actor, also one that was spawned in this tick."""
        sensor = self._stage.pool.spawn_attached(COLLISION_SENSOR, actor)
        frames = self._frames
        sensor.listen(lambda event: frames.put(int(event.frame)))
        self._sensors[int(actor.id)] = sensor

    def forget(self, actor: carla.Actor) -> None:
        """Watch an actor no longer; to be called before it is destroyed."""
        sensor = self._sensors.pop(int(actor.id), None)
        if sensor is not None:
            if sensor.is_listening:
                sensor.stop()
            self._stage.pool.destroy(sensor)

    def touched(self) -> bool:
        """Tell whether there was a contact before this tick that has not been told yet."""
        while True:
            try:
                self._waiting.append(self._frames.get_nowait())
            except Empty:
                break
        later = [frame for frame in self._waiting if frame >= self._stage.frame]
        is_due = len(later) < len(self._waiting)
        self._waiting = later
        return is_due

    def close(self) -> None:
        """Watch nobody any more."""
        for sensor in self._sensors.values():
            if sensor.is_listening:
                sensor.stop()
            self._stage.pool.destroy(sensor)
        self._sensors.clear()
