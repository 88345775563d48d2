"""Moving objects from radar returns: 20 queries look at radar points, the coarse bird's-eye view and the own speed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lead.models.transfuser.architecture import Architecture
from lead.models.transfuser.positions import point_code

HEADS, LAYERS, DROPOUT = 8, 4, 0.1
QUERIES = 20


class RadarDetector(nn.Module):
    """Detects up to 20 moving objects.

    Rows of zeros, with which the radar input is filled up, are not masked: the published weights know them as points at
    the ego's origin.
    """

    def __init__(self, architecture: Architecture, bev_channels: int) -> None:
        """Create the head over a coarse map of some channels."""
        super().__init__()
        domain = architecture.domain
        width, hidden = architecture.sizes.radar_width, architecture.sizes.radar_hidden
        self.width = width
        self.window, self.max_speed_mps = domain.rig.bev, domain.max_speed_mps
        self.sensors = len(domain.rig.radars)
        self.is_sampling_transposed = architecture.legacy.radar_sampling_transposed
        rows, columns = architecture.bev_anchors
        self.bev_pos_embed = nn.Parameter(torch.zeros(1, rows * columns, width))
        self.ego_vel_pos_embed = nn.Parameter(torch.zeros(1, 1, width))
        self.q = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, QUERIES, width)))
        self.bev_proj = nn.Conv2d(bev_channels, width, 1)
        self.ego_vel_proj = nn.Linear(1, width)
        self.radar_point_tokenizer = nn.Sequential(
            nn.Linear(width + 1 + self.sensors, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )
        layer = nn.TransformerDecoderLayer(width, HEADS, hidden, DROPOUT, "relu", batch_first=True)
        self.tf = nn.TransformerDecoder(layer, LAYERS, nn.LayerNorm(width))
        self.state_decoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 3))
        self.label_decoder = nn.Linear(width, 1)

    def unit_square(self, points_ego: Tensor) -> Tensor:
        """Map points (..., 2) of the window to x and y from 0 to 1, float32."""
        window = self.window
        x = (points_ego[..., 0].float() - window.min_x_m) / window.length_m
        y = (points_ego[..., 1].float() - window.min_y_m) / window.width_m
        return torch.stack((x, y), dim=-1)

    def forward(self, coarse_bev: Tensor, radar: Tensor, speed_mps: Tensor) -> tuple[Tensor, Tensor]:
        """Detect.

        Args:
            coarse_bev: (B, C, rows, columns) coarse map.
            radar: (B, n, 5) x, y, z in the ego frame, relative velocity in m/s, sensor index.
            speed_mps: (B,) own speed.

        Returns:
            Features (B, 20, width) and detections (B, 20, 4): x, y, speed in m/s, logit of being valid.
        """
        bev = self.bev_proj(coarse_bev)
        unit = self.unit_square(radar[..., :2])
        tokens = (
            bev.flatten(2).transpose(1, 2) + self.bev_pos_embed,
            self._speed_token(speed_mps).to(bev.dtype),
            self._radar_tokens(bev, radar, unit),
        )
        features = self.tf(self.q.expand(radar.shape[0], -1, -1), torch.cat(tokens, dim=1))
        return features, self._detections(features)

    def _speed_token(self, speed_mps: Tensor) -> Tensor:
        token: Tensor = self.ego_vel_proj(speed_mps.float()[:, None, None] / self.max_speed_mps)
        return token + self.ego_vel_pos_embed

    def _radar_tokens(self, bev: Tensor, radar: Tensor, unit: Tensor) -> Tensor:
        # grid_sample takes (column, row), that is (x, y); the published weights were trained with (y, x).
        grid = unit.flip(-1) if self.is_sampling_transposed else unit
        # In half precision the places would be wrong by decimetres.
        sampled = functional.grid_sample(bev.float(), (2.0 * grid - 1.0)[:, None], align_corners=True)
        sampled = sampled[:, :, 0].transpose(1, 2).to(bev.dtype)
        velocity = radar[..., 3:4] / self.max_speed_mps
        # functional.one_hot would look at the values and so wait for the GPU.
        sensor = radar[..., 4:5] == torch.arange(self.sensors, device=radar.device)
        tokens: Tensor = self.radar_point_tokenizer(
            torch.cat((sampled, velocity.to(sampled.dtype), sensor.to(sampled.dtype)), dim=-1)
        )
        return tokens + point_code(unit, self.width).to(tokens.dtype)

    def _detections(self, features: Tensor) -> Tensor:
        window = self.window
        state = self.state_decoder(features).float().tanh()
        x = state[..., 0] * (window.length_m / 2.0) + (window.min_x_m + window.max_x_m) / 2.0
        y = state[..., 1] * (window.width_m / 2.0) + (window.min_y_m + window.max_y_m) / 2.0
        speed = (state[..., 2] + 1.0) / 2.0 * self.max_speed_mps
        return torch.cat((torch.stack((x, y, speed), dim=-1), self.label_decoder(features).float()), dim=-1)
