"""Checks of one scenario element: its class, and the names and types of its parameters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from lxml import etree

from lead.routes.findings import FileCheck, line_of, nearest
from lead.routes.reader import NO_PARAMETERS
from lead.routes.scenario_classes import SCENARIO_CLASSES, Parameter, ParameterKind

OBJECT_KEYS = ("id", "x", "y", "z", "yaw", "pitch", "roll")
"""Words of one entry of Fail2Drive's ``objects``; all but the id are numbers."""


def check_scenario(check: FileCheck, scenario: etree._Element, route_id: str) -> None:
    """Check class and parameters of a scenario.

    Args:
        check: Receives the findings.
        scenario: The ``scenario`` element.
        route_id: Route it belongs to.
    """
    line = line_of(scenario)
    name, kind = scenario.get("name"), scenario.get("type")
    if not name:
        check.error("no-name", "the scenario has no name", line, route_id)
    if not kind:
        check.error("no-type", f"scenario {name or '?'} has no type", line, route_id)
        return
    if kind not in SCENARIO_CLASSES:
        message = f"there is no scenario class {kind!r}{nearest(kind, SCENARIO_CLASSES)}"
        check.error("unknown-class", message, line, route_id)
        return
    _Parameters(check, scenario, route_id, f"{kind} {name or '?'}").check(SCENARIO_CLASSES[kind])


class _Parameters:
    """The parameter elements of one scenario, and where findings about them go."""

    def __init__(self, check: FileCheck, scenario: etree._Element, route_id: str, label: str) -> None:
        self._check = check
        self._scenario = scenario
        self._route_id = route_id
        self._label = label

    def check(self, table: Mapping[str, Parameter]) -> None:
        """Compare the elements with the table of the class."""
        elements = [child for child in self._scenario if child.tag not in NO_PARAMETERS]
        for name, count in Counter(str(child.tag) for child in elements).items():
            if count > 1:
                self._warn("repeated", f"has {count} elements <{name}>; the last counts", self._scenario)
        given = {str(child.tag): child for child in elements}
        for name, parameter in table.items():
            if parameter.required and name not in given:
                self._error("missing-parameter", f"needs the parameter {name}", self._scenario)
        for name, element in given.items():
            if name not in table:
                self._warn("unknown-parameter", f"has no parameter {name!r}{nearest(name, table)}", element)
            else:
                self._check_value(name, table[name].kind, element)

    def _check_value(self, name: str, kind: ParameterKind, element: etree._Element) -> None:
        if kind is ParameterKind.FREE:
            self._check_free(name, element)
            return
        for attribute in kind.attributes:
            text = element.get(attribute)
            if text is None:
                self._error("missing-attribute", f"needs {attribute} in its <{name}>", element)
            elif kind.is_numeric and not _is_number(text):
                self._error("bad-number", f"has {attribute}={text!r} in its <{name}>, which is no number", element)
            elif kind.choices and text not in kind.choices:
                self._check_choice(name, kind, text, element)
        if kind is ParameterKind.INTERVAL:
            low, high = element.get("from", ""), element.get("to", "")
            if _is_number(low) and _is_number(high) and float(low) > float(high):
                self._warn("empty-interval", f"has a <{name}> from {low} to {high}, which runs backwards", element)

    def _check_choice(self, name: str, kind: ParameterKind, text: str, element: etree._Element) -> None:
        words = " or ".join(kind.choices)
        message = f"has {name} {text!r}; it must be {words}"
        if kind is ParameterKind.SIDE:
            self._warn("bad-choice", f"{message} (anything but left acts as right)", element)
        else:
            self._error("bad-choice", message, element)

    def _check_free(self, name: str, element: etree._Element) -> None:
        if not element.attrib:
            self._error("missing-attribute", f"has an empty <{name}>", element)
        if name != "objects":
            return
        for label, text in element.attrib.items():
            words = dict(word.partition("=")[::2] for word in str(text).split())
            if not words.get("id"):
                self._error("bad-object", f"has an object {label!s} without id", element)
            for key, value in words.items():
                if key not in OBJECT_KEYS:
                    self._warn("bad-object", f"has an object {label!s} with the unknown word {key!r}", element)
                elif key != "id" and not _is_number(value):
                    self._error("bad-object", f"has an object {label!s} whose {key} {value!r} is no number", element)

    def _error(self, code: str, message: str, element: etree._Element) -> None:
        self._check.error(code, f"{self._label} {message}", line_of(element), self._route_id)

    def _warn(self, code: str, message: str, element: etree._Element) -> None:
        self._check.warn(code, f"{self._label} {message}", line_of(element), self._route_id)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
