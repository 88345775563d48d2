"""Every public method of the client's classes has a row in the API table, and the row is true."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import carla
import pytest
from client_support import PROJECT_ROOT, Server, Stage, run_isolated

pytest.register_assert_rewrite(
    "api_rows_client",
    "api_rows_world",
    "api_rows_actors",
    "api_rows_vehicles",
    "api_rows_sensors",
    "api_rows_signals",
    "api_rows_commands",
    "api_rows_manager",
)

from api_table import Bench, Row, Verdict, all_rows, names_used, public_names, render, rows_of_client  # noqa: E402

PAGE = PROJECT_ROOT / "docs" / "api-coverage.md"
SCRIPT = Path(__file__).with_name("api_alone.py")
ALONE_LIMIT_S = 40.0

ROWS = all_rows()
MINE = rows_of_client(ROWS)
CHECKS: dict[Callable[[Bench], None], list[Row]] = {}
for _row in MINE:
    if not _row.alone:
        CHECKS.setdefault(_row.check, []).append(_row)


def test_every_method_has_one_row() -> None:
    named = [row.name for row in MINE]
    assert sorted(set(public_names()) - set(named)) == [], "methods without a row"
    assert sorted(set(named) - set(public_names())) == [], "rows without a method"
    assert len(named) == len(set(named)), "methods with two rows"


def test_checks_call_what_their_rows_name() -> None:
    idle = [row.name for row in ROWS if row.method not in names_used(row.check.__code__)]
    assert idle == [], "rows whose check does not call them"
    assert [row.name for row in ROWS if not row.note and row.verdict is not Verdict.AS_CARLA] == [], "words missing"
    assert [row.name for row in ROWS if "|" in row.note] == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_rows_are_true(check: Callable[[Bench], None], client: carla.Client, stage: Stage) -> None:
    check(Bench(client, stage))


@pytest.mark.timeout(200)
def test_rows_that_need_a_process_are_true(server: Server, stage: Stage) -> None:
    """The Traffic Manager steps with every tick of its process, even when it was shut down, so it gets one."""
    done = run_isolated([sys.executable, str(SCRIPT), str(server.port)], ALONE_LIMIT_S, tries=3)
    assert done.stdout, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    for name, error in outcome.items():
        assert not error, f"{name}:\n{error}"
    assert sorted(outcome) == sorted({row.check.__name__ for row in MINE if row.alone})


def test_the_page_shows_the_rows() -> None:
    if not PAGE.parent.is_dir():
        pytest.skip("the project's docs folder is not here")
    text = render(ROWS)
    if os.environ.get("LEAD_WRITE_API_TABLE") == "1":
        fresh = PAGE.with_suffix(".tmp")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, PAGE)
    assert PAGE.is_file(), "run once with LEAD_WRITE_API_TABLE=1"
    assert PAGE.read_text(encoding="utf-8") == text, "docs/api-coverage.md is old; see its first lines"
