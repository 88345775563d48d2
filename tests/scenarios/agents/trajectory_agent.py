"""The autopilot, which writes down where every actor is in every tick, to the last bit: trajectories.txt."""

import os
from pathlib import Path

from lead.agents.autopilot import AutopilotAgent


def get_entry_point():
    return "TrajectoryAgent"


class TrajectoryAgent(AutopilotAgent):
    def set_privileged_context(self, context):
        super().set_privileged_context(context)
        self._seen = context
        self._types = {}
        self._lines = []

    def run_step(self, input_data, timestamp):
        snapshot = self._seen.world.get_snapshot()
        new = [actor.id for actor in snapshot if actor.id not in self._types]
        if new:
            self._types |= {actor.id: actor.type_id for actor in self._seen.world.get_actors(new)}
        self._lines.append(f"tick {timestamp.hex()}")
        self._lines += [self._line(actor) for actor in sorted(snapshot, key=lambda actor: actor.id)]
        return super().run_step(input_data, timestamp)

    def destroy(self):
        Path(os.environ["SAVE_PATH"], "trajectories.txt").write_text("\n".join(self._lines))
        super().destroy()

    def _line(self, actor):
        """Id counted from the ego's, type, pose and velocity."""
        pose, velocity = actor.get_transform(), actor.get_velocity()
        place, turn = pose.location, pose.rotation
        numbers = (place.x, place.y, place.z, turn.pitch, turn.yaw, turn.roll, velocity.x, velocity.y, velocity.z)
        words = [str(actor.id - self._seen.ego.id), self._types[actor.id], *(number.hex() for number in numbers)]
        return " ".join(words)
