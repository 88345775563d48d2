"""Simulated sensors: from the state of a tick to the bodies of their stream packets."""

from lead.simulator.sensors.base import Body, Collision, Sensor, SensorContext
from lead.simulator.sensors.registry import WORLD_OBSERVER, make_sensor, stream_type_index

__all__ = ["WORLD_OBSERVER", "Body", "Collision", "Sensor", "SensorContext", "make_sensor", "stream_type_index"]
