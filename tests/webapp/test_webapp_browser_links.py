"""The address of the page: it reopens exactly what was shown, also with the browser's back and forward buttons."""

from urllib.parse import parse_qs, urlsplit

import pytest
from browser_support import has_h264, open_page, wait_for, wait_until_ready
from page_actions import (
    ANY,
    STANDS,
    VIDEO,
    address,
    enter,
    open_route,
    pressed,
    route_titles,
    texts,
    wait_for_frame,
)

ROUTE = "RouteScenario_1711_rep0"


@pytest.fixture
def first(public_tree):
    return public_tree.relative(public_tree.first)


def test_a_full_link_reopens_exactly_there(page, public_dashboard, first):
    query = {
        "dir": first, "route": ROUTE, "video": "demo", "infraction": 101, "time": 6.35, "speed": 3, "offset": 5,
        "q": "agent", "only": 1, "kinds": "collision_pedestrian,red_light", "sort": "score", "iq": "walker",
    }  # fmt: skip
    open_route(page, public_dashboard, **query)
    for _ in range(2):  # the second time by the link that the page gives
        wait_for_frame(page, 127)
        assert page.evaluate(f"[{VIDEO}.paused, {VIDEO}.playbackRate, {VIDEO}.src.includes('/video/demo')]") == [
            True,
            3,
            True,
        ]
        assert (pressed(page, "speeds"), pressed(page, "offsets"), pressed(page, "video-choice")) == (
            ["3"],
            ["5"],
            ["demo"],
        )
        assert pressed(page, "filter-kinds") == ["collision_pedestrian", "red_light"]
        assert [page.locator(f"#{name}").input_value() for name in ("filter-text", "infraction-text", "sort")] == [
            "agent",
            "walker",
            "score",
        ]
        assert page.locator("#filter-infractions").is_checked()
        assert route_titles(page) == ["1711"]
        assert page.locator("#infractions .infraction").count() == 1
        assert page.locator("#infractions .chosen").get_attribute("data-step") == "101"
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("#copy-link").click()
        wait_for(page, "document.querySelector('#toast').innerText === 'The link is copied.'")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert {key: values[0] for key, values in parse_qs(urlsplit(copied).query).items()} == {
            key: str(value) for key, value in query.items()
        }
        page.goto("about:blank")
        open_page(page, copied)
        wait_for(page, STANDS)


def test_an_infraction_alone_goes_to_the_time_before_it(page, public_dashboard, first):
    for offset, frame in ((None, 40), (0, 100), (1, 80)):
        open_route(
            page,
            public_dashboard,
            dir=first,
            route=ROUTE,
            infraction=101,
            **({} if offset is None else {"offset": offset}),
        )
        wait_for_frame(page, frame)
        assert page.evaluate(f"{VIDEO}.paused")


def test_back_and_forward_walk_through_what_was_open(page, public_dashboard, first):
    open_page(page, public_dashboard.url)
    if not has_h264(page):
        pytest.skip("this Chromium plays no H.264")
    page.locator(f"#evaluations [data-path='{first}']").click()
    address(page, dir=first)
    page.locator(f"#routes [data-route='{ROUTE}']").click()
    wait_for(page, f"{VIDEO}.src.includes('1711') && {STANDS}")
    enter(page, "frame", "50")
    wait_for_frame(page, 50)
    address(page, time=ANY)
    page.locator("#main").focus()
    page.keyboard.press("]")
    address(page, route="RouteScenario_1773_rep0", time=None)
    wait_for(page, f"{VIDEO}.src.includes('1773') && {STANDS}")
    page.locator("#filter-text").fill("no route has this")
    page.locator("#tab-scores").click()
    wait_for(page, "!document.querySelector('#view-scores').hidden")
    page.go_back()
    wait_for(page, "!document.querySelector('#view-player').hidden")
    assert address(page, route="RouteScenario_1773_rep0", q="no route has this", view=None)
    page.go_back()
    wait_for(page, f"{VIDEO}.src.includes('1711') && {STANDS}")
    wait_for_frame(page, 50)
    assert page.locator("#filter-text").input_value() == ""
    assert len(route_titles(page)) == 4
    page.go_back()
    wait_for(page, "document.querySelector('#route').hidden && !document.querySelector('#view-scores').hidden")
    page.go_back()
    wait_for(
        page,
        "document.querySelectorAll('#evaluations .evaluation').length === 3"
        " && document.body.classList.contains('home')",
    )
    for _ in range(4):
        page.go_forward()
    wait_for(page, "!document.querySelector('#view-scores').hidden")
    assert address(page, view="scores", route="RouteScenario_1773_rep0")
    assert page.locator("#filter-text").input_value() == "no route has this"
    wait_until_ready(page)


def test_a_filter_typed_just_before_a_step_does_not_spoil_the_next_address(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route=ROUTE)
    page.evaluate("""() => {
      const field = document.querySelector("#filter-text");
      for (const text of ["a", "ag", "age"]) { field.value = text; field.dispatchEvent(new Event("input")); }
      document.querySelector("[data-route='RouteScenario_1773_rep0']").click();
    }""")
    page.wait_for_timeout(500)  # longer than what waits to be written waits
    assert address(page, route="RouteScenario_1773_rep0", q="age")
    page.go_back()
    assert address(page, route=ROUTE, q="age")


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": "99", "offset": "2", "sort": "colour", "view": "cinema", "video": "nothing", "kinds": "nonsense,,"},
        {
            "speed": "",
            "offset": "",
            "time": "-5",
            "infraction": "many",
            "only": "maybe",
            "kinds": "<b>",
            "benchmark": "no",
        },
        {"time": "1e99", "infraction": "99999999", "unknown": "1"},
    ],
)
def test_wrong_values_are_ignored(page, public_dashboard, first, wrong):
    open_route(page, public_dashboard, dir=first, route=ROUTE, **wrong)
    wait_for_frame(page, 239 if wrong.get("time") == "1e99" else 0)
    assert (pressed(page, "speeds"), pressed(page, "offsets"), pressed(page, "video-choice")) == (
        ["1"],
        ["3"],
        ["debug"],
    )
    assert pressed(page, "filter-kinds") == []
    assert route_titles(page) == ["1711", "1773", "2082", "2091"]
    assert page.locator("#infractions .infraction").count() == 3
    assert page.locator("#problems").is_hidden()
    page.locator("#tab-scores").click()
    wait_for(page, "document.querySelector('#score-tables table')")
    assert page.locator("#benchmark").input_value() == ""


def test_what_is_not_there_is_said_in_one_sentence(page, public_dashboard, first, page_watch):
    page_watch.allow("404|403")
    page_watch.allow("console warning")
    for query in (
        {"dir": "no/such/evaluation"},
        {"dir": first, "route": "gone"},
        {"dir": "../.."},
        {"dir": first, "view": "compare", "other": "gone"},
    ):
        open_page(page, public_dashboard.link(**query))
        wait_for(page, "!document.querySelector('#problems').hidden")
        assert len(texts(page, "#problems p")) == 1
        page.locator("#home").click()
        wait_for(page, "document.querySelectorAll('#evaluations .evaluation').length === 3")
        wait_for(page, "document.querySelector('#problems').hidden")
