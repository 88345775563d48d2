"""An agent that drives straight on and misbehaves as its configuration says: WHAT[@STEP[:ONCE_FILE]].

With a file, it misbehaves only if the file does not exist, and creates it: the second attempt is a good one.
"""

import os
import signal
import time
from pathlib import Path

import carla
from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track

from lead.errors import MachineError


def get_entry_point():
    return "FaultAgent"


class FaultAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        what, _, rest = path_to_conf_file.partition("@")
        step, _, once = rest.partition(":")
        self.what, self.step, self.once = what, int(step or 20), once
        self.steps = 0
        self.ballast = []
        if self.what.endswith("_in_setup"):
            self.misbehave_perhaps(self.what.removesuffix("_in_setup"))

    def sensors(self):
        if self.what == "too_many":
            camera = {"type": "sensor.camera.rgb", "x": 0, "y": 0, "z": 2, "roll": 0, "pitch": 0, "yaw": 0}
            return [{**camera, "width": 8, "height": 8, "fov": 60, "id": f"rgb_{n}"} for n in range(9)]
        return [{"type": "sensor.speedometer", "reading_frequency": 20, "id": "speed"}]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        if self.steps == self.step and not self.what.endswith("_in_setup"):
            self.misbehave_perhaps(self.what)
        if self.what == "eat" and self.steps >= self.step:
            self.ballast.append(bytearray(os.urandom(1 << 20)) * 64)
        speed = input_data["speed"][1]["speed"]
        return carla.VehicleControl(throttle=0.5 if speed < 8.0 else 0.0)

    def misbehave_perhaps(self, what):
        if self.once:
            if Path(self.once).exists():
                return
            Path(self.once).touch()
        self.misbehave(what)

    def misbehave(self, what):
        if what == "raise":
            raise ValueError("a bad input")
        if what == "busy":
            raise MachineError("the GPU does not work at the moment")
        if what == "hang":
            time.sleep(10_000)
        if what == "spin":
            while True:
                pass
        if what == "exit":
            os._exit(7)
        if what == "sys_exit":
            raise SystemExit(7)
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "abort":
            os.abort()
