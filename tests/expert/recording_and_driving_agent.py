"""Records as the expert does and keeps beside it what a sensor agent on the same vehicle would show its network."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from lead.agents.expert_recorder import RecordingExpertAgent
from lead.agents.sensor_agent_settings import mounted_rig, preprocessor_settings, sensor_specs
from lead.config.closed_loop import resolve_closed_loop
from lead.config.legacy import TRAINED, with_clouds
from lead.config.published import PublishedConfig
from lead.control.position_filter import AppliedControl
from lead.models.transfuser.architecture import COMPACT
from lead.sensing.preprocessor import Preprocessor, raw_sensors

FOLDER = "LEAD_TEST_INPUTS"
PREFIX = "driving_"
SHARED = ("sensor.other.gnss", "sensor.other.imu", "sensor.speedometer")
"""Of these an agent may have one only, so both use it."""


def get_entry_point():
    return "RecordingAndDrivingAgent"


class RecordingAndDrivingAgent(RecordingExpertAgent):
    """Writes the inputs of every tick into the folder of the environment variable."""

    def sensors(self):
        own = super().sensors()
        legacy = with_clouds(TRAINED, exact=self._config.exact_clouds)
        config, closed_loop = PublishedConfig(legacy=dataclasses.asdict(legacy)), resolve_closed_loop()
        architecture = dataclasses.replace(COMPACT, legacy=legacy)
        self.rig = mounted_rig(architecture, config, closed_loop)
        self.settings = preprocessor_settings(architecture, config, closed_loop)
        names = {entry["type"]: entry["id"] for entry in own}
        self.shared = {}
        for entry in sensor_specs(self.rig, None):
            if entry["type"] in SHARED:
                self.shared[entry["id"]] = names[entry["type"]]
            else:
                own.append(entry | {"id": PREFIX + entry["id"]})
        self.preprocessor = None
        return own

    def run_step(self, input_data, timestamp):
        if self.preprocessor is None:
            self.preprocessor = Preprocessor(
                self.rig,
                [[place["lat"], place["lon"]] for place, _ in self._global_plan],
                [[pose.location.x, pose.location.y] for pose, _ in self._global_plan_world_coord],
                [int(option.value) for _, option in self._global_plan],
                self.settings,
            )
            self.tick, self.control = 0, AppliedControl(brake=1.0)
        packets = {key.removeprefix(PREFIX): value for key, value in input_data.items() if key.startswith(PREFIX)}
        packets |= {name: input_data[other] for name, other in self.shared.items()}
        inputs = self.preprocessor.step(raw_sensors(packets, self.rig, None), self.control)
        np.savez(Path(os.environ[FOLDER]) / f"{self.tick:05d}.npz", **inputs.batch())
        control = super().run_step({k: v for k, v in input_data.items() if not k.startswith(PREFIX)}, timestamp)
        self.control = AppliedControl(control.steer, control.throttle, control.brake)
        self.tick += 1
        return control
