"""Limits on an agent's sensors, checked before anything is spawned.

The leaderboard rejects a submission at the first wrong sensor. Here all mistakes are collected into one message, and
mistakes that the leaderboard would only notice as a crash (missing keys, impossible values) are among them.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from lead.errors import LeadError
from lead.evaluation.sensors.models import (
    DEPTH_CAMERA,
    EVERY_KEY,
    FREQUENCY_KEY,
    GNSS,
    IMU,
    INSTANCE_CAMERA,
    LIDAR,
    MODELS,
    OPENDRIVE_MAP,
    PLACE_KEYS,
    RADAR,
    RGB_CAMERA,
    SEMANTIC_CAMERA,
    SPEEDOMETER,
    SensorSpec,
)
from lead.scoring.profiles import BenchmarkProfile

_SINGLE = MappingProxyType({GNSS: 1, IMU: 1, SPEEDOMETER: 1})
_FULL = MappingProxyType({RGB_CAMERA: 8, LIDAR: 2, RADAR: 4, **_SINGLE})
_QUALIFIER = MappingProxyType({RGB_CAMERA: 4, LIDAR: 1, RADAR: 2, **_SINGLE})
_RECORDING_COUNT = 100
"""What the public data collection permits of each type."""
RECORDING_REACH_M = 100.0
TRACK_LIMITS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "SENSORS": _FULL,
        "MAP": MappingProxyType({**_FULL, OPENDRIVE_MAP: 1}),
        "SENSORS_QUALIFIER": _QUALIFIER,
        "MAP_QUALIFIER": MappingProxyType({**_QUALIFIER, OPENDRIVE_MAP: 1}),
        "PRIVILEGED": MappingProxyType(
            {
                **dict.fromkeys(
                    (RGB_CAMERA, SEMANTIC_CAMERA, DEPTH_CAMERA, INSTANCE_CAMERA, LIDAR, RADAR), _RECORDING_COUNT
                ),
                **_SINGLE,
                OPENDRIVE_MAP: 1,
            }
        ),
    }
)
"""Largest number of sensors of each type, by track; a type that is not listed is not permitted."""
DENSE_LIMITS: Mapping[str, int] = MappingProxyType({SEMANTIC_CAMERA: 8, DEPTH_CAMERA: 8})
"""Added by benchmarks with dense sensors."""
_COUNT_KEYS = ("width", "height", EVERY_KEY)
_ANGLE_KEYS = ("fov", "horizontal_fov", "vertical_fov")


class SensorsInvalidError(LeadError):
    """An agent's sensors break the rules of its track; the text lists every mistake."""


def sensor_limits(track: Enum | str, profile: BenchmarkProfile) -> dict[str, int]:
    """Return the largest number of sensors by type.

    Args:
        track: Track of the agent, or its name.
        profile: Benchmark that is driven.

    Raises:
        SensorsInvalidError: If there is no such track.
    """
    name = str(track.value) if isinstance(track, Enum) else str(track)
    if name not in TRACK_LIMITS:
        raise SensorsInvalidError(f"the agent's track is {name!r}; it must be one of {', '.join(TRACK_LIMITS)}")
    return {**TRACK_LIMITS[name], **(DENSE_LIMITS if profile.dense_sensors else {})}


def validate_sensors(specs: object, track: Enum | str, profile: BenchmarkProfile) -> list[dict[str, Any]]:
    """Check the result of an agent's ``sensors()``.

    Args:
        specs: What the agent returned.
        track: Track of the agent, or its name.
        profile: Benchmark that is driven; gives the radius and whether dense cameras are permitted.

    Returns:
        The entries as a new list, in the agent's order.

    Raises:
        SensorsInvalidError: If anything is wrong; names all mistakes.
    """
    limits = sensor_limits(track, profile)
    name = track.value if isinstance(track, Enum) else track
    if not isinstance(specs, Sequence) or isinstance(specs, str | bytes):
        raise SensorsInvalidError(f"the agent's sensors() must return a list of dictionaries, not {_kind(specs)}")
    problems: list[str] = []
    for number, spec in enumerate(specs, start=1):
        if isinstance(spec, Mapping):
            problems += [f"{_label(spec, number)} {text}" for text in _spec_problems(spec, limits, name, profile)]
        else:
            problems.append(f"sensor number {number} is {_kind(spec)} instead of a dictionary")
    entries = [spec for spec in specs if isinstance(spec, Mapping)]
    problems += _repeated_ids(entries) + _excess(entries, limits)
    if problems:
        raise SensorsInvalidError(
            f"the agent's sensors do not fit track {name} of {profile.title}: {'; '.join(problems)}"
        )
    return [dict(spec) for spec in entries]


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _label(spec: SensorSpec, number: int) -> str:
    return f"sensor {spec['id']!r}" if isinstance(spec.get("id"), str) else f"sensor number {number}"


