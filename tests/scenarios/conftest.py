"""One embedded simulator for all tests of a process."""

import pytest
from scenario_support import Towns

from lead.scenarios.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def families():
    """All classes are registered, whichever test runs first."""
    Engine()


@pytest.fixture(scope="session")
def towns():
    found = Towns()
    yield found
    found.close()


@pytest.fixture(scope="module", autouse=True)
def no_traffic_manager_outside(towns):
    """No Traffic Manager outlives the tests of its file."""
    yield
    towns.rest()


@pytest.fixture
def town(towns):
    """``town(name)`` gives a session with that town loaded."""
    return towns
