"""Fixtures of the tests that talk to a real server process through the unmodified CARLA client.

They run in the project's environment (``pytest tests/client``) and in a bare one that holds only an older client,
numpy, pytest and pytest-timeout (``make test-0915``)::

    LEAD_TEST_SERVER_PYTHON=.venv/bin/python .venv-0915/bin/python -m pytest tests/client

LEAD_TEST_SERVER_PYTHON   interpreter that has LEAD installed (default: this one)
LEAD_TEST_CARLA_VERSION   protocol version of the server (default: that of the installed client)
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import carla
import pluggy
import pytest
from client_support import Server, Stage, connect

DEFAULT_TOWN = "Town01"
HERE = Path(__file__).resolve().parent

_server: list[Server] = []


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known wherever these tests run."""
    config.addinivalue_line("markers", "town(name): town that the test plays in (default Town01)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test a limit of its own."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """Show the end of the server's log with every failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and _server:
        text = _server[0].log_tail() or "(empty)"
        state = "running" if _server[0].is_running else "DEAD"
        report.sections.append((f"simulator log (server is {state})", text))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One simulator for the whole run."""
    with Server(DEFAULT_TOWN, tmp_path_factory.mktemp("simulator") / "server.log") as running:
        _server.append(running)
        yield running
        _server.clear()


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[carla.Client]:
    """The client that most tests share."""
    yield connect(server.port)
    # Client objects that die while the interpreter is torn down abort the process; let them go before.
    gc.collect()


@pytest.fixture
def stage(client: carla.Client, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A world in a known state with nothing but the level in it."""
    marker = request.node.get_closest_marker("town")
    ready = Stage(client)
    ready.prepare(marker.args[0] if marker else DEFAULT_TOWN)
    yield ready
    ready.clear()
