"""Which network a checkpoint holds, as data: the domain it lives in and the choices within it.

A :class:`Domain` fixes everything that follows from where the data come from: sensors, commands, horizons and class
lists. An :class:`Architecture` adds the choices that the published variants differ in. Both are plain values, so that a
network can be described, compared and stored without being built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from lead.config.legacy import PUBLISHED, Legacy
from lead.errors import LeadError
from lead.sensing.rigs import CARLA_3_CAMERAS, CARLA_6_CAMERAS, NAVSIM_4_CAMERAS, SensorRig

ENCODERS: Mapping[str, int] = MappingProxyType({"resnet34": 512, "regnety_032": 1512, "regnety_002": 368})
"""Known encoders and the channels of their last stage, by which weights are recognised; the last one is not published
with weights but small."""
TICKS_PER_S = 20.0


class ArchitectureError(LeadError):
    """A network is described by choices that do not fit together."""


class LidarInput(Enum):
    """What the bird's-eye-view branch starts from."""

    RASTER = "raster"
    """The LiDAR histogram."""
    RAMP = "ramp"
    """Two positional ramps without data ("latent TransFuser")."""


class Planner(Enum):
    """Which planner sits on top."""

    NONE = "none"
    """None: the pre-training form."""
    DECODER = "decoder"
    """The transformer decoder of TransFuser V6."""
    TFV5 = "tfv5"
    """The decoder with two recurrent heads of TransFuser V5."""


@dataclass(frozen=True)
class Domain:
    """What follows from where the data come from.

    Attributes:
        name: ``carla`` or ``navsim``.
        rig: Sensors of the vehicle.
        commands: Length of the one-hot route command.
        max_speed_mps: Speeds are divided by it.
        max_acceleration_mps2: Accelerations are divided by it; None where the model gets none.
        has_target_points: The model gets the previous, current and next target point.
        waypoints: Number of predicted future positions.
        ticks_per_waypoint: Their spacing in ticks of 1/20 s.
        path_points: Number of predicted points of the spatial path, 1 m apart; 0 for no path and no target speed.
        has_headings: The model predicts a heading for each waypoint.
        speed_bins_mps: Classes of the target speed.
        box_classes: Number of classes of boxes.
        bev_classes: Number of classes of the bird's-eye-view semantics.
        semantic_classes: Number of classes of the perspective semantics; 0 for no perspective heads.
        head_suffix: Ending of the names of the dense heads' modules.
    """

    name: str
    rig: SensorRig
    commands: int
    max_speed_mps: float
    max_acceleration_mps2: float | None
    has_target_points: bool
    waypoints: int
    ticks_per_waypoint: int
    path_points: int
    has_headings: bool
    speed_bins_mps: tuple[float, ...]
    box_classes: int
    bev_classes: int
    semantic_classes: int
    head_suffix: str = ""

    @property
    def waypoint_interval_s(self) -> float:
        """Time between two waypoints."""
        return self.ticks_per_waypoint / TICKS_PER_S


CARLA = Domain(
    name="carla",
    rig=CARLA_3_CAMERAS,
    commands=6,
    max_speed_mps=25.0,
    max_acceleration_mps2=None,
    has_target_points=True,
    waypoints=8,
    ticks_per_waypoint=5,
    path_points=10,
    has_headings=False,
    speed_bins_mps=(0.0, 4.0, 8.0, 10.0, 13.88888888, 16.0, 17.77777777, 20.0),
    box_classes=8,
    bev_classes=13,
    semantic_classes=10,
)
NAVSIM = Domain(
    name="navsim",
    rig=NAVSIM_4_CAMERAS,
    commands=4,
    max_speed_mps=15.0,
    max_acceleration_mps2=4.0,
    has_target_points=False,
    waypoints=8,
    ticks_per_waypoint=10,
    path_points=0,
    has_headings=True,
    speed_bins_mps=(),
    box_classes=1,
    bev_classes=7,
    semantic_classes=0,
    head_suffix="_navsim",
)
CARLA_360 = replace(CARLA, rig=CARLA_6_CAMERAS)
"""The CARLA domain of the six-camera vehicle."""


@dataclass(frozen=True)
class Sizes:
    """Sizes within the network that all published variants share; small networks have smaller ones.

    Attributes:
        fusion_blocks: Transformer blocks per fusion.
        radar_width: Width of the radar head's tokens.
        radar_hidden: Hidden width of its small networks and feed-forward layers.
        planner_feed_forward: Hidden width of the planner's feed-forward layers.
        head_channels: Channels of the perspective heads, from the coarse map to the image's size.
    """

    fusion_blocks: int = 2
    radar_width: int = 256
    radar_hidden: int = 1024
    planner_feed_forward: int = 2048
    head_channels: tuple[int, int, int] = (128, 64, 32)

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        widths = (self.fusion_blocks, self.radar_width, self.radar_hidden, self.planner_feed_forward)
        if min(*widths, *self.head_channels) < 1:
            raise ArchitectureError(f"sizes within the network must be positive, not {self}")
        if self.radar_width % 8:
            raise ArchitectureError(f"the radar head's width must be a multiple of 8, not {self.radar_width}")


