"""Records as the expert does, but after a few seconds the car goes full speed to the side."""

import carla

from lead.agents.expert_recorder import RecordingExpertAgent

EXPERT_S = 4.0


def get_entry_point():
    return "DrivingIntoSomethingAgent"


class DrivingIntoSomethingAgent(RecordingExpertAgent):
    """Drives like the expert, and then no more."""

    def run_step(self, input_data, timestamp):
        control = super().run_step(input_data, timestamp)
        self.began_s = getattr(self, "began_s", timestamp)
        is_mad = timestamp - self.began_s > EXPERT_S
        return carla.VehicleControl(throttle=1.0, steer=0.3) if is_mad else control
