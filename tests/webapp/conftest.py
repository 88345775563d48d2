"""Fixtures of the dashboard's tests: results to show, the real server, a page in a real Chromium.

A browser test takes ``page`` and one of ``driven_dashboard`` and ``public_dashboard``::

    @pytest.mark.parametrize("viewport", VIEWPORTS)
    @pytest.mark.parametrize("colour_scheme", ["light", "dark"])
    def test_routes_are_listed(page, driven_dashboard):
        open_page(page, driven_dashboard.link(dir="evaluation/careless/bench2drive_0"))

It fails if the page has errors, failed requests or requests to other machines; ``page_watch.allow("404")`` expects one.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_support import Dashboard, NoBrowserError, PageWatch, chromium
from driven_results import DrivenResults, drive_careful, drive_careless, shared
from public_results import PublicTree, write_public_tree

from lead.maps.towns import installed_towns

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

StartDashboard = Callable[..., Dashboard]
TOWN = "Town01"


@functools.cache
def _why_no_browser() -> str:
    """Return why browser tests cannot run; empty if they can."""
    try:
        with chromium():
            return ""
    except NoBrowserError as error:
        return str(error)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip browser tests where there is no browser, before results are driven for them."""
    if "page" in getattr(item, "fixturenames", ()) and (reason := _why_no_browser()):
        pytest.skip(reason)


@pytest.fixture(scope="session")
def driven_results(tmp_path_factory: pytest.TempPathFactory) -> DrivenResults:
    """Results of a careless evaluation; driven once for all workers of pytest."""
    if TOWN not in installed_towns():
        pytest.skip(f"{TOWN} is not installed (lead towns install {TOWN})")
    return DrivenResults.below(shared(_common(tmp_path_factory) / "driven", drive_careless))


@pytest.fixture(scope="session")
def compared_results(driven_results: DrivenResults, tmp_path_factory: pytest.TempPathFactory) -> DrivenResults:
    """The same results, and those of a careful evaluation beside them."""
    folder = _common(tmp_path_factory) / "compared"
    return DrivenResults.below(shared(folder, lambda root: drive_careful(root, driven_results)))


def _common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all workers of pytest share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def driven_copy(driven_results: DrivenResults, tmp_path: Path) -> DrivenResults:
    """The same results, for a test that writes among them."""
    return DrivenResults.below(Path(shutil.copytree(driven_results.root, tmp_path / "driven")))


@pytest.fixture(scope="session")
def public_tree(tmp_path_factory: pytest.TempPathFactory) -> PublicTree:
    """Results in the public format, with videos whose frames show their numbers."""
    return write_public_tree(tmp_path_factory.mktemp("public"))


@pytest.fixture
def start_dashboard(tmp_path: Path) -> Iterator[StartDashboard]:
    """Start ``lead webapp`` for one test: ``start_dashboard(folder, "--read-only")``."""
    with ExitStack() as stack:
        count = 0

        def start(root: Path, *options: str) -> Dashboard:
            nonlocal count
            count += 1
            return stack.enter_context(Dashboard(root, tmp_path / f"webapp-{count}.log", *options))

        yield start


@pytest.fixture(scope="session")
def driven_dashboard(driven_results: DrivenResults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of :func:`driven_results`."""
    with Dashboard(driven_results.root, tmp_path_factory.mktemp("driven-webapp") / "webapp.log") as dashboard:
        yield dashboard


@pytest.fixture(scope="session")
def compared_dashboard(
    compared_results: DrivenResults, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """The dashboard of :func:`compared_results`."""
    with Dashboard(compared_results.root, tmp_path_factory.mktemp("compared-webapp") / "webapp.log") as dashboard:
        yield dashboard


@pytest.fixture(scope="session")
def public_dashboard(public_tree: PublicTree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of :func:`public_tree`."""
    with Dashboard(public_tree.root, tmp_path_factory.mktemp("public-webapp") / "webapp.log") as dashboard:
        yield dashboard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of one file: playwright's event loop would disturb tests of other files."""
    with chromium() as running:
        yield running


@pytest.fixture
def viewport() -> tuple[int, int]:
    """Width and height of the page in pixels; parametrise a test to change it."""
    return (1280, 800)


@pytest.fixture
def colour_scheme() -> str:
    """What the system prefers, "light" or "dark"; parametrise a test to change it."""
    return "light"


@pytest.fixture
def page(browser: Browser, viewport: tuple[int, int], colour_scheme: str) -> Iterator[Page]:
    """An empty page of a browser without history."""
    width, height = viewport
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if colour_scheme == "dark" else "light",
        accept_downloads=True,
        locale="en-GB",
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def page_watch(page: Page) -> PageWatch:
    """What goes wrong in the page; to expect something say ``page_watch.allow(pattern)``."""
    return PageWatch(page)


@pytest.fixture(autouse=True)
def _nothing_goes_wrong_in_the_page(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail every browser test whose page had problems that it did not expect."""
    watch = request.getfixturevalue("page_watch") if "page" in request.fixturenames else None
    yield
    if watch is not None:
        unexpected = watch.unexpected()
        assert not unexpected, "the page had problems:\n" + "\n".join(unexpected)
