"""Reading records from JSON that others wrote: checks every key it uses and says in one sentence what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lead.errors import LeadError
from lead.scoring.messages import MessageError, outside_metres, percentage
from lead.scoring.records import ALL_INFRACTION_KEYS, MIN_SPEED_KEY, OUTSIDE_LANES_KEY, RouteLabels, RouteRecord

SCORES = ("score_route", "score_penalty", "score_composed")
META = ("route_length", "duration_game", "duration_system")
LARGEST_NUMBER = 1e12
MOST_DIGITS = 9
"""Of the number of a repetition; Python refuses to read some thousands."""
_ROUTE_ID = re.compile(r"RouteScenario_(?P<id>.+?)(?:_rep(?P<repetition>[0-9]+))?$")


class ResultError(LeadError):
    """A result file cannot be used; the text is one sentence that names file and key."""


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ResultError: If it cannot be read or is no JSON, for example because its writer was killed.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResultError(f"{path} does not exist") from error
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ResultError(f"{path} is not a text file") from error
    except json.JSONDecodeError as error:
        raise ResultError(f"{path} is truncated or not JSON: {error.msg} in line {error.lineno}") from error
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path} holds JSON that cannot be read: {error}") from error


def records_of(data: Any, where: str) -> list[Any]:
    """Return the raw list of records of a result file.

    Raises:
        ResultError: If ``_checkpoint.records`` is missing or not a list.
    """
    checkpoint = data.get("_checkpoint") if isinstance(data, Mapping) else None
    if not isinstance(checkpoint, Mapping):
        raise ResultError(f"{where}: the key _checkpoint is missing, so it is not a result file")
    records = checkpoint.get("records")
    if not isinstance(records, list):
        raise ResultError(f"{where}: the key _checkpoint.records is missing or not a list")
    return records


def record_from_json(data: Any, where: str, index: int = 0) -> RouteRecord:
    """Check one record.

    Args:
        data: JSON data of the record.
        where: File and key, for messages.
        index: Position to use if the record holds none (merged files drop it).

    Returns:
        The record. Kinds of infractions that the file does not know are empty; ``meta`` holds what the file has.

    Raises:
        ResultError: If a needed key is missing or has another type.
    """
    if not isinstance(data, Mapping):
        raise ResultError(f"{where} is not an object")
    infractions = _infractions(data, where)
    own_index = data.get("index", index)
    return RouteRecord(
        index=own_index if isinstance(own_index, int) else index,
        route_id=_text(data, "route_id", where),
        status=_text(data, "status", where),
        num_infractions=sum(map(len, infractions.values())),
        infractions=infractions,
        scores=_numbers(data, "scores", SCORES, where),
        meta=_numbers(data, "meta", META, where) if "meta" in data else {},
        labels=_labels(data, where),
    )


def is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number that can be computed with: finite, and not astronomically large."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def split_route_id(route_id: str, where: str) -> tuple[str, int]:
    """Split ``RouteScenario_<id>_rep<k>`` into id and repetition (0 if the text has none).

    Raises:
        ResultError: If the text has another form, or no repetition can have the number.
    """
    match = _ROUTE_ID.match(route_id)
    if match is None:
        raise ResultError(f"{where}.route_id is {route_id!r}, not RouteScenario_<id>_rep<number>")
    repetition = match["repetition"] or "0"
    if len(repetition) > MOST_DIGITS:
        raise ResultError(f"{where}.route_id names a repetition with {len(repetition)} digits")
    return match["id"], int(repetition)


def plain_id(route_id: str) -> str:
    """Return an id without leading zeros: Fail2Drive's files are numbered 0087 where their routes have the id 87.

    Only texts of the digits 0 to 9 are numbers, of whatever length; other ids stay as they are.
    """
    return route_id.lstrip("0") or "0" if route_id.isascii() and route_id.isdigit() else route_id


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise ResultError(f"{where}.{key} is {'missing' if key not in data else 'not a text'}")
    return value


def _numbers(data: Mapping[str, Any], key: str, names: tuple[str, ...], where: str) -> dict[str, float]:
    block = data.get(key)
    if not isinstance(block, Mapping):
        raise ResultError(f"{where}.{key} is {'missing' if key not in data else 'not an object'}")
    for name in names:
        value = block.get(name)
        if not is_number(value):
            raise ResultError(f"{where}.{key}.{name} is {'missing' if name not in block else 'not a usable number'}")
    return {name: block[name] for name in names}


def _infractions(data: Mapping[str, Any], where: str) -> dict[str, list[str]]:
    block = data.get("infractions")
    if not isinstance(block, Mapping):
        raise ResultError(f"{where}.infractions is {'missing' if block is None else 'not an object'}")
    for kind, messages in block.items():
        if not isinstance(messages, list) or not all(isinstance(message, str) for message in messages):
            raise ResultError(f"{where}.infractions.{kind} is not a list of texts")
    for kind, read_number in _NUMBERS_IN:
        for message in block.get(kind, []):
            try:
                read_number(message)
            except MessageError as error:
                raise ResultError(f"{where}.infractions.{kind}: {error}") from error
    unknown = sorted(set(block) - set(ALL_INFRACTION_KEYS))
    return {key: list(block.get(key, [])) for key in (*ALL_INFRACTION_KEYS, *unknown)}


_NUMBERS_IN = (
    (OUTSIDE_LANES_KEY, outside_metres),
    (OUTSIDE_LANES_KEY, percentage),
    (MIN_SPEED_KEY, percentage),
)
"""Numbers that tables read out of sentences, checked here so that one bad file cannot stop a report later."""


def _labels(data: Mapping[str, Any], where: str) -> RouteLabels | None:
    if "save_name" not in data:
        return None
    weather_id = data.get("weather_id")
    return RouteLabels(
        scenario_name=str(data.get("scenario_name", "")),
        weather_id=weather_id if isinstance(weather_id, int | str) else None,
        save_name=_text(data, "save_name", where),
        town_name=str(data.get("town_name", "")),
    )
