"""A checkpoint folder in the published format, made once per test session."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))

CONFIG = {
    "carla_root": "data/carla_leaderboard2",
    "image_architecture": "resnet34",
    "lidar_architecture": "resnet34",
    "use_planning_decoder": True,
    "transfuser_token_dim": 256,
    "use_mixed_precision_training": True,
    "used_cameras": [True, True, True],
    "epochs": 31,
    "wandb_id": None,
}


@pytest.fixture(scope="session")
def full_networks():
    """Two seeds of a ResNet34 of full size with random weights; making one takes seconds."""
    from small_networks import small_network

    from lead.models.transfuser.architecture import VARIANTS

    return {seed: small_network(seed, VARIANTS["resnet34"]) for seed in (0, 2)}


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory, full_networks):
    """Those networks as a folder in the published format."""
    import torch

    folder = tmp_path_factory.mktemp("tfv6_resnet34")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for seed, network in full_networks.items():
        torch.save(network.state_dict(), folder / f"model_0030_{seed}.pth")
    return folder
