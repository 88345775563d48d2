"""Dense heads: semantics and depth in the image, semantics in the bird's-eye view."""

from __future__ import annotations

from torch import Tensor, nn

from lead.errors import LeadError
from lead.models.transfuser.architecture import PUBLISHED_SIZES
from lead.models.transfuser.backbone import BEV_CHANNELS
from lead.models.transfuser.upsampling import resize

FIRST_UPSAMPLING, SECOND_UPSAMPLING = 8, 4
TOLERATED_RESIZE = 0.1
"""The upsampled map may differ by this fraction from the image."""


class HeadShapeError(LeadError):
    """The image size does not fit the heads' upsampling."""


def _two_convolutions(inputs: int, hidden: int, outputs: int, *, last_relu: bool) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, hidden, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden, outputs, 3, padding=1),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if last_relu else nn.Sequential(*layers)


class PerspectiveHead(nn.Module):
    """Upsamples the coarse image map to the size of the image."""

    def __init__(
        self,
        channels: int,
        outputs: int,
        image_shape: tuple[int, int],
        widths: tuple[int, int, int] = PUBLISHED_SIZES.head_channels,
    ) -> None:
        """Create the head.

        Args:
            channels: Channels of the coarse image map.
            outputs: Channels of the result.
            image_shape: Rows and columns of the image.
            widths: Channels within.
        """
        super().__init__()
        self.image_shape = image_shape
        first, second, third = widths
        self.deconv1 = _two_convolutions(channels, first, second, last_relu=True)
        self.deconv2 = _two_convolutions(second, third, third, last_relu=True)
        self.deconv3 = _two_convolutions(third, third, outputs, last_relu=False)

    def forward(self, coarse_image: Tensor) -> Tensor:
        """Predict (B, outputs, H, W).

        Raises:
            HeadShapeError: If the upsampled map is not about as large as the image.
        """
        x = self.deconv1(coarse_image)
        x = resize(x, (FIRST_UPSAMPLING * x.shape[2], FIRST_UPSAMPLING * x.shape[3]))
        x = self.deconv2(x)
        x = resize(x, (SECOND_UPSAMPLING * x.shape[2], SECOND_UPSAMPLING * x.shape[3]))
        out: Tensor = self.deconv3(x)
        for size, wanted in zip(out.shape[-2:], self.image_shape, strict=True):
            if abs(size - wanted) > TOLERATED_RESIZE * wanted:
                raise HeadShapeError(
                    f"the perspective heads give {tuple(out.shape[-2:])} pixels for an image of {self.image_shape}"
                )
        return resize(out, self.image_shape)


class BevSemanticHead(nn.Module):
    """Classifies the pixels of the bird's-eye-view raster."""

    def __init__(self, classes: int, raster_shape: tuple[int, int]) -> None:
        """Create the head for a raster of some rows and columns."""
        super().__init__()
        self.raster_shape = raster_shape
        self.net = nn.Sequential(
            nn.Conv2d(BEV_CHANNELS, BEV_CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(BEV_CHANNELS, classes, 1, bias=False),
        )

    def forward(self, bev: Tensor) -> Tensor:
        """Predict logits (B, classes, rows, columns) from the dense map (B, 64, rows / 4, columns / 4)."""
        return resize(self.net(bev), self.raster_shape)
