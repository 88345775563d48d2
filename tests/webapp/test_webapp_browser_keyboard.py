"""Everything by keyboard: every key of the help table, and a walk with Tab, Enter and arrows."""

import shutil

import pytest
from browser_support import downloaded, open_page, wait_for, wait_until_ready
from page_actions import PLAYS, VIDEO, address, enter, open_route, pressed, route_titles, texts, wait_for_frame

pytestmark = pytest.mark.slow

ROUTE = "RouteScenario_1711_rep0"


@pytest.fixture
def own_tree(public_tree, tmp_path):
    """The first evaluation alone, to write a clip into."""
    return shutil.copytree(public_tree.first, tmp_path / "own" / "tree")


@pytest.fixture
def opened(page, own_tree, start_dashboard):
    open_route(page, start_dashboard(own_tree), dir=".", route=ROUTE, time=5.0)
    wait_for_frame(page, 100)
    page.locator("#main").focus()
    return page


def focused(page):
    return page.evaluate(
        "document.activeElement.id || document.activeElement.dataset.route || document.activeElement.className"
    )


def test_every_key_of_the_help_does_what_it_says(opened, tmp_path):
    page, keys = opened, opened.keyboard
    listed = page.locator("#help-keys kbd").all_text_contents()
    done = set()

    def press(*names):
        for name in names:
            done.add(
                {
                    "Shift+ArrowLeft": "shift + ←",
                    "Shift+ArrowRight": "shift + →",
                    "ArrowLeft": "←",
                    "ArrowRight": "→",
                    "Space": "space",
                }.get(name, name)
            )
            keys.press(name)

    for names, frame in (
        (["ArrowLeft"], 80),
        (["Shift+ArrowLeft"], 0),
        (["Shift+ArrowRight"], 100),
        (["ArrowRight"], 120),
        ([","], 119),
        (["."], 120),
    ):
        press(*names)
        wait_for_frame(page, frame)
    press("v")
    wait_for(page, f"{VIDEO}.src.includes('/video/demo')")
    wait_for_frame(page, 120)
    press("+")
    assert pressed(page, "speeds") == ["2"]
    press("-", "-")
    assert pressed(page, "speeds") == ["0.5"]
    press("Space")
    wait_for(page, PLAYS)
    press("Space")
    wait_for(page, f"{VIDEO}.paused")
    press("n")
    assert address(page, infraction="201")
    press("p")
    assert address(page, infraction="101")
    page.evaluate(f"{VIDEO}.pause()")
    enter(page, "frame", "20")
    wait_for_frame(page, 20)
    page.locator("#main").focus()
    press("i")
    enter(page, "frame", "29")
    wait_for_frame(page, 29)
    page.locator("#main").focus()
    press("o")
    assert downloaded(page, lambda: press("c"), tmp_path).name == "1711_demo_1-1.5s.mp4"
    press("f")
    assert not page.locator("#map-follow").is_checked()
    press("w")
    assert page.locator("#wide").get_attribute("aria-pressed") == "true"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press("l")
    wait_for(page, "document.querySelector('#toast').innerText === 'The link is copied.'")
    press("d")
    assert page.locator("html").get_attribute("data-theme") == "light"
    press("/")
    assert focused(page) == "filter-text"
    keys.type("n171")  # letters are text there, not commands
    assert page.locator("#filter-text").input_value() == "n171"
    keys.press("Escape")
    page.locator("#clear-filters").click()
    press("]")
    assert address(page, route="RouteScenario_1773_rep0")
    press("[")
    assert address(page, route=ROUTE)
    for name, view in (("2", "scores"), ("3", "compare"), ("1", "player")):
        press(name)
        wait_for(page, f"!document.querySelector('#view-{view}').hidden")
        assert texts(page, "#tabs [aria-current=page]") == [view.capitalize()]
    press("?")
    assert page.locator("#help-dialog").is_visible()
    keys.press("n")  # nothing happens behind it
    keys.press("Escape")
    assert page.locator("#help-dialog").is_hidden()
    press("h")
    wait_for(page, "!document.querySelector('#view-home').hidden")
    keys.press("/")
    assert focused(page) == "filter-evaluations"
    assert done == set(listed)
    wait_until_ready(page)


def test_a_walk_from_the_start_page_to_an_infraction(page, public_dashboard):
    open_page(page, public_dashboard.url)
    keys = page.keyboard

    def tab_to(wanted, limit=60):
        for _ in range(limit):
            keys.press("Tab")
            if page.evaluate(f"document.activeElement.matches({wanted!r})"):
                # Whoever walks must see where they are.
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"Tab never reaches {wanted}")

    tab_to("#filter-evaluations")
    keys.type("0911")
    tab_to(".evaluation")
    keys.press("Enter")
    wait_for(page, "document.querySelectorAll('#routes .route').length === 4")
    wait_until_ready(page)
    keys.press("/")
    keys.press("ArrowDown")
    assert focused(page) == ROUTE
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    assert focused(page) == "2082"
    for _ in range(3):
        keys.press("ArrowUp")
    assert focused(page) == "filter-text"
    keys.press("ArrowDown")
    keys.press("Enter")
    wait_for(page, f"{VIDEO}.readyState >= 2")
    tab_to("#video-choice button")
    tab_to("#seek")
    keys.press("ArrowRight")
    wait_for_frame(page, 20)
    tab_to("#play")
    keys.press("Enter")
    wait_for(page, PLAYS)
    keys.press("Space")  # presses the button that has the focus
    wait_for(page, f"{VIDEO}.paused")
    tab_to("#time")
    keys.type("0:08")
    keys.press("Enter")
    wait_for_frame(page, 160)
    tab_to("#offsets [data-value='1']")
    keys.press("Enter")
    tab_to(".infraction .jump")
    tab_to(".infraction .jump")
    keys.press("Enter")
    assert address(page, infraction="101", offset="1")
    wait_for(page, PLAYS)
    tab_to("#map-follow")
    keys.press("Space")
    assert not page.locator("#map-follow").is_checked()


def test_space_plays_after_a_click_with_the_mouse(page, public_dashboard, public_tree):
    open_route(page, public_dashboard, dir=public_tree.relative(public_tree.first), route="RouteScenario_1773_rep0")
    page.locator(f"#routes [data-route='{ROUTE}']").click()
    wait_for(page, f"{VIDEO}.src.includes('1711') && {VIDEO}.readyState >= 2")
    page.keyboard.press("Space")
    wait_for(page, PLAYS)
    page.locator("#speeds [data-value='2']").click()
    page.keyboard.press("Space")
    wait_for(page, f"{VIDEO}.paused")
    assert pressed(page, "speeds") == ["2"]


def test_player_keys_do_nothing_elsewhere(page, public_dashboard, public_tree):
    open_route(page, public_dashboard, dir=public_tree.relative(public_tree.first), route=ROUTE)
    page.locator("#tab-scores").click()
    wait_for(page, "document.querySelector('#score-tables table')")
    page.locator("#main").focus()
    for key in ("Space", "n", "v", "c", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_timeout(100)
    assert page.evaluate(f"{VIDEO}.paused")
    assert page.locator("#toast").is_hidden()
    assert address(page, view="scores", infraction=None, video=None)
    assert route_titles(page) == ["1711", "1773", "2082", "2091"]
