"""Recipes: named sets of settings, each a function that returns them, to be built upon with a word or two.

``recipe=tfv6_regnety use_planning_decoder=true`` is the large network with its planner. A recipe says nothing of the
stage: without ``use_planning_decoder=true`` it is pre-training, with it post-training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Values = dict[str, Any]


def tfv6_resnet34() -> Values:
    """The published ResNet34 network: the defaults."""
    return _encoders("resnet34")


def tfv6_regnety() -> Values:
    """The full TransFuser V6."""
    return _encoders("regnety_032")


def tfv6_4cameras() -> Values:
    """With a rear camera, on data of the six-camera vehicle."""
    return {
        **tfv6_resnet34(),
        "carla_root": "data/carla_leaderboard2_360",
        "used_cameras": [True, True, True, False, True, False],
    }


def noradar() -> Values:
    """ResNet34 without radar."""
    return {**tfv6_resnet34(), **_NO_RADAR}


def visiononly() -> Values:
    """Cameras alone: no LiDAR, no radar."""
    return {**noradar(), "LTF": True}


def town13heldout() -> Values:
    """ResNet34 that never sees Town13."""
    return {**tfv6_resnet34(), "hold_out_town13_routes": True}


def navsim_ltfv6() -> Values:
    """Cameras alone, on NAVSIM."""
    return {**visiononly(), "use_carla_data": False, "use_navsim_data": True}


def mixed_ltfv6() -> Values:
    """Cameras alone, on NAVSIM and on simulated data with NAVSIM's cameras."""
    return {**navsim_ltfv6(), "use_carla_data": True}


def tfv6_compact() -> Values:
    """A network of 12 million parameters with the published inputs and outputs, for small simulated data sets."""
    return {
        **_encoders("regnety_002"),
        "transfuser_token_dim": 128,
        "n_layer": 1,
        "radar_token_dim": 128,
        "radar_tf_dim_ff": 256,
        "transfuser_feed_forward": 512,
        "deconv_channel_num_0": 64,
        "deconv_channel_num_1": 32,
        "deconv_channel_num_2": 16,
        "collection": "balanced",
        # Routes begin at a standstill, and a policy must have seen how one drives off.
        "skip_first": 1,
        "target_point_gain": 10.0,
        "planner_residual_gain": 0.1,
        # As far off as the position is that it will drive with.
        "target_point_noise_m": 0.56,
        # Up to 8 m/s the car steers by the first point, which has a twentieth of the weight of the published loss.
        "first_path_point_weight": 2.0,
        # What it sees, not how fast it is, must decide on how fast it goes.
        "random_speed_share": 0.5,
        "lr": 8e-4,
        "use_cosine_annealing_with_restarts": False,
        # Takes longer than it saves in so short a training; `cuda_graph=true` is the way to feed a GPU.
        "compile": False,
    }


def tfv6_compact_noradar() -> Values:
    """The compact network without radar."""
    return {**tfv6_compact(), **_NO_RADAR}


def tfv6_compact_nolidar() -> Values:
    """The compact network without LiDAR."""
    return {**tfv6_compact(), "LTF": True}


def tfv6_compact_blind() -> Values:
    """The compact network without any sensor but the speedometer, which follows its route: a baseline."""
    return {**tfv6_compact_nolidar(), **_NO_RADAR, "blind_cameras": True}


def debug() -> Values:
    """Learn a few dozen frames by heart on a CPU in minutes, to see that everything fits together."""
    return {
        **tfv6_compact(),
        "used_cameras": [False, True, False],
        "use_planning_decoder": True,
        "pretrained_encoder": False,
        "collection": "all",
        "use_sensor_perburtation": False,
        "use_color_aug": False,
        "target_point_noise_m": 0.0,
        "first_path_point_weight": 0.0,
        "random_speed_share": 0.0,
        "dropout": 0.0,
        "batch_size": 4,
        "epochs": 15,
        "lr": 1e-3,
        "warm_up_steps": 10,
        "use_cosine_annealing_with_restarts": False,
        "validation_fraction": 0.0,
        "skip_first": 1,
        "skip_last": 1,
        "log_scalars_frequency": 4,
        "log_images_frequency": 50,
        "checkpoint_every_steps": 0,
    }


_NO_RADAR: Values = {"use_radars": False, "radar_detection": False, "use_radar_detection": False}


def _encoders(name: str) -> Values:
    return {"image_architecture": name, "lidar_architecture": name}


RECIPES: Mapping[str, Callable[[], Values]] = MappingProxyType(
    {
        recipe.__name__: recipe
        for recipe in (
            debug,
            tfv6_resnet34,
            tfv6_regnety,
            tfv6_4cameras,
            noradar,
            visiononly,
            town13heldout,
            navsim_ltfv6,
            mixed_ltfv6,
            tfv6_compact,
            tfv6_compact_noradar,
            tfv6_compact_nolidar,
            tfv6_compact_blind,
        )
    }
)
"""All recipes by name."""
