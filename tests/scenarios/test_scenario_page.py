"""The pages about scenarios name every class, with the parameters that files may give; one shows stills."""

import inspect
import re
from pathlib import Path

import pytest

from lead.routes.scenario_classes import SCENARIO_CLASSES
from lead.scenarios.engine import Engine
from lead.scenarios.scenario import registered

DOCS = Path(__file__).parents[2] / "docs"
NO_STILLS = "fail2drive.md"
PAGES = ("scenarios.md", NO_STILLS)
MAX_BYTES = 1_500_000
"""Of all stills together: they are part of the repository."""


@pytest.fixture(scope="module")
def rows():
    """Cells by class; the row of a class also stands for its variant ``...Long``."""
    found = {}
    for page, line in _lines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name, *variants = cells[0].replace("⏱", "").strip().split(", ")
        has_no_still = page == NO_STILLS and name in SCENARIO_CLASSES
        if line.startswith("| ") and (has_no_still or "images/scenarios/" in line):
            for each in [name, *(name + variant.removeprefix("...") for variant in variants)]:
                assert each not in found
                found[each] = cells
    return found


def _lines():
    return [(page, line) for page in PAGES for line in (DOCS / page).read_text(encoding="utf-8").splitlines()]


def classes():
    Engine()  # registers them
    return sorted(name for name, _ in registered())


def test_every_class_has_a_row(rows):
    assert sorted(rows) == classes()


@pytest.mark.parametrize("name", classes())
def test_parameters_are_those_of_the_table(rows, name):
    words = re.sub(r"[`()]", " ", rows[name][2]).split()
    unread = re.findall(r"\(`([^`]*)`\)", rows[name][2])
    table = {}
    for word in words:
        declared, _, default = word.partition("=")
        table[declared.rstrip("!")] = (declared.endswith("!"), default or None)
    expected = {key: (parameter.required, parameter.default) for key, parameter in SCENARIO_CLASSES[name].items()}
    assert table == expected
    not_read = {key for key, (required, default) in expected.items() if not required and default is None}
    assert set(" ".join(unread).split()) == not_read, "those in parentheses"


@pytest.mark.parametrize("name", classes())
def test_classes_with_a_time_limit_have_a_clock(rows, name):
    bases = [each for each in dict(registered())[name].__mro__ if "lead.scenarios.families" in each.__module__]
    has_limit = any("ScenarioTimeout(" in inspect.getsource(base) for base in bases)
    assert ("⏱" in rows[name][0]) == has_limit


def test_stills_exist_and_are_small(rows):
    named = [re.search(r"\((images/scenarios/[^)]*)\)", cells[3]) for cells in rows.values() if len(cells) == 4]
    stills = {DOCS / still.group(1) for still in named}
    assert {still.name for still in stills} == {still.name for still in (DOCS / "images/scenarios").iterdir()}
    assert sum(still.stat().st_size for still in stills) < MAX_BYTES