PUBLISHED_SIZES = Sizes()


@dataclass(frozen=True)
class Architecture:
    """A network.

    Attributes:
        domain: Where its data come from.
        image_encoder: One of :data:`ENCODERS`.
        lidar_encoder: One of :data:`ENCODERS`.
        used_cameras: One flag per camera of the rig; None for all.
        lidar_input: What the bird's-eye-view branch starts from.
        detects_radar: There is a radar head.
        plans_with_radar: The planner gets the radar head's tokens.
        plans_with_speed: The planner gets a token of the vehicle's speed.
        planner: The planner.
        token_dim: Width of the planner's tokens.
        sizes: Sizes that published networks share.
        is_blind: The network gets a black image: what could be driven without seeing anything.
        legacy: Quirks of published weights.
    """

    domain: Domain = CARLA
    image_encoder: str = "resnet34"
    lidar_encoder: str = "resnet34"
    used_cameras: tuple[bool, ...] | None = None
    lidar_input: LidarInput = LidarInput.RASTER
    detects_radar: bool = True
    plans_with_radar: bool = True
    plans_with_speed: bool = True
    planner: Planner = Planner.DECODER
    token_dim: int = 256
    sizes: Sizes = PUBLISHED_SIZES
    is_blind: bool = False
    legacy: Legacy = PUBLISHED

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        for encoder in (self.image_encoder, self.lidar_encoder):
            if encoder not in ENCODERS:
                raise ArchitectureError(f"there is no encoder {encoder!r} (known: {', '.join(ENCODERS)})")
        if self.image_encoder != self.lidar_encoder:
            raise ArchitectureError("image_architecture and lidar_architecture must be the same network")
        if self.plans_with_radar and not self.detects_radar:
            raise ArchitectureError("the planner cannot use radar detections without a radar head")
        if self.detects_radar and not self.domain.rig.radars:
            raise ArchitectureError(f"the rig {self.domain.rig.name} has no radar, so there can be no radar head")
        if self.token_dim % 8 or self.token_dim <= 0:
            raise ArchitectureError(f"the token width must be a positive multiple of 8, not {self.token_dim}")
        if len(self.domain.rig.used(self.used_cameras)) == len(self.domain.rig.cameras):
            object.__setattr__(self, "used_cameras", None)

    @property
    def sees_nothing(self) -> bool:
        """Whether there is no sensor whose measurements the backbone gets: its features are always the same."""
        return self.is_blind and self.lidar_input is LidarInput.RAMP

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of the image strip."""
        return self.domain.rig.image_shape(self.used_cameras)

    @property
    def image_anchors(self) -> tuple[int, int]:
        """Rows and columns of the grid of image tokens."""
        rows, columns = self.image_shape
        return rows // 32, columns // 32

    @property
    def bev_anchors(self) -> tuple[int, int]:
        """Rows and columns of the grid of bird's-eye-view tokens."""
        rows, columns = self.domain.rig.bev.shape
        return rows // 32, columns // 32


COMPACT = Architecture(
    image_encoder="regnety_002",
    lidar_encoder="regnety_002",
    token_dim=128,
    sizes=Sizes(1, 128, 256, 512, head_channels=(64, 32, 16)),
)
"""A network of 12 million parameters with the published inputs and outputs, small enough to be handed round."""

_RESNET = Architecture()
_NAVSIM = Architecture(NAVSIM, lidar_input=LidarInput.RAMP, detects_radar=False, plans_with_radar=False)
_REGNET = replace(_RESNET, image_encoder="regnety_032", lidar_encoder="regnety_032")
VARIANTS: Mapping[str, Architecture] = MappingProxyType(
    {
        "regnety032": _REGNET,
        "resnet34": _RESNET,
        "4cameras_resnet34": replace(_RESNET, domain=CARLA_360, used_cameras=(True, True, True, False, True, False)),
        "noradar_resnet34": replace(_RESNET, detects_radar=False, plans_with_radar=False),
        "visiononly_resnet34": replace(
            _RESNET, lidar_input=LidarInput.RAMP, detects_radar=False, plans_with_radar=False
        ),
        "town13heldout_resnet34": _RESNET,
        "navsim_ltfv6": _NAVSIM,
        "regnety032_pretrain": replace(_REGNET, planner=Planner.NONE, plans_with_radar=False),
        "resnet34_pretrain": replace(_RESNET, planner=Planner.NONE, plans_with_radar=False),
        "navsim_ltfv6_pretrain": replace(_NAVSIM, planner=Planner.NONE),
        "resnet34_token64": replace(_RESNET, token_dim=64),
        "resnet34_tfv5planner": replace(_RESNET, planner=Planner.TFV5, plans_with_radar=False),
    }
)
"""The published variants by name, with their pre-training forms and token widths."""
