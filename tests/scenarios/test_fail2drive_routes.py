"""Every scenario of Fail2Drive's 200 public routes is built, triggered and taken down, with its assets or without."""

import functools
import logging

import public_scenario_support
import pytest
from public_scenario_support import SHARED, Item, has_flow, sweep

from lead.routes.catalogue import benchmark_route_files
from lead.routes.reader import read_routes
from lead.scenarios.traffic import make_traffic
from lead.simulator.launch import EmbeddedServer

pytestmark = pytest.mark.skipif(
    not (SHARED / "data/benchmark_routes/fail2drive").exists(),
    reason="public route files (../shared) are not on this machine",
)
ROUTES, SCENARIOS, WITHOUT = 200, 179, 31
"""Routes; scenarios in them; base routes that have none."""


def items() -> list[Item]:
    files = benchmark_route_files("fail2drive", SHARED)
    found = [Item(f"fail2drive/{path.stem}", "fail2drive", read_routes(path)[0]) for path in files]
    # From the first flow on the Traffic Manager makes every tick slower: routes without come first.
    return sorted(found, key=lambda item: has_flow(item.route))


def with_assets(monkeypatch):
    server = functools.partial(EmbeddedServer, fail2drive_assets=True)
    monkeypatch.setattr(public_scenario_support, "EmbeddedServer", server)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_scenarios_of_all_routes(monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    with_assets(monkeypatch)
    found = items()
    assert len(found) == ROUTES
    assert sum(not item.route.scenarios for item in found) == WITHOUT
    tally = sweep(found)
    print(tally.table(), tally.summary(), sep="\n")
    assert not tally.failures and not tally.left_out, tally.table()
    assert sum(count["triggered"] for count in tally.counts.values()) == SCENARIOS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_scenarios_of_routes_with_assets_on_a_stock_simulator(caplog):
    caplog.set_level(logging.CRITICAL)
    named = ("Animals", "Wall", "ImageOnObject", "ObscuredStop")
    tally = sweep(item for item in items() if any(f"Generalization_{name}_" in item.label for name in named))
    assert not tally.failures and not tally.left_out, tally.table()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_route_of_every_class_among_background_traffic(monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    with_assets(monkeypatch)
    chosen = {}
    for item in items():
        for scenario in item.route.scenarios:
            chosen.setdefault(scenario.type, item)
    tally = sweep(dict.fromkeys(chosen.values()), make_traffic)
    assert not tally.failures and not tally.left_out, tally.table()
