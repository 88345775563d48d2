"""Two convolutional encoders, image and bird's-eye view, fused after each of their four stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lead.models.transfuser.architecture import Architecture, LidarInput
from lead.models.transfuser.fusion import FusionTransformer
from lead.models.transfuser.timm_encoders import make_encoder, stage_channels, stages
from lead.models.transfuser.upsampling import resize

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
BEV_CHANNELS = 64
COARSE_UPSAMPLING = 2
DENSE_STRIDE = 4


class TransfuserBackbone(nn.Module):
    """Features of cameras and LiDAR.

    Fusion adds the transformer's outputs to the maps of each stage, so the next stage of each branch already knows of
    the other branch.
    """

    image_mean: Tensor
    image_std: Tensor
    ramp: Tensor

    def __init__(self, architecture: Architecture, *, pretrained: bool = False) -> None:
        """Create the encoders.

        Args:
            architecture: The network.
            pretrained: Start the image encoder from ImageNet weights.
        """
        super().__init__()
        is_ramp = architecture.lidar_input is LidarInput.RAMP
        self.is_ramp, self.is_blind, self.sees_nothing = is_ramp, architecture.is_blind, architecture.sees_nothing
        self.image_anchors, self.bev_anchors = architecture.image_anchors, architecture.bev_anchors
        self.image_encoder = make_encoder(architecture.image_encoder, 3, pretrained=pretrained)
        self.lidar_encoder = make_encoder(architecture.lidar_encoder, 2 if is_ramp else 1)
        image_channels, lidar_channels = stage_channels(self.image_encoder), stage_channels(self.lidar_encoder)
        pairs = list(zip(image_channels, lidar_channels, strict=True))
        self.lidar_channel_to_img = nn.ModuleList(nn.Conv2d(lidar, image, 1) for image, lidar in pairs)
        self.img_channel_to_lidar = nn.ModuleList(nn.Conv2d(image, lidar, 1) for image, lidar in pairs)
        tokens = _cells(self.image_anchors) + _cells(self.bev_anchors)
        self.transformers = nn.ModuleList(
            FusionTransformer(image, tokens, architecture.sizes.fusion_blocks) for image in image_channels
        )
        self.up_conv5 = nn.Conv2d(BEV_CHANNELS, BEV_CHANNELS, 3, padding=1)
        self.up_conv4 = nn.Conv2d(BEV_CHANNELS, BEV_CHANNELS, 3, padding=1)
        self.c5_conv = nn.Conv2d(lidar_channels[-1], BEV_CHANNELS, 1)
        rows, columns = architecture.domain.rig.bev.shape
        self.dense_shape = (rows // DENSE_STRIDE, columns // DENSE_STRIDE)
        self.image_channels, self.bev_channels = image_channels[-1], lidar_channels[-1]
        self.register_buffer("image_mean", 255.0 * torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", 255.0 * torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)
        if is_ramp:
            row_ramp = torch.linspace(0, 1, rows)[:, None].expand(rows, columns)
            column_ramp = torch.linspace(0, 1, columns)[None].expand(rows, columns)
            self.register_buffer("ramp", torch.stack((row_ramp, column_ramp))[None].contiguous(), persistent=False)

    def forward(self, rgb: Tensor, rasterized_lidar: Tensor | None) -> tuple[Tensor, Tensor]:
        """Compute the coarse feature maps.

        Args:
            rgb: (B, 3, H, W) image strip, RGB, 0 to 255.
            rasterized_lidar: (B, 1, rows, columns) LiDAR histogram, 0 to 1; ignored by networks without LiDAR.

        Returns:
            Coarse maps of the bird's-eye view (B, C, rows / 32, columns / 32) and of the image (B, C, H / 32, W / 32).
        """
        # Normalised in float32, whatever precision the convolutions have.
        dtype = self.c5_conv.weight.dtype
        samples = rgb.shape[0]
        if self.sees_nothing:
            # All samples look alike: one is enough.
            rgb = rgb[:1]
        seen = torch.zeros_like(rgb, dtype=torch.float32) if self.is_blind else rgb.float()
        image = ((seen - self.image_mean) / self.image_std).to(dtype)
        if self.is_ramp:
            bev = self.ramp.expand(image.shape[0], -1, -1, -1).to(dtype)
        else:
            assert rasterized_lidar is not None
            bev = rasterized_lidar.to(dtype)
        for index, (image_layers, bev_layers) in enumerate(
            zip(stages(self.image_encoder), stages(self.lidar_encoder), strict=True)
        ):
            for layer in image_layers:
                image = layer(image)
            for layer in bev_layers:
                bev = layer(bev)
            image, bev = self._fuse(index, image, bev)
        if self.sees_nothing:
            return bev.expand(samples, -1, -1, -1), image.expand(samples, -1, -1, -1)
        return bev, image

    def _fuse(self, index: int, image: Tensor, bev: Tensor) -> tuple[Tensor, Tensor]:
        pooled_image = _pool(image, self.image_anchors)
        pooled_bev = self.lidar_channel_to_img[index](_pool(bev, self.bev_anchors))
        to_image, to_bev = self.transformers[index](pooled_image, pooled_bev)
        to_bev = self.img_channel_to_lidar[index](to_bev)
        return (
            image + resize(to_image, (image.shape[2], image.shape[3])),
            bev + resize(to_bev, (bev.shape[2], bev.shape[3])),
        )

    def top_down(self, coarse_bev: Tensor) -> Tensor:
        """Upsample the coarse map for the dense heads: (B, 64, rows / 4, columns / 4)."""
        x = functional.relu(self.c5_conv(coarse_bev))
        x = resize(x, (COARSE_UPSAMPLING * x.shape[2], COARSE_UPSAMPLING * x.shape[3]))
        x = functional.relu(self.up_conv5(x))
        return functional.relu(self.up_conv4(resize(x, self.dense_shape)))


def _pool(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Average over the cells of a grid."""
    rows, columns = x.shape[2] // shape[0], x.shape[3] // shape[1]
    if (rows * shape[0], columns * shape[1]) == (x.shape[2], x.shape[3]):
        # The same numbers as adaptive pooling, whose kernels are several times slower.
        return functional.avg_pool2d(x, (rows, columns))
    return functional.adaptive_avg_pool2d(x, shape)


def _cells(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]
