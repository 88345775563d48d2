"""From a configuration to the network that is trained, by the name of its type, and to the file that describes it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lead.config.network import NetworkConfig
from lead.config.published import PublishedConfig
from lead.config.resolve import as_json
from lead.config.training import TrainingConfig
from lead.inference.checkpoint import read_state_dict
from lead.models.transfuser.architecture import NAVSIM, Architecture
from lead.models.transfuser.describe import architecture_of_config
from lead.models.transfuser.network import Transfuser
from lead.training.errors import TrainingError
from lead.training.mixed_network import MixedTransfuser, without_simulator
from lead.training.network import set_dropout
from lead.training.sides import MixedArchitecture

LOG = logging.getLogger(__name__)

RIG_NUMBERS = {"carla_3_cameras": 1, "carla_6_cameras": 2, "carla_1_camera": 3, "navsim_4_cameras": 4}
"""Published numbers of the kinds of data, by the rig."""
_MAY_BE_NEW = "planning_decoder."
_NAMED = 8


def make_model(config: TrainingConfig) -> Transfuser:
    """Make the network of a configuration, with its first weights, on the CPU.

    Raises:
        TrainingError: If weights to start from do not fit, or the type of network is not there yet.
        LeadError: If the configuration describes no network.
    """
    return _BUILDERS[config.model_type](config)


def architecture_of(config: TrainingConfig) -> Architecture:
    """Return the network that a configuration describes.

    Raises:
        ArchitectureError: If its choices do not fit together.
    """
    values = {entry.name: getattr(config, entry.name) for entry in dataclasses.fields(NetworkConfig)}
    values["used_cameras"] = tuple(config.used_cameras or ())
    values["legacy"] = dataclasses.asdict(config.switches)
    if not config.is_mixed:
        return architecture_of_config(PublishedConfig(**values))
    real = architecture_of_config(PublishedConfig(**(values | {"use_carla_data": False})))
    return MixedArchitecture(**vars(real))


def saved_config(config: TrainingConfig) -> dict[str, Any]:
    """Return the ``config.json`` of a training, by which its folder is a checkpoint.

    It has every setting, all quirks spelt out, and what published files tell of the data besides.
    """
    architecture = architecture_of(config)
    domain = architecture.domain
    used = architecture.used_cameras or (True,) * len(domain.rig.cameras)
    window = domain.rig.bev
    return as_json(config) | {
        "used_cameras": list(used),
        "legacy": dataclasses.asdict(config.switches),
        "target_dataset": config.target_dataset or RIG_NUMBERS[domain.rig.name],
        "is_pretraining": not config.use_planning_decoder,
        "mixed_data_training": config.is_mixed,
        "crop_height": domain.rig.cameras[0].recorded_height_px - domain.rig.cameras[0].height_px,
        "num_available_cameras": len(used),
        "num_used_cameras": sum(used),
        "num_way_points_prediction": domain.waypoints,
        "num_route_points_prediction": domain.path_points,
        "waypoints_spacing": domain.ticks_per_waypoint,
        "target_speeds": list(domain.speed_bins_mps),
        "max_speed": domain.max_speed_mps,
        "pixels_per_meter": window.pixels_per_m,
        "min_x_meter": round(window.min_x_m),
        "max_x_meter": round(window.max_x_m),
        "min_y_meter": round(window.min_y_m),
        "max_y_meter": round(window.max_y_m),
    }


def real_config(config: TrainingConfig) -> dict[str, Any]:
    """Return the ``config.json`` of what a mixed training is for: the network of the real data alone."""
    return saved_config(dataclasses.replace(config, use_carla_data=False, schedule_carla_num_samples=False))


def load_start_weights(model: Transfuser, path: Path) -> None:
    """Load the weights that a training starts from.

    Args:
        model: The network.
        path: A state dict. It may lack the planner, and nothing else: other weights are another network's. What a
            mixed training has learnt besides is left out where the next training has real data only.

    Raises:
        TrainingError: If tensors are missing, left over or of another shape; names them.
        CheckpointError: If the file cannot be read.
    """
    found, own = read_state_dict(path), model.state_dict()
    if model.architecture.domain.name == NAVSIM.name and not isinstance(model, MixedTransfuser):
        kept = without_simulator(found)
        if len(kept) < len(found):
            LOG.info("%s: the heads of the simulator are left out", path)
        found = kept
    missing = [name for name in own if name not in found]
    unexpected = [name for name in found if name not in own]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and found[name].shape != tensor.shape
    ]
    new = [name for name in missing if name.startswith(_MAY_BE_NEW)]
    lost = [name for name in missing if not name.startswith(_MAY_BE_NEW)]
    problems = [
        f"{title}: {', '.join(names[:_NAMED])}" + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        for title, names in (("missing", lost), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise TrainingError(f"{path} does not fit the network of this training; {'; '.join(problems)}")
    if new and len(new) < sum(name.startswith(_MAY_BE_NEW) for name in own):
        raise TrainingError(f"{path} has a part of the planner only; missing: {', '.join(new[:_NAMED])}")
    _check_finite(path, found)
    model.load_state_dict(found, strict=False)
    if new:
        LOG.info("%s: all weights loaded but the planner's %d, which start at random", path, len(new))
    else:
        LOG.info("%s: all weights loaded", path)


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    broken = [name for name, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        raise TrainingError(f"{path} holds numbers that are not finite, in {', '.join(broken[:_NAMED])}")


def _make_transfuser(config: TrainingConfig) -> Transfuser:
    architecture = architecture_of(config)
    starts_from_images = config.pretrained_encoder and config.load_file is None
    try:
        if isinstance(architecture, MixedArchitecture):
            model: Transfuser = MixedTransfuser(architecture, pretrained=starts_from_images)
        else:
            model = Transfuser(architecture, pretrained=starts_from_images)
    except (OSError, RuntimeError) as error:
        if not starts_from_images:
            raise
        raise TrainingError(
            f"the ImageNet weights of {architecture.image_encoder} cannot be fetched"
            f" ({str(error).splitlines()[0]}); use pretrained_encoder=false to start from random ones"
        ) from error
    if config.use_planning_decoder:
        model.planning_decoder.planning_context_encoder.amplify_target_points(config.target_point_gain)
        model.planning_decoder.soften_residuals(config.planner_residual_gain)
    if config.load_file is not None:
        load_start_weights(model, Path(config.load_file))
    set_dropout(model, config.dropout)
    model.perspective_every = config.perspective_every
    if config.freeze_backbone:
        model.backbone.requires_grad_(False)
    return model


def _no_plant_yet(_config: TrainingConfig) -> Transfuser:
    raise TrainingError("model_type=plant cannot be trained yet: PlanT is not part of this version; use tfv6")


_BUILDERS: Mapping[str, Callable[[TrainingConfig], Transfuser]] = {"tfv6": _make_transfuser, "plant": _no_plant_yet}