def _spec_problems(spec: SensorSpec, limits: Mapping[str, int], track: str, profile: BenchmarkProfile) -> list[str]:
    """List what is wrong with one entry, as predicates."""
    problems: list[str] = []
    if "id" not in spec:
        problems.append("has no id")
    elif not isinstance(spec["id"], str) or not spec["id"]:
        problems.append(f"has the id {spec['id']!r}, which is not a text")
    type_id = spec.get("type")
    if type_id not in limits:
        problems.append(_type_problem(type_id, limits, track))
    model = MODELS.get(type_id) if isinstance(type_id, str) else None
    if model is None:
        return problems
    missing = [key for key in model.required_keys if key not in spec]
    if missing:
        problems.append(f"({type_id}) lacks {', '.join(missing)}")
    problems += _value_problems(spec, [*model.required_keys, FREQUENCY_KEY, EVERY_KEY])
    place = [spec[key] for key in PLACE_KEYS if key in model.place_keys and _is_number(spec.get(key))]
    reach_m = RECORDING_REACH_M if track == "PRIVILEGED" else profile.sensor_reach_m
    if math.hypot(*place) > reach_m:
        problems.append(f"is mounted {math.hypot(*place):.2f} m from the ego's origin; {reach_m:g} m are permitted")
    return problems


def _type_problem(type_id: object, limits: Mapping[str, int], track: str) -> str:
    if type_id is None:
        return "has no type"
    if type_id in MODELS:
        return f"has the type {type_id}, which track {track} does not permit"
    nearest = difflib.get_close_matches(str(type_id), limits, n=1, cutoff=0.0)[0]
    return f"has the unknown type {type_id!r} (the nearest permitted one is {nearest})"


def _value_problems(spec: SensorSpec, keys: Sequence[str]) -> list[str]:
    """List keys whose value makes no sense; missing keys are reported elsewhere."""
    problems = []
    for key in keys:
        if key not in spec:
            continue
        value = spec[key]
        if not _is_number(value):
            problems.append(f"has {key} {value!r}, which is not a finite number")
        elif key in _COUNT_KEYS and (not isinstance(value, Integral) or value < 1):
            problems.append(f"has {key} {value!r}, which is not a positive whole number")
        elif key in _ANGLE_KEYS and not 0.0 < value < 180.0:
            problems.append(f"has {key} {value!r}, which is not between 0 and 180 degrees")
        elif key == FREQUENCY_KEY and value <= 0.0:
            problems.append(f"has {key} {value!r}, which is not positive")
    return problems


def _is_number(value: object) -> bool:
    # Truth values count as numbers in Python.
    return type(value) is not bool and isinstance(value, Real) and math.isfinite(value)


def _repeated_ids(entries: Sequence[SensorSpec]) -> list[str]:
    counts = Counter(spec["id"] for spec in entries if isinstance(spec.get("id"), str))
    return [f"{count} sensors have the id {name!r}" for name, count in counts.items() if count > 1]


def _excess(entries: Sequence[SensorSpec], limits: Mapping[str, int]) -> list[str]:
    counts = Counter(spec["type"] for spec in entries if isinstance(spec.get("type"), str))
    return [
        f"{counts[type_id]} sensors are of type {type_id}; {limit} {'is' if limit == 1 else 'are'} permitted"
        for type_id, limit in limits.items()
        if counts[type_id] > limit
    ]
