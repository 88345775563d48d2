"""Named weathers: CARLA's presets and the further ones that published LEAD configurations name."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Mapping
from pathlib import Path

from lead.errors import LeadError

PRESETS_PATH = Path(__file__).with_name("weather_presets.json")


class WeatherError(LeadError):
    """A weather preset is unknown."""


@functools.cache
def presets() -> Mapping[str, Mapping[str, float]]:
    """All presets by name, each with every weather field of CARLA."""
    data = json.loads(PRESETS_PATH.read_text(encoding="utf-8"))
    return {name: dict(zip(data["fields"], values, strict=True)) for name, values in data["presets"].items()}


def preset_names() -> list[str]:
    """Names of the presets, sorted."""
    return sorted(presets())


def preset(name: str) -> dict[str, float]:
    """Values of a preset.

    Raises:
        WeatherError: If there is no such preset; names the nearest.
    """
    found = presets().get(name)
    if found is None:
        nearest = difflib.get_close_matches(name, presets(), n=1, cutoff=0.0)[0]
        raise WeatherError(f"there is no weather {name!r}; the nearest is {nearest!r} ({len(presets())} are known)")
    return dict(found)
