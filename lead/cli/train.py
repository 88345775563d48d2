"""``lead train``: train a network, pre-training and post-training, on one or many devices."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings, such as recipe=tfv6_resnet34 logdir=outputs/mine."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest checkpoint of logdir.")] = False,
    recipes: Annotated[bool, typer.Option("--recipes", help="List the recipes.")] = False,
) -> None:
    """Train a network.

    Under torchrun each process trains with a GPU of its own. SIGTERM and Ctrl-C save the training and end it with code
    75; with --resume it goes on where it was, bit by bit. All settings: docs/training.md.
    """
    if recipes:
        from lead.config.recipes import RECIPES

        width = max(map(len, RECIPES))
        for name, recipe in RECIPES.items():
            typer.echo(f"{name:{width}}  {(recipe.__doc__ or '').splitlines()[0]}")
        return
    from lead.training.program import train

    code = train([*(words or ()), *(["resume=true"] if resume else [])])
    if code:
        raise typer.Exit(code)
