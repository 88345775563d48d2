"""Parameters of a scenario as values: cast by the schema of its class, with the class's defaults.

Route files hold texts only. Casting them in one place means that a wrong one is found when the route is read, with a
sentence, and not by a scenario in the middle of a drive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lead.routes.model import RouteError, ScenarioConfig
from lead.routes.scenario_classes import SCENARIO_CLASSES, Parameter


@dataclass(frozen=True)
class ScenarioParameters:
    """Parameters of one scenario.

    Attributes:
        scenario: Label of the scenario, for messages.
        given: Attributes by parameter, as in the file.
        schema: Parameters of the class.
    """

    scenario: str
    given: Mapping[str, Mapping[str, str]]
    schema: Mapping[str, Parameter]

    def has(self, name: str) -> bool:
        """Tell whether the file gives a parameter."""
        return name in self.given

    def text(self, name: str) -> str:
        """Return a word.

        Raises:
            RouteError: If it is neither given nor has a default.
        """
        return self._attribute(name, "value", self._default(name))

    def number(self, name: str) -> float:
        """Return a number.

        Raises:
            RouteError: If it is none.
        """
        return self._number(name, self.text(name))

    def is_left(self, name: str = "direction") -> bool:
        """Tell whether a side is the left one; as in CARLA, every other word means right."""
        return self.text(name) == "left"

    def interval(self, name: str) -> tuple[float, float]:
        """Return the ends of an interval.

        Raises:
            RouteError: If one is no number.
        """
        low, _, high = (self._default(name) or "..").partition("..")
        ends = self._attribute(name, "from", low), self._attribute(name, "to", high)
        return self._number(name, ends[0]), self._number(name, ends[1])

    def location(self, name: str) -> tuple[float, float, float]:
        """Return a place: x, y, z in the world frame, metres.

        Raises:
            RouteError: If it is not given, or incomplete.
        """
        x, y, z = (self._number(name, self._attribute(name, axis, None)) for axis in ("x", "y", "z"))
        return x, y, z

    def words(self, name: str) -> list[str]:
        """Return all attributes of a parameter whose attributes are free, in the order of the file; may be empty."""
        return list(self.given.get(name, {}).values())

    def _default(self, name: str) -> str | None:
        if name not in self.schema:
            raise RouteError(f"the class of scenario {self.scenario} has no parameter {name}")
        return self.schema[name].default

    def _attribute(self, name: str, attribute: str, default: str | None) -> str:
        value = self.given.get(name, {}).get(attribute, default)
        if not value:
            raise RouteError(f"scenario {self.scenario} lacks {attribute} of its parameter {name}")
        return value

    def _number(self, name: str, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise RouteError(f"scenario {self.scenario}: parameter {name} is {text!r}, not a number")
        return number


def read_parameters(config: ScenarioConfig) -> ScenarioParameters:
    """Return the parameters of a scenario.

    Raises:
        RouteError: If there is no class of that name.
    """
    if config.type not in SCENARIO_CLASSES:
        raise RouteError(f"scenario {config.name} has the unknown class {config.type}")
    return ScenarioParameters(config.name, config.parameters, SCENARIO_CLASSES[config.type])
