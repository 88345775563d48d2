"""A sensor agent without a simulator: a straight route, packets as an evaluation makes them, fixed predictions."""

from pathlib import Path
from types import SimpleNamespace

import carla
import numpy as np
import torch

from lead.agents import sensor_agent
from lead.agents.sensor_agent import SensorAgent
from lead.config.closed_loop import ClosedLoopConfig
from lead.config.published import PublishedConfig
from lead.geometry.geodesy import world_to_geo
from lead.inference.ensemble import Prediction
from lead.models.transfuser.architecture import VARIANTS
from lead.routes.planner import RoadOption

LENGTH_M = 120
STRAIGHT = np.stack([np.arange(2.5, 12.5), np.zeros(10)], axis=1).astype(np.float32)


class FixedInference:
    """Stands for an ensemble: always predicts the same and keeps what it was asked."""

    def __init__(self, prediction, architecture, config):
        self.prediction = prediction
        self.architecture = architecture
        self.devices = [torch.device("cpu")]
        self.checkpoint = SimpleNamespace(directory=Path("ckpt"), files={0: Path("model_0030_0.pth")}, config=config)
        self.batches = []

    def predict(self, batch):
        self.batches.append(batch)
        return self.prediction


def going(speed_mps=8.0, **more):
    """A prediction straight on at some speed."""
    waypoints = np.stack([np.arange(1, 9) * 0.25 * speed_mps, np.zeros(8)], axis=1).astype(np.float32)
    plan = {"path_ego": STRAIGHT, "waypoints_ego": waypoints, "target_speed_mps": speed_mps} | more
    return Prediction(**plan)


def set_up(monkeypatch, prediction, variant="resnet34", published=None, **keys):
    """An agent at the start of its route, of a published network or any architecture; returns it with its inference."""
    architecture = VARIANTS[variant] if isinstance(variant, str) else variant
    inference = FixedInference(prediction, architecture, published or PublishedConfig(use_planning_decoder=True))
    heads = []
    monkeypatch.setattr(sensor_agent, "load_model", lambda choice, wanted: heads.append(wanted) or inference)
    agent = SensorAgent("localhost", 2000)
    agent.closed_loop = ClosedLoopConfig(**keys)
    x = np.arange(LENGTH_M + 1.0)
    lat, lon, _ = world_to_geo(x, 0.05 * x, 0.0, 48.0, 8.0)
    options = [RoadOption.LANEFOLLOW] * len(x)
    gps = [({"lat": a, "lon": b, "z": 0.0}, option) for a, b, option in zip(lat, lon, options, strict=True)]
    places = [carla.Transform(carla.Location(float(v), 0.05 * float(v), 0.0)) for v in x]
    agent.plan_spacing_m = 20.0
    agent.set_global_plan(gps, list(zip(places, options, strict=True)))
    agent.setup("ckpt")
    inference.heads = heads[0]
    return agent, inference


def packets(agent, tick, speed_mps=0.0, seed=0, **changed):
    """Packets of all sensors that the agent asks for; its place follows from tick and speed."""
    rng = np.random.default_rng(seed * 1000 + tick)
    lat, lon, _ = world_to_geo(speed_mps * 0.05 * tick + rng.normal(0.0, 0.5), 0.0, 0.0, 48.0, 8.0)
    data = {"gps": np.array([lat, lon, 0.0]), "imu": np.array([0, 0, 9.8, 0, 0, 0, np.pi / 2])}
    data["speed"] = {"speed": speed_mps}
    for spec in agent.sensors():
        if spec["type"] == "sensor.camera.rgb":
            data[spec["id"]] = rng.integers(0, 255, (spec["height"], spec["width"], 4), dtype=np.uint8)
        elif spec["type"] == "sensor.lidar.ray_cast":
            data[spec["id"]] = np.column_stack(
                [rng.uniform(-30, 30, (400, 3)) * (1, 1, 0.001) - (0, 0, 1.25), np.ones(400)]
            )
        elif spec["type"] == "sensor.other.radar":
            data[spec["id"]] = rng.uniform((5, -0.01, -0.7, -3), (60, 0.01, 0.7, 3), (40, 4))
    return {name: (tick, value) for name, value in (data | changed).items()}


def drive(agent, ticks, speed_mps=0.0):
    """Controls of some ticks as (steer, throttle, brake)."""
    controls = [agent.run_step(packets(agent, tick, speed_mps), 0.05 * tick) for tick in range(ticks)]
    return [(control.steer, control.throttle, control.brake) for control in controls]
