"""Works out which network a checkpoint holds, from its weights and its ``config.json``, and refuses contradictions.

The weights say most of it themselves: widths, heads, encoders and the number of cameras are shapes. The configuration
says the rest, above all which cameras. Where both speak they must agree; only the token width is taken from the weights
without complaint, since configurations with a stale value are known.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping

from lead.config.legacy import PUBLISHED, Legacy
from lead.config.published import PublishedConfig
from lead.models.transfuser.architecture import (
    CARLA,
    ENCODERS,
    NAVSIM,
    Architecture,
    ArchitectureError,
    Domain,
    LidarInput,
    Planner,
    Sizes,
)
from lead.sensing.rigs import RIGS

LOG = logging.getLogger(__name__)

Shapes = Mapping[str, tuple[int, ...]]
_POSITIONS = "backbone.transformers.0.pos_emb"
_DENSE_START = "backbone.c5_conv.weight"
_QUERY = "planning_decoder.query"
_BEV_ADAPTER = "planning_decoder.planning_context_encoder"


def architecture_of_config(config: PublishedConfig) -> Architecture:
    """Return the network that a configuration describes.

    Raises:
        ArchitectureError: If its switches contradict each other.
    """
    if config.radar_detection and not config.use_radars:
        raise ArchitectureError("radar_detection is true but use_radars is false: the radar head would get no input")
    domain = domain_of_config(config)
    planner = Planner.NONE
    if config.use_planning_decoder:
        planner = Planner.TFV5 if config.use_tfv5_planning_decoder else Planner.DECODER
    detects_radar = config.radar_detection and bool(domain.rig.radars)
    return Architecture(
        domain=domain,
        image_encoder=config.image_architecture,
        lidar_encoder=config.lidar_architecture,
        used_cameras=config.used_cameras or None,
        lidar_input=LidarInput.RAMP if config.LTF else LidarInput.RASTER,
        detects_radar=detects_radar,
        plans_with_radar=detects_radar and config.use_radar_detection and planner is Planner.DECODER,
        plans_with_speed=config.use_velocity,
        planner=planner,
        token_dim=config.transfuser_token_dim,
        sizes=Sizes(
            fusion_blocks=config.n_layer,
            radar_width=config.radar_token_dim,
            radar_hidden=config.radar_tf_dim_ff,
            planner_feed_forward=config.transfuser_feed_forward,
            head_channels=(config.deconv_channel_num_0, config.deconv_channel_num_1, config.deconv_channel_num_2),
        ),
        is_blind=config.blind_cameras,
        legacy=_legacy(config),
    )


def domain_of_config(config: PublishedConfig) -> Domain:
    """Return the domain that a configuration was trained in."""
    if config.is_navsim:
        return NAVSIM
    return dataclasses.replace(CARLA, rig=RIGS[config.rig_name])


def _legacy(config: PublishedConfig) -> Legacy:
    known = {entry.name for entry in dataclasses.fields(Legacy)}
    unknown = sorted(set(config.legacy) - known)
    if unknown:
        raise ArchitectureError(f"the configuration names quirks that this version does not know: {', '.join(unknown)}")
    return dataclasses.replace(PUBLISHED, **config.legacy)


def architecture_of_checkpoint(shapes: Shapes, config: PublishedConfig, name: str) -> Architecture:
    """Return the network that a state dict belongs to.

    Args:
        shapes: Shapes of the state dict's tensors by name.
        config: The configuration beside it.
        name: What to call the state dict in errors.

    Raises:
        ArchitectureError: If the tensors are none of a TransFuser, or configuration and weights disagree.
    """
    if _POSITIONS not in shapes:
        raise ArchitectureError(f"{name} holds no TransFuser: it has no tensor {_POSITIONS!r}")
    described = architecture_of_config(config)
    domain = NAVSIM if any("_navsim." in key for key in shapes) else described.domain
    found = {
        "domain": domain.name,
        "encoder": _encoder(shapes),
        "LiDAR input": _lidar_input(shapes).value,
        "radar head": "radar_detector.q" in shapes,
        "radar tokens in the planner": f"{_BEV_ADAPTER}.radar_encoder.weight" in shapes,
        "speed token in the planner": f"{_BEV_ADAPTER}.velocity_encoder.0.weight" in shapes,
        "planner": _planner(shapes).value,
        "cameras": _cameras(shapes, domain, name),
    }
    expected = {
        "domain": described.domain.name,
        "encoder": described.image_encoder,
        "LiDAR input": described.lidar_input.value,
        "radar head": described.detects_radar,
        "radar tokens in the planner": described.plans_with_radar,
        "speed token in the planner": described.plans_with_speed and described.planner is not Planner.NONE,
        "planner": described.planner.value,
        "cameras": len(described.domain.rig.used(described.used_cameras)),
    }
    differing = [
        f"{key}: {expected[key]} in config.json, {found[key]} in the weights"
        for key in found
        if expected[key] != found[key]
    ]
    if differing:
        raise ArchitectureError(f"{name} does not belong to its config.json ({'; '.join(differing)})")
    width = shapes[_QUERY][-1] if _QUERY in shapes else described.token_dim
    if width != described.token_dim:
        LOG.info("%s has tokens of width %d, not %d as config.json says", name, width, described.token_dim)
    return dataclasses.replace(described, token_dim=width)


def _encoder(shapes: Shapes) -> str:
    """Recognise the encoder by the channels of its last stage, which the dense bird's-eye-view heads start from."""
    channels = shapes.get(_DENSE_START, (0, 0))[1]
    names = [name for name, last in ENCODERS.items() if last == channels]
    return names[0] if names else f"one of {channels} channels"


def _lidar_input(shapes: Shapes) -> LidarInput:
    for key in ("backbone.lidar_encoder.conv1.weight", "backbone.lidar_encoder.stem.conv.weight"):
        if key in shapes:
            return LidarInput.RAMP if shapes[key][1] == 2 else LidarInput.RASTER
    return LidarInput.RASTER


def _planner(shapes: Shapes) -> Planner:
    if _QUERY not in shapes:
        return Planner.NONE
    return Planner.TFV5 if "planning_decoder.route_gru.weight_ih_l0" in shapes else Planner.DECODER


def _cameras(shapes: Shapes, domain: Domain, name: str) -> int:
    """Count the cameras by the tokens of the first fusion: those that are no cells of the bird's-eye view."""
    rows, columns = (size // 32 for size in domain.rig.bev.shape)
    camera = domain.rig.cameras[0]
    per_camera = (camera.height_px // 32) * (camera.width_px // 32)
    tokens = shapes[_POSITIONS][1] - rows * columns
    if tokens <= 0 or tokens % per_camera:
        raise ArchitectureError(
            f"{name} has {shapes[_POSITIONS][1]} fusion tokens, which fits no number of cameras of {domain.rig.name}"
        )
    return tokens // per_camera
