"""Which model an agent drives, as the one text that evaluations and leaderboards hand to an agent's ``setup``.

A plain text is the checkpoint folder, as published instructions have it. Further choices make it a JSON object. Both
may end in what Bench2Drive's evaluator appends: a plus sign and the name of the route's record.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lead.config.resolve import ConfigError, nearest

SUFFIX = "+"


@dataclass(frozen=True)
class ModelChoice:
    """A checkpoint and how to run it.

    Attributes:
        checkpoint: Folder of ``config.json`` and weights.
        seeds: Members of the ensemble; None for all.
        max_models: Use at most so many; None for all.
        device: ``cpu``, ``cuda:0`` or several GPUs as ``cuda:0,cuda:1``; None for the best there is.
        fit_memory: Use fewer members where a GPU has too little memory for all.
    """

    checkpoint: str
    seeds: tuple[int, ...] | None = None
    max_models: int | None = None
    device: str | None = None
    fit_memory: bool = False

    def to_text(self) -> str:
        """Return the text for an agent's ``setup``: the folder alone where nothing else was chosen."""
        changed = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
        return self.checkpoint if set(changed) == {"checkpoint"} else json.dumps(changed)

    @classmethod
    def from_text(cls, text: str) -> ModelChoice:
        """Read what :meth:`to_text` wrote, or a plain folder.

        Raises:
            ConfigError: If the text is empty, or a JSON object with an unknown key or a wrong value.
        """
        if not text.strip():
            raise ConfigError("a model needs the folder of its checkpoint: use --checkpoint DIR")
        if not text.lstrip().startswith("{"):
            folder = text if Path(text).is_dir() else text.split(SUFFIX, maxsplit=1)[0]
            return cls(folder)
        try:
            data, end = json.JSONDecoder().raw_decode(text.lstrip())
        except ValueError as error:
            raise ConfigError(f"the agent's configuration cannot be read as JSON: {error}") from error
        rest = text.lstrip()[end:].strip()
        if rest and not rest.startswith(SUFFIX):
            raise ConfigError(f"the agent's configuration goes on behind its JSON object: {rest[:40]!r}")
        return cls(**_checked(data))


def checkpoint_folder(text: str) -> str:
    """Return the checkpoint folder that an agent's configuration names, or the text itself if it names none."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return ModelChoice.from_text(text).checkpoint
    except ConfigError:
        return text  # Another kind of agent may have a JSON configuration of its own.


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read seeds such as ``0,2``.

    Raises:
        ConfigError: If the text is not a list of numbers.
    """
    try:
        seeds = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ConfigError(f"seeds are numbers with commas, such as 0,2, not {text!r}") from None
    if any(seed < 0 for seed in seeds):
        raise ConfigError(f"seeds are numbers from 0, not {text!r}")
    return seeds


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(ModelChoice)]
    for key in data:
        if key not in known:
            raise ConfigError(f"the agent's configuration has no key {key!r}; did you mean {nearest(key, known)!r}?")
    values = dict(data)
    if values.get("seeds") is not None:
        if not isinstance(values["seeds"], list) or not all(type(seed) is int for seed in values["seeds"]):
            raise ConfigError(f"seeds must be a list of numbers, not {values['seeds']!r}")
        values["seeds"] = tuple(values["seeds"])
    for key, kinds in (
        ("checkpoint", (str,)),
        ("max_models", (int, type(None))),
        ("device", (str, type(None))),
        ("fit_memory", (bool,)),
    ):
        if type(values.get(key, getattr(ModelChoice, key, None))) not in kinds:
            raise ConfigError(f"{key} of the agent's configuration cannot be {values.get(key)!r}")
    return values
