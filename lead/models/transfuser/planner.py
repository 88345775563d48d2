"""The planner: learned queries look at the coarse bird's-eye view and at status tokens and become a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lead.models.transfuser.architecture import Architecture, Planner
from lead.models.transfuser.positions import grid_code, point_code
from lead.models.transfuser.radar_head import QUERIES as RADAR_QUERIES

HEADS, LAYERS, DROPOUT = 8, 6, 0.1
TARGET_POINT_SCALE_M = (200.0, 50.0)
TARGET_POINTS = ("target_point", "target_point_previous", "target_point_next")
"""In the order of their tokens."""


@dataclass
class Plan:
    """Outputs of the planner; entries as in :class:`~lead.models.transfuser.outputs.TransfuserOutput`."""

    waypoints_ego: Tensor
    headings_rad: Tensor | None = None
    path_ego: Tensor | None = None
    target_speed_logits: Tensor | None = None
    target_speed_mps: Tensor | None = None


class ContextEncoder(nn.Module):
    """Makes tokens of everything that the planner looks at."""

    bev_code: Tensor
    target_point_scale_m: Tensor

    def __init__(self, architecture: Architecture, bev_channels: int) -> None:
        """Create the encoders of the status tokens that the architecture has."""
        super().__init__()
        domain, width = architecture.domain, architecture.token_dim
        is_tfv5 = architecture.planner is Planner.TFV5
        self.domain, self.width = domain, width
        self.has_target_points = domain.has_target_points and not is_tfv5
        self.has_radar = architecture.plans_with_radar
        self.has_speed = architecture.plans_with_speed
        self.has_acceleration = domain.max_acceleration_mps2 is not None
        tokens = 1 + self.has_speed + self.has_acceleration + len(TARGET_POINTS) * self.has_target_points
        tokens += RADAR_QUERIES * self.has_radar
        self.status_pos_embedding = nn.Parameter(torch.rand(1, tokens, width))
        if self.has_speed:
            self.velocity_encoder = nn.Sequential(nn.Linear(1, width))
        if self.has_acceleration:
            self.acceleration_encoder = nn.Sequential(nn.Linear(1, width))
        self.command_encoder = nn.Sequential(nn.Linear(domain.commands, width))
        if self.has_target_points:
            self.tp_encoder = nn.Linear(2, width)
        if self.has_radar:
            self.radar_encoder = nn.Linear(architecture.sizes.radar_width, width)
        self.dimension_adapter = nn.Conv2d(bev_channels, width, 1)
        self.register_buffer("bev_code", grid_code(*architecture.bev_anchors, width)[None], persistent=False)
        self.register_buffer("target_point_scale_m", torch.tensor(TARGET_POINT_SCALE_M), persistent=False)

    def amplify_target_points(self, gain: float) -> None:
        """Scale the random first weights that make tokens of target points, where there are some."""
        if self.has_target_points:
            with torch.no_grad():
                self.tp_encoder.weight.mul_(gain)

    def status_tokens(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Make tokens (B, tokens, width) of speed, command and target points, without codes of their places."""
        status = []
        if self.has_speed:
            status.append(self.velocity_encoder(batch["speed"].float()[:, None] / self.domain.max_speed_mps))
        if self.domain.max_acceleration_mps2 is not None:
            scaled = batch["acceleration"].float()[:, None] / self.domain.max_acceleration_mps2
            status.append(self.acceleration_encoder(scaled))
        status.append(self.command_encoder(batch["command"].float()))
        if self.has_target_points:
            status += [self.tp_encoder(batch[key].float() / self.target_point_scale_m) for key in TARGET_POINTS]
        return torch.stack(status, dim=1)

    def forward(self, coarse_bev: Tensor, batch: Mapping[str, Tensor], radar: tuple[Tensor, Tensor] | None) -> Tensor:
        """Make the tokens.

        Args:
            coarse_bev: (B, C, rows, columns) coarse map.
            batch: Inputs of the network.
            radar: Features (B, 20, 256) and places (B, 20, 2) from 0 to 1 of the radar detections.

        Returns:
            (B, tokens, width): cells of the map row by row, then the status tokens.
        """
        bev = self.dimension_adapter(coarse_bev)
        bev = (bev + self.bev_code.to(bev.dtype)).flatten(2).transpose(1, 2)
        tokens = self.status_tokens(batch)
        if self.has_radar:
            assert radar is not None
            features, places = radar
            encoded = self.radar_encoder(features)
            encoded = encoded + point_code(places, self.width).to(encoded.dtype)
            tokens = torch.cat((tokens, encoded.to(tokens.dtype)), dim=1)
        tokens = tokens + self.status_pos_embedding
        return torch.cat((bev, tokens.to(bev.dtype)), dim=1)


