"""One way for every program to come by its settings, so that precedence, typing and errors are the same everywhere.

A program describes its settings as a frozen dataclass of plain types; OmegaConf checks names and types. The command
line's ``key=value`` wins over the environment variable, which wins over a file, which wins over the defaults. A key
that does not exist is an error that names the one that was probably meant: a mistyped switch must not be ignored in
silence for the length of an evaluation.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from lead.errors import LeadError

if TYPE_CHECKING:
    from omegaconf import DictConfig

Config = TypeVar("Config")


class ConfigError(LeadError):
    """A setting has an unknown name or an impossible value; the text says where it came from."""


def resolve(
    schema: type[Config],
    arguments: Sequence[str] = (),
    *,
    variable: str | None = None,
    environ: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
) -> Config:
    """Work out the settings of a program.

    Args:
        schema: Frozen dataclass whose fields have defaults; its ``__post_init__`` may check and complete values and
            says what is wrong with a :class:`ConfigError`.
        arguments: ``key=value`` words of the command line, the strongest.
        variable: Environment variable with blank-separated ``key=value`` words.
        environ: Environment to read; the process's own by default.
        base: Values from a file, weaker than the environment.

    Returns:
        An object of the schema.

    Raises:
        ConfigError: If a word is not ``key=value``, a key is unknown or a value does not fit its type.
    """
    from omegaconf import OmegaConf

    words = (os.environ if environ is None else environ).get(variable, "").split() if variable is not None else []
    merged = OmegaConf.structured(schema)
    if base:
        _refuse_unknown(schema, base, "the configuration file")
        merged = _merge(merged, OmegaConf.create(dict(base)), "the configuration file")
    for source, assignments in ((variable, words), ("the command line", arguments)):
        for word in assignments:
            merged = _assign(schema, merged, word, str(source))
    result = OmegaConf.to_object(merged)
    assert isinstance(result, schema)
    return result


def as_json(config: Any) -> dict[str, Any]:
    """Return resolved settings as JSON data, to be saved with what they led to."""
    return dataclasses.asdict(config)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that resembles another one most."""
    candidates = sorted(known)
    return difflib.get_close_matches(word, candidates, n=1, cutoff=0.0)[0]


def _assign(schema: type[Any], config: DictConfig, word: str, source: str) -> DictConfig:
    """Set one key from a ``key=value`` word."""
    from omegaconf import OmegaConf
    from yaml import YAMLError  # type: ignore[import-untyped]  # OmegaConf's own parser

    key, sign, _ = word.partition("=")
    if not sign or not key:
        raise ConfigError(f"{source}: {word!r} is not of the form key=value")
    _refuse_unknown(schema, [key], source)
    try:
        change = OmegaConf.from_dotlist([word])
    except YAMLError as error:
        raise ConfigError(f"{source}: the value of {word!r} cannot be read") from error
    return _merge(config, change, f"{source}: {word}")


def _merge(config: DictConfig, change: Any, source: str) -> DictConfig:
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        merged = OmegaConf.merge(config, change)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{source}: {str(error).splitlines()[0]}") from error
    assert isinstance(merged, DictConfig)
    return merged


def _refuse_unknown(schema: type[Any], keys: Iterable[str], source: str) -> None:
    known = {field.name for field in dataclasses.fields(schema)}
    for key in keys:
        if key not in known:
            raise ConfigError(f"{source}: there is no key {key!r}; did you mean {nearest(key, known)!r}?")
