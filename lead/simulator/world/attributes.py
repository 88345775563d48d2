"""Actor attributes: their kinds on the wire, and the one place where their text values are read.

CARLA sends every attribute value as text. Users write that text by hand (``str(True)``, ``"800.0"``, the
stock default ``"3.5f"``), so reading it is tolerant of spelling, never of meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class AttributeKind(IntEnum):
    """Type of an attribute value; the numbers are those of the 0.9.15 wire."""

    BOOL = 0
    INT = 1
    FLOAT = 2
    STRING = 3
    RGB = 4

    def wire_type(self, version: str) -> int:
        """Number of this kind in the protocol of a client version (0.9.16 counts from one)."""
        return int(self) + (0 if version == "0.9.15" else 1)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a blueprint.

    Attributes:
        id: Name, e.g. ``image_size_x``.
        kind: Type of the value.
        default: Text of the value of a freshly found blueprint.
        recommended: Values that clients draw from; empty for constants.
        modifiable: Whether a client may set it.
        restricted: Whether only recommended values are allowed.
    """

    id: str
    kind: AttributeKind
    default: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = False
    restricted: bool = False


def parse_bool(name: str, text: str) -> bool:
    """Value of a bool attribute; ValueError with one sentence when it is none."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"attribute {name!r} must be true or false, not {text!r}")


def parse_float(name: str, text: str) -> float:
    """Value of a float attribute (a trailing ``f`` is allowed); ValueError when not a finite number."""
    try:
        value = float(text.strip().rstrip("fF"))
    except ValueError:
        raise ValueError(f"attribute {name!r} must be a number, not {text!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"attribute {name!r} must be finite, not {text!r}")
    return value


def parse_int(name: str, text: str) -> int:
    """Value of an int attribute; a fraction is cut off as the original does; ValueError when no number."""
    return int(parse_float(name, text))


def parse_color(name: str, text: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour attribute written ``r,g,b``; else ValueError."""
    parts = text.split(",")
    try:
        red, green, blue = (int(part) for part in parts)
    except ValueError:
        raise ValueError(f"attribute {name!r} must be r,g,b, not {text!r}") from None
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"attribute {name!r} must hold values from 0 to 255, not {text!r}")
    return red, green, blue


_PARSERS = {
    AttributeKind.BOOL: parse_bool,
    AttributeKind.INT: parse_int,
    AttributeKind.FLOAT: parse_float,
    AttributeKind.RGB: parse_color,
}


def check_value(attribute: Attribute, text: str) -> None:
    """Raises ValueError with one sentence if a text is no value of this attribute."""
    parser = _PARSERS.get(attribute.kind)
    if parser is not None:
        parser(attribute.id, text)
    if attribute.restricted and text not in attribute.recommended:
        allowed = ", ".join(attribute.recommended)
        raise ValueError(f"attribute {attribute.id!r} must be one of {allowed}, not {text!r}")
