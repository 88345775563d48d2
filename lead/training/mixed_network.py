"""The network that learns from simulated and real data at once, with its modules in the published order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from lead.models.transfuser.box_head import CenterNetHead
from lead.models.transfuser.dense_heads import BevSemanticHead, PerspectiveHead
from lead.models.transfuser.network import Transfuser
from lead.models.transfuser.outputs import ALL_HEADS, Head, TransfuserOutput
from lead.training.sides import MixedArchitecture, MixedOutput

SIMULATED_HEADS = ("semantic_decoder", "bev_semantic_decoder", "center_net_decoder")
"""Names of the simulator's heads in the state dict."""
_ORDER = (
    "backbone",
    "semantic_decoder",
    "bev_semantic_decoder",
    "bev_semantic_decoder_navsim",
    "center_net_decoder",
    "center_net_decoder_navsim",
    "planning_decoder",
)


class MixedTransfuser(Transfuser):
    """A network of NAVSIM's domain with dense heads for simulated samples."""

    def __init__(self, architecture: MixedArchitecture, *, pretrained: bool = False) -> None:
        """Create the network; arguments as those of :class:`lead.models.transfuser.network.Transfuser`."""
        super().__init__(architecture, pretrained=pretrained)
        simulated = architecture.simulated.domain
        self.semantic_decoder = PerspectiveHead(
            self.backbone.image_channels,
            simulated.semantic_classes,
            architecture.image_shape,
            architecture.sizes.head_channels,
        )
        self.bev_semantic_decoder = BevSemanticHead(simulated.bev_classes, simulated.rig.bev.shape)
        self.center_net_decoder = CenterNetHead(simulated.box_classes)
        there = dict(self._modules)
        self._modules.clear()
        self._modules.update({name: there[name] for name in _ORDER if name in there})

    def forward(self, batch: Mapping[str, Tensor], heads: Collection[Head] = ALL_HEADS) -> MixedOutput:
        """Predict with both sources' heads, for all samples; arguments as those of the network's own ``forward``."""
        out, simulated = MixedOutput(), TransfuserOutput()
        out.simulated = simulated
        coarse_bev, coarse_image = self.backbone(batch["rgb"], batch.get("rasterized_lidar"))
        self._detect_and_plan(coarse_bev, batch, heads, out)
        if Head.SEMANTIC in heads:
            simulated.semantic_logits = self.semantic_decoder(coarse_image)
        dense_bev = self.backbone.top_down(coarse_bev)
        if Head.BOXES in heads:
            out.boxes, simulated.boxes = self.box_head(dense_bev), self.center_net_decoder(dense_bev)
        if Head.BEV_SEMANTIC in heads:
            out.bev_semantic_logits = self.bev_semantic_head(dense_bev)
            simulated.bev_semantic_logits = self.bev_semantic_decoder(dense_bev)
        return out


def without_simulator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave the simulator's heads out of a state dict: what remains is a network of NAVSIM's domain."""
    return {name: tensor for name, tensor in state.items() if name.split(".", 1)[0] not in SIMULATED_HEADS}
