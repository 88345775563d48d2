"""TransFuser V6, put together: backbone, radar head, planner and dense heads."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from lead.errors import LeadError
from lead.models.transfuser.architecture import Architecture, LidarInput, Planner
from lead.models.transfuser.backbone import TransfuserBackbone
from lead.models.transfuser.box_head import CenterNetHead
from lead.models.transfuser.dense_heads import BevSemanticHead, PerspectiveHead
from lead.models.transfuser.outputs import ALL_HEADS, Head, TransfuserOutput
from lead.models.transfuser.planner import TARGET_POINTS, Plan, PlanningDecoder, Tfv5PlanningDecoder
from lead.models.transfuser.radar_head import RadarDetector


class BatchError(LeadError):
    """A batch lacks an input or has one of a wrong shape; the text names it."""


class Transfuser(nn.Module):
    """The network of a published checkpoint; names and order of its state dict are the published ones.

    Attributes:
        architecture: What it is built of.
        perspective_every: In training, depth and semantics of images are predicted for every n-th sample only.
    """

    def __init__(self, architecture: Architecture, *, pretrained: bool = False) -> None:
        """Create the network with random weights.

        Args:
            architecture: What to build.
            pretrained: Start the image encoder from ImageNet weights.
        """
        super().__init__()
        self.architecture = architecture
        self.perspective_every = 1
        domain, suffix = architecture.domain, architecture.domain.head_suffix
        self.backbone = TransfuserBackbone(architecture, pretrained=pretrained)
        if domain.semantic_classes:
            channels, shape = self.backbone.image_channels, architecture.image_shape
            widths = architecture.sizes.head_channels
            self.semantic_decoder = PerspectiveHead(channels, domain.semantic_classes, shape, widths)
            self.depth_decoder = PerspectiveHead(channels, 1, shape, widths)
        self.add_module(f"bev_semantic_decoder{suffix}", BevSemanticHead(domain.bev_classes, domain.rig.bev.shape))
        self.add_module(f"center_net_decoder{suffix}", CenterNetHead(domain.box_classes))
        if architecture.detects_radar:
            self.radar_detector = RadarDetector(architecture, self.backbone.bev_channels)
        if architecture.planner is not Planner.NONE:
            planner = Tfv5PlanningDecoder if architecture.planner is Planner.TFV5 else PlanningDecoder
            self.planning_decoder = planner(architecture, self.backbone.bev_channels)

    @property
    def box_head(self) -> CenterNetHead:
        """The box head, whatever its name in the state dict."""
        head = getattr(self, f"center_net_decoder{self.architecture.domain.head_suffix}")
        assert isinstance(head, CenterNetHead)
        return head

    @property
    def bev_semantic_head(self) -> BevSemanticHead:
        """The head of the bird's-eye-view semantics, whatever its name in the state dict."""
        head = getattr(self, f"bev_semantic_decoder{self.architecture.domain.head_suffix}")
        assert isinstance(head, BevSemanticHead)
        return head

    def forward(self, batch: Mapping[str, Tensor], heads: Collection[Head] = ALL_HEADS) -> TransfuserOutput:
        """Predict.

        Args:
            batch: Inputs by their published names (see :func:`input_shapes`); nothing of it is changed.
            heads: What to predict; what the network does not have is left out.

        Returns:
            The predictions; None for what was left out.
        """
        out = TransfuserOutput()
        coarse_bev, coarse_image = self.backbone(batch["rgb"], batch.get("rasterized_lidar"))
        self._detect_and_plan(coarse_bev, batch, heads, out)
        if self.architecture.domain.semantic_classes:
            seen = coarse_image[:: self.perspective_every] if self.training else coarse_image
            if Head.SEMANTIC in heads:
                out.semantic_logits = self.semantic_decoder(seen)
            if Head.DEPTH in heads:
                out.depth_m = self.depth_decoder(seen)[:, 0]
        if Head.BOXES in heads or Head.BEV_SEMANTIC in heads:
            dense_bev = self.backbone.top_down(coarse_bev)
            if Head.BOXES in heads:
                out.boxes = self.box_head(dense_bev)
            if Head.BEV_SEMANTIC in heads:
                out.bev_semantic_logits = self.bev_semantic_head(dense_bev)
        return out

    def _detect_and_plan(
        self, coarse_bev: Tensor, batch: Mapping[str, Tensor], heads: Collection[Head], out: TransfuserOutput
    ) -> None:
        architecture = self.architecture
        plans = architecture.planner is not Planner.NONE and Head.PLAN in heads
        radar = None
        if architecture.detects_radar and (Head.RADAR in heads or (plans and architecture.plans_with_radar)):
            detector = self.radar_detector
            out.radar_features, out.radar_detections = detector(coarse_bev, batch["radar"], batch["speed"])
            radar = (out.radar_features, detector.unit_square(out.radar_detections[..., :2]))
        if plans:
            plan: Plan = self.planning_decoder(coarse_bev, batch, radar)
            out.waypoints_ego, out.headings_rad = plan.waypoints_ego, plan.headings_rad
            out.path_ego = plan.path_ego
            out.target_speed_logits, out.target_speed_mps = plan.target_speed_logits, plan.target_speed_mps


def input_shapes(architecture: Architecture, radar_points: int = 300) -> dict[str, tuple[int, ...]]:
    """Return the inputs that a network needs and their shapes without the batch axis.

    Args:
        architecture: The network.
        radar_points: Rows of the radar input (75 per sensor).
    """
    domain = architecture.domain
    shapes: dict[str, tuple[int, ...]] = {"rgb": (3, *architecture.image_shape)}
    if architecture.lidar_input is LidarInput.RASTER:
        shapes["rasterized_lidar"] = (1, *domain.rig.bev.shape)
    if architecture.detects_radar:
        shapes["radar"] = (radar_points, 5)
    has_planner = architecture.planner is not Planner.NONE
    if architecture.detects_radar or (has_planner and architecture.plans_with_speed):
        shapes["speed"] = ()
    if has_planner:
        shapes["command"] = (domain.commands,)
        if domain.max_acceleration_mps2 is not None:
            shapes["acceleration"] = ()
        if domain.has_target_points:
            shapes.update(dict.fromkeys(TARGET_POINTS, (2,)))
    return shapes


def check_batch(architecture: Architecture, batch: Mapping[str, Tensor]) -> None:
    """Refuse a batch that the network cannot use.

    Raises:
        BatchError: If an input is missing or has another shape than the network was built for.
    """
    sizes = set()
    for key, shape in input_shapes(architecture).items():
        if key not in batch:
            raise BatchError(f"the batch has no {key!r}; the model needs {', '.join(input_shapes(architecture))}")
        found = tuple(batch[key].shape)
        if found[1:] != shape or not found:
            raise BatchError(f"{key!r} has shape {found}; the model needs (batch, {', '.join(map(str, shape))})")
        sizes.add(found[0])
    if len(sizes) > 1:
        raise BatchError(f"the inputs of the batch have different lengths: {', '.join(map(str, sorted(sizes)))}")
