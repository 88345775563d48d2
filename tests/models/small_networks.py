"""A network of the published kind whose inputs are small, so that it runs in milliseconds."""

import dataclasses

import torch

from lead.models.transfuser.architecture import CARLA, Architecture
from lead.models.transfuser.network import Transfuser, input_shapes
from lead.sensing.rigs import CARLA_3_CAMERAS, BevWindow

SMALL_RIG = dataclasses.replace(
    CARLA_3_CAMERAS,
    cameras=tuple(
        dataclasses.replace(camera, width_px=64, height_px=64, recorded_height_px=64)
        for camera in CARLA_3_CAMERAS.cameras
    ),
    bev=BevWindow(-8.0, 16.0, -8.0, 8.0),
)
SMALL = Architecture(dataclasses.replace(CARLA, rig=SMALL_RIG))


def small_network(seed: int = 0, architecture: Architecture = SMALL) -> Transfuser:
    """A network whose every parameter matters: zeros and ones of the initialisation are stirred, too."""
    torch.manual_seed(seed)
    model = Transfuser(architecture).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.8, 1.2, generator=generator)
        elif name.endswith("running_mean"):
            tensor.normal_(0.0, 0.05, generator=generator)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.add_(torch.empty_like(tensor).normal_(0.0, 0.05, generator=generator))
    return model


def random_batch(architecture: Architecture = SMALL, size: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    batch = {
        key: torch.rand(size, *shape, generator=generator) * 10.0 for key, shape in input_shapes(architecture).items()
    }
    batch["rgb"] = torch.randint(0, 256, batch["rgb"].shape, dtype=torch.uint8, generator=generator)
    if "rasterized_lidar" in batch:
        batch["rasterized_lidar"] = (batch["rasterized_lidar"] / 2.0).round() / 5.0
    if "radar" in batch:
        batch["radar"][..., 4] = torch.arange(300) // 75
    if "command" in batch:
        commands = torch.randint(0, architecture.domain.commands, (size,), generator=generator)
        batch["command"] = torch.nn.functional.one_hot(commands, architecture.domain.commands).float()
    return batch
