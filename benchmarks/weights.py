"""What rounding weights changes: largest differences of predictions, by precision and by which tensors are rounded.

python benchmarks/weights.py outputs/local_training/posttrain
python benchmarks/weights.py data/checkpoints/tfv6_compact --samples 8
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from lead.inference.checkpoint import open_checkpoint
from lead.inference.onnx_export import available_heads, example_inputs
from lead.models.transfuser.network import Transfuser

OUTPUTS = ("path_ego", "waypoints_ego", "target_speed_mps", "semantic_logits", "depth_m", "bev_semantic_logits")
Choice = Callable[[str, Tensor], bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--samples", type=int, default=4, help="random samples")
    chosen = parser.parse_args()
    checkpoint = open_checkpoint(chosen.checkpoint, max_models=1)
    (model,) = checkpoint.load_models()
    batches = [example_inputs(model.architecture, seed) for seed in range(chosen.samples)]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = [predict(model, batch) for batch in batches]
    parameters = {name: parameter.dim() for name, parameter in model.named_parameters()}
    choices: dict[str, Choice] = {
        "matrices and kernels": lambda name, _: parameters.get(name, 0) > 1,
        "all parameters": lambda name, _: name in parameters,
        "running statistics": lambda name, _: "running_" in name,
        "everything": lambda _, tensor: tensor.is_floating_point(),
    }
    names = [name for name in OUTPUTS if name in expected[0]]
    print(f"{'':31s}" + "".join(f"{name:>20s}" for name in names))
    for dtype in (torch.bfloat16, torch.float16):
        for title, choice in choices.items():
            rounded = {
                name: tensor.to(dtype).to(tensor.dtype) if choice(name, tensor) else tensor
                for name, tensor in state.items()
            }
            model.load_state_dict(rounded)
            found = [predict(model, batch) for batch in batches]
            worst = (
                max(float((own[name] - wanted[name]).abs().max()) for own, wanted in zip(found, expected, strict=True))
                for name in names
            )
            print(f"{str(dtype).split('.')[-1]:10s}{title:21s}" + "".join(f"{value:20.4f}" for value in worst))


@torch.inference_mode()
def predict(model: Transfuser, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    out = model(batch, available_heads(model.architecture))
    return {name: getattr(out, name) for name in OUTPUTS if getattr(out, name) is not None}


if __name__ == "__main__":
    main()
