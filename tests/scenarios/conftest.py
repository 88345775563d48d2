"""One embedded simulator for all tests of a process."""

import pytest
from scenario_support import Towns


@pytest.fixture(scope="session")
def towns():
    found = Towns()
    yield found
    found.close()


@pytest.fixture
def town(towns):
    """``town(name)`` gives a session with that town loaded."""
    return towns
