"""Checkpoint folders in the published format with random weights."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))

BASE = {
    "carla_root": "data/carla_leaderboard2",
    "image_architecture": "resnet34",
    "lidar_architecture": "resnet34",
    "use_planning_decoder": True,
    "transfuser_token_dim": 256,
    "used_cameras": [True, True, True],
    "epochs": 31,
}
NO_RADAR = {"use_radars": False, "radar_detection": False, "use_radar_detection": False}
CONFIGS = {
    "resnet34": {},
    "regnety032": {"image_architecture": "regnety_032", "lidar_architecture": "regnety_032"},
    "4cameras_resnet34": {"target_dataset": 2, "used_cameras": [True, True, True, False, True, False]},
    "noradar_resnet34": NO_RADAR,
    "visiononly_resnet34": {"LTF": True, **NO_RADAR},
}
"""What ``config.json`` says about each variant that drives."""


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory):
    """Make the folder of a variant with one seed, once per session."""
    import torch
    from small_networks import small_network

    from lead.models.transfuser.architecture import VARIANTS

    made = {}

    def make(variant):
        if variant not in made:
            folder = tmp_path_factory.mktemp(f"tfv6_{variant}")
            (folder / "config.json").write_text(json.dumps(BASE | CONFIGS[variant]))
            torch.save(small_network(0, VARIANTS[variant]).state_dict(), folder / "model_0030_0.pth")
            made[variant] = folder
        return made[variant]

    return make
