"""``lead export-onnx``: one member of a checkpoint as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.errors import LeadError

if TYPE_CHECKING:
    from lead.models.transfuser.outputs import Head

ALL = "all"


def command(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", metavar="DIR", help="Folder of the checkpoint.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ONNX file; an older one is replaced.")],
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Member of the ensemble [default: the first].", show_default=False)
    ] = None,
    heads: Annotated[
        str,
        typer.Option(
            metavar="NAME[,...]",
            help="What the file predicts: plan, boxes, bev_semantic, semantic, depth, radar; or all.",
        ),
    ] = "plan",
) -> None:
    """Write one member of a TransFuser checkpoint as an ONNX file (float32, any batch size), checked against PyTorch.

    \b
    Example:
      lead export-onnx --checkpoint outputs/checkpoints/tfv6_resnet34 --out tfv6_resnet34_0.onnx --heads plan,boxes
    """
    wanted = _parse_heads(heads)
    from lead.inference.checkpoint import open_checkpoint
    from lead.inference.onnx_export import INSTALL, OPSET, available_heads, export_onnx

    opened = open_checkpoint(checkpoint, seeds=None if seed is None else [seed], max_models=1)
    (model,) = opened.load_models()
    file = export_onnx(model, out, available_heads(model.architecture) if wanted is None else wanted)
    typer.echo(f"{file.path}: seed {next(iter(opened.files))}, opset {OPSET}, {out.stat().st_size / 1e6:.0f} MB")
    for title, shapes in (("inputs", file.inputs), ("outputs", file.outputs)):
        listed = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
        typer.echo(f"{title}: {listed}")
    if file.differences is None:
        typer.echo(f"not compared with PyTorch, because onnxruntime is missing; {INSTALL}")
    else:
        typer.echo(f"largest difference from PyTorch: {max(file.differences.values()):.1e}")


def _parse_heads(text: str) -> frozenset[Head] | None:
    """Read names of heads; None for all that the network has."""
    names = [name.strip() for name in text.split(",")]
    if ALL in names:
        return None
    from lead.models.transfuser.outputs import Head

    known = [head.value for head in Head]
    if unknown := [name for name in names if name not in known]:
        raise LeadError(f"there is no head {unknown[0]!r}; there are {', '.join(known)} and {ALL}")
    return frozenset(Head(name) for name in names)
