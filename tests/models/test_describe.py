"""The network of a checkpoint follows from its weights and its configuration, and contradictions are named."""

import dataclasses

import pytest
import torch

from lead.config.legacy import CORRECTED
from lead.config.published import PublishedConfig
from lead.models.transfuser.architecture import (
    CARLA,
    VARIANTS,
    Architecture,
    ArchitectureError,
    LidarInput,
    Planner,
)
from lead.models.transfuser.describe import architecture_of_checkpoint, architecture_of_config
from lead.models.transfuser.network import Transfuser

NO_RADAR = {"use_radars": False, "radar_detection": False, "use_radar_detection": False}
PLANS = {"use_planning_decoder": True}
CONFIGS = {
    "resnet34": PLANS,
    "regnety032": {**PLANS, "image_architecture": "regnety_032", "lidar_architecture": "regnety_032"},
    "4cameras_resnet34": {
        **PLANS,
        "carla_root": "data/carla_leaderboard2_360",
        "used_cameras": (True, True, True, False, True, False),
    },
    "noradar_resnet34": {**PLANS, **NO_RADAR},
    "visiononly_resnet34": {**PLANS, **NO_RADAR, "LTF": True},
    "navsim_ltfv6": {**PLANS, "use_navsim_data": True, "use_carla_data": False, "LTF": True},
    "resnet34_pretrain": {"use_planning_decoder": False},
    "resnet34_token64": {**PLANS, "transfuser_token_dim": 64},
    "resnet34_tfv5planner": {**PLANS, "use_tfv5_planning_decoder": True},
}
WITHOUT_SPEED = dataclasses.replace(VARIANTS["resnet34"], plans_with_speed=False)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Transfuser(architecture).state_dict().items()}


@pytest.mark.parametrize("variant", CONFIGS)
def test_published_variants_are_recognised(variant):
    config = PublishedConfig(**CONFIGS[variant])
    assert architecture_of_checkpoint(shapes(VARIANTS[variant]), config, "x.pth") == VARIANTS[variant]


def test_a_planner_without_speed_is_recognised():
    found = shapes(WITHOUT_SPEED)
    assert found["planning_decoder.planning_context_encoder.status_pos_embedding"][1] == 24
    config = PublishedConfig(**PLANS, use_velocity=False)
    assert architecture_of_checkpoint(found, config, "x.pth") == WITHOUT_SPEED
    words = "speed token in the planner: True in config.json, False in the weights"
    with pytest.raises(ArchitectureError, match=words):
        architecture_of_checkpoint(found, PublishedConfig(**PLANS), "x.pth")


def test_the_weights_tell_the_token_width_better_than_the_configuration():
    config = PublishedConfig(**PLANS, transfuser_token_dim=64)
    assert architecture_of_checkpoint(shapes(VARIANTS["resnet34"]), config, "x.pth").token_dim == 256


@pytest.mark.parametrize(
    ("variant", "changes", "words"),
    [
        (
            "resnet34",
            {"image_architecture": "regnety_032", "lidar_architecture": "regnety_032"},
            "encoder: regnety_032",
        ),
        ("resnet34", NO_RADAR, "radar head: False in config.json, True in the weights"),
        ("resnet34", {"LTF": True}, "LiDAR input: ramp in config.json, raster in the weights"),
        ("resnet34", {"use_planning_decoder": False}, "planner: none in config.json, decoder in the weights"),
        ("resnet34", {"used_cameras": (True, False, True)}, "cameras: 2 in config.json, 3 in the weights"),
        ("navsim_ltfv6", {}, "domain: carla in config.json, navsim in the weights"),
    ],
)
def test_contradictions_are_named(variant, changes, words):
    config = dataclasses.replace(PublishedConfig(**PLANS), **changes)
    with pytest.raises(ArchitectureError, match=words):
        architecture_of_checkpoint(shapes(VARIANTS[variant]), config, "x.pth")


def test_foreign_weights_are_no_transfuser():
    with pytest.raises(ArchitectureError, match=r"x\.pth holds no TransFuser"):
        architecture_of_checkpoint({"fc.weight": (10, 10)}, PublishedConfig(), "x.pth")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_radars": False}, "the radar head would get no input"),
        ({"image_architecture": "vgg"}, "no encoder 'vgg'"),
        ({"lidar_architecture": "regnety_032"}, "must be the same network"),
        ({"transfuser_token_dim": 30}, "multiple of 8"),
        ({"legacy": {"nonsense": True}}, "quirks that this version does not know: nonsense"),
    ],
)
def test_impossible_configurations_are_refused(changes, words):
    with pytest.raises(ArchitectureError, match=words):
        architecture_of_config(PublishedConfig(**changes))


def test_a_configuration_carries_the_quirks_it_was_trained_with():
    config = PublishedConfig(**PLANS, legacy=dataclasses.asdict(CORRECTED))
    assert architecture_of_config(config).legacy == CORRECTED
    assert architecture_of_config(PublishedConfig(**PLANS)).legacy.radar_sampling_transposed


def test_shapes_of_tokens_follow_from_the_rig():
    architecture = VARIANTS["4cameras_resnet34"]
    assert (architecture.image_shape, architecture.image_anchors) == ((384, 1536), (12, 48))
    navsim = VARIANTS["navsim_ltfv6"]
    assert (navsim.image_shape, navsim.image_anchors, navsim.bev_anchors) == ((270, 1920), (8, 60), (8, 8))
    assert navsim.lidar_input is LidarInput.RAMP and navsim.planner is Planner.DECODER
    assert (CARLA.waypoint_interval_s, navsim.domain.waypoint_interval_s) == (0.25, 0.5)
