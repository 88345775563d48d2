"""Commands that are groups of others: how all of them look and answer."""

from __future__ import annotations

import typer


def command_group(help_text: str) -> typer.Typer:
    """Return an empty group, which shows its help where no command of it is named.

    Args:
        help_text: What the group is for.
    """
    return typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help=help_text,
    )
