"""An agent that drives straight on and writes a digest of all its sensors sent: digest.txt beside the results."""

import hashlib
import os
from pathlib import Path

import carla
from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track

POSE = {"x": 0.0, "y": 0.0, "z": 2.2, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}


def get_entry_point():
    return "DigestAgent"


class DigestAgent(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.track = Track.SENSORS
        self.digest = hashlib.sha256()

    def sensors(self):
        return [
            {**POSE, "type": "sensor.camera.rgb", "id": "camera", "width": 64, "height": 48, "fov": 90},
            {**POSE, "type": "sensor.lidar.ray_cast", "id": "lidar"},
            {**POSE, "type": "sensor.other.radar", "id": "radar", "horizontal_fov": 90, "vertical_fov": 10},
            {**POSE, "type": "sensor.other.gnss", "id": "gps"},
            {**POSE, "type": "sensor.other.imu", "id": "imu"},
            {"type": "sensor.speedometer", "id": "speed", "reading_frequency": 20},
        ]

    def run_step(self, input_data, timestamp):
        for name in sorted(input_data):
            data = input_data[name][1]
            self.digest.update(data.tobytes() if hasattr(data, "tobytes") else repr(data).encode())
        speed = input_data["speed"][1]["speed"]
        return carla.VehicleControl(throttle=0.5 if speed < 6.0 else 0.0)

    def destroy(self):
        Path(os.environ["SAVE_PATH"], "digest.txt").write_text(self.digest.hexdigest())