class PlanningDecoder(nn.Module):
    """The planner of TransFuser V6."""

    speed_bins_mps: Tensor

    def __init__(self, architecture: Architecture, bev_channels: int) -> None:
        """Create the planner over a coarse map of some channels."""
        super().__init__()
        domain, width = architecture.domain, architecture.token_dim
        self.domain = domain
        queries = domain.path_points + domain.waypoints + (1 if domain.speed_bins_mps else 0)
        self.query = nn.Parameter(torch.rand(1, queries, width))
        self.planning_context_encoder = ContextEncoder(architecture, bev_channels)
        # ReLU: the published layers were given a GELU module, which PyTorch's copies of a decoder layer lose.
        hidden = architecture.sizes.planner_feed_forward
        layer = nn.TransformerDecoderLayer(width, HEADS, hidden, DROPOUT, "relu", batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, LAYERS, nn.LayerNorm(width))
        self._make_heads(architecture)
        self.register_buffer("speed_bins_mps", torch.tensor(domain.speed_bins_mps), persistent=False)

    def soften_residuals(self, gain: float) -> None:
        """Scale the random first weights of what each layer adds to its queries.

        Queries differ by their first values alone, and every layer normalises the sum of a query and of what it adds.
        What it adds is at first nearly the same for all of them; after six layers they are hard to tell apart, and a
        planner learns paths whose steps are all the same long before it learns any other. Scaled, queries pass through
        nearly unchanged until the layers have learnt what to add (compare Zhang, Dauphin and Ma 2019, "Fixup").
        """
        with torch.no_grad():
            for layer in self.transformer_decoder.layers:
                for last in (layer.self_attn.out_proj, layer.multihead_attn.out_proj, layer.linear2):
                    last.weight.mul_(gain)

    def _make_heads(self, architecture: Architecture) -> None:
        domain, width = self.domain, architecture.token_dim
        if domain.path_points:
            self.route_decoder = nn.Linear(width, 2)
        self.wp_decoder = nn.Linear(width, 2)
        if domain.has_headings:
            self.heading_decoder = nn.Linear(width, 1)
        if domain.speed_bins_mps:
            self.target_speed_decoder = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(domain.speed_bins_mps))
            )

    def forward(self, coarse_bev: Tensor, batch: Mapping[str, Tensor], radar: tuple[Tensor, Tensor] | None) -> Plan:
        """Plan; arguments as those of :class:`ContextEncoder`."""
        context = self.planning_context_encoder(coarse_bev, batch, radar)
        queries = self.transformer_decoder(self.query.expand(context.shape[0], -1, -1), context)
        counts = (self.domain.path_points, self.domain.waypoints, 1 if self.domain.speed_bins_mps else 0)
        path, waypoints, speed = queries.split(counts, dim=1)
        plan = self._decode(path, waypoints, batch)
        if self.domain.speed_bins_mps:
            plan.target_speed_logits = self.target_speed_decoder(speed[:, 0])
            probabilities = plan.target_speed_logits.float().softmax(-1)
            plan.target_speed_mps = (probabilities * self.speed_bins_mps.float()).sum(-1)
        return plan

    def _decode(self, path: Tensor, waypoints: Tensor, batch: Mapping[str, Tensor]) -> Plan:
        # Points are sums of steps: in half precision the sums would lose centimetres.
        plan = Plan(_apply(self.wp_decoder, waypoints).float().cumsum(1))
        if self.domain.path_points:
            plan.path_ego = _apply(self.route_decoder, path).float().cumsum(1)
        if self.domain.has_headings:
            plan.headings_rad = _apply(self.heading_decoder, waypoints)[..., 0].float().cumsum(1)
        return plan


def _apply(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a layer in its own precision."""
    out: Tensor = layer(x.to(layer.weight.dtype))
    return out


class Tfv5PlanningDecoder(PlanningDecoder):
    """The planner of TransFuser V5, whose path and waypoints are recurrent and start at the target point."""

    GRU_WIDTH = 64

    def _make_heads(self, architecture: Architecture) -> None:
        width, hidden = architecture.token_dim, self.GRU_WIDTH
        self.tp_encoder = nn.Linear(2, hidden)
        self.route_gru = nn.GRU(width, hidden, batch_first=True)
        self.route_decoder = nn.Sequential(nn.Linear(hidden, 2))  # type: ignore[assignment]
        self.wp_gru = nn.GRU(width, hidden, batch_first=True)
        self.wp_decoder = nn.Sequential(nn.Linear(hidden, 2))  # type: ignore[assignment]
        self.target_speed_decoder = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(self.domain.speed_bins_mps))
        )

    def _decode(self, path: Tensor, waypoints: Tensor, batch: Mapping[str, Tensor]) -> Plan:
        start = self.tp_encoder(batch["target_point"].float())[None].contiguous()
        path_states, _ = self.route_gru(path, start)
        waypoint_states, _ = self.wp_gru(waypoints, start)
        return Plan(
            self.wp_decoder(waypoint_states).float().cumsum(1),
            path_ego=self.route_decoder(path_states).float().cumsum(1),
        )
