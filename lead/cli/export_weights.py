"""``lead export-weights``: a checkpoint as safetensors, small enough to be handed round."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lead.errors import LeadError

DTYPES = ("bfloat16", "float16", "float32")


def command(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder of the checkpoint.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The new folder.")],
    dtype: Annotated[str, typer.Option(metavar="NAME", help=f"Precision of the weights: {', '.join(DTYPES)}.")] = (
        "bfloat16"
    ),
    shard_mib: Annotated[float, typer.Option(metavar="MIB", help="Largest size of a file.", min=0.001)] = 12.0,
    seeds: Annotated[
        str | None, typer.Option(metavar="N[,...]", help="Members to write [default: all].", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a folder that is there.")] = False,
) -> None:
    """Write a TransFuser checkpoint as safetensors: config.json and weights, nothing else.

    Weights are cut into shards where a file would become too large. The same checkpoint gives the same bytes.

    \b
    Example:
      lead export-weights outputs/local_training/posttrain --out data/checkpoints/my_policy
    """
    if dtype not in DTYPES:
        raise LeadError(f"there is no precision {dtype!r}; there are {', '.join(DTYPES)}")
    from lead.config.model_choice import parse_seeds
    from lead.inference import weights_export
    from lead.inference.checkpoint import open_checkpoint

    opened = open_checkpoint(checkpoint, seeds=parse_seeds(seeds) if seeds is not None else None)
    written = weights_export.export_weights(
        opened,
        out,
        dtype=weights_export.DTYPES[dtype],
        shard_bytes=int(shard_mib * weights_export.MIB),
        replace=force,
    )
    for name, size in written.files.items():
        typer.echo(f"{size / weights_export.MIB:8.2f} MiB  {name}")
    typer.echo(f"{written.total / weights_export.MIB:8.2f} MiB  {written.directory}, in {dtype}")
