"""The player: every way to go somewhere shows exactly the frame asked for, as told by the number burnt into it."""

import pytest
from browser_support import has_h264, open_page, shown_frame, wait_for, wait_until_ready
from page_actions import (
    PLAYS,
    VIDEO,
    address,
    enter,
    open_route,
    pressed,
    state_of,
    texts,
    wait_for_frame,
    wait_for_place,
)

FRAMES = 240
FPS = 20


@pytest.fixture
def first(public_tree):
    return public_tree.relative(public_tree.first)


def values(page):
    return [page.locator(f"#{name}").input_value() for name in ("time", "frame", "step")]


def test_fields_go_to_exactly_what_is_typed(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0")
    for field, text, frame in (
        ("time", "0:05", 100),
        ("time", "5,25", 105),
        ("time", "0:02.99", 59),
        ("time", "0:03.00", 60),
        ("time", "9:00", FRAMES - 1),
        ("frame", "7", 7),
        ("frame", "99999", FRAMES - 1),
        ("step", "61", 60),
        ("step", "1", 0),
        ("step", "240", 239),
    ):
        enter(page, field, text)
        wait_for_frame(page, frame)
        minutes, seconds = divmod(frame / FPS, 60)
        page.locator("#main").focus()
        assert values(page) == [f"{minutes:.0f}:{seconds:05.2f}", str(frame), str(frame + 1)]


def test_a_text_that_is_no_place_is_marked_and_goes_nowhere(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0", time=2.0)
    for field, text in (("time", "soon"), ("time", "1:2:3:4"), ("frame", "-3"), ("frame", "1.5"), ("step", "")):
        enter(page, field, text)
        wait_for(page, f"document.querySelector('#{field}').classList.contains('wrong')")
        page.locator("#main").focus()
        assert page.locator(f"#{field}.wrong").count() == 0
        assert values(page) == ["0:02.00", "40", "41"]
    assert shown_frame(page) == 40


def test_a_video_of_every_second_tick_counts_steps_by_two(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1773_rep0")
    enter(page, "step", "81")
    wait_for_frame(page, 40)
    enter(page, "step", "82")
    wait_for_frame(page, 40)
    enter(page, "frame", "50")
    wait_for_frame(page, 50)
    page.locator("#main").focus()
    assert values(page) == ["0:05.00", "50", "101"]


def test_buttons_and_slider_move_by_what_they_say(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0", time=5.0)
    wait_for_frame(page, 100)
    frame = 100
    for selector, count in (
        ("[data-frames='1']", 1),
        ("[data-frames='-1']", -1),
        ("[data-frames='-1']", -1),
        ("[data-jump='1']", FPS),
        ("[data-jump='-1']", -FPS),
        ("[data-jump='-5']", -5 * FPS),
        ("[data-frames='-1']", -1),
        ("[data-jump='5']", 5 * FPS),
        ("[data-jump='5']", 5 * FPS),
        ("[data-jump='5']", 5 * FPS),
        ("[data-frames='1']", 1),
    ):
        page.locator(f"#controls {selector}").click()
        frame = min(max(frame + count, 0), FRAMES - 1)
        wait_for_frame(page, frame)
    page.locator("#seek").fill("123")
    wait_for_frame(page, 123)
    box = state_of(page, "#seek")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_for_frame(page, int(page.locator("#seek").input_value()))
    assert abs(shown_frame(page) - FRAMES / 2) <= 2


def test_every_speed_is_that_of_the_video_and_stays(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0")
    speeds = ("0.5", "1", "2", "3", "4", "5")
    assert texts(page, "#speeds button") == [f"{speed}\u00d7" for speed in speeds]
    for speed in speeds:
        page.locator(f"#speeds [data-value='{speed}']").click()
        assert page.evaluate(f"{VIDEO}.playbackRate") == float(speed)
        assert pressed(page, "speeds") == [speed]
    assert address(page, speed="5")
    page.locator("#video-choice [data-value='demo']").click()
    wait_for(page, f"{VIDEO}.readyState >= 2 && {VIDEO}.playbackRate === 5")
    page.locator("#routes [data-route='RouteScenario_1773_rep0']").click()
    wait_for(page, f"{VIDEO}.readyState >= 2 && {VIDEO}.playbackRate === 5 && {VIDEO}.src.includes('1773')")


def test_other_kinds_of_video_show_the_same_step(page, public_dashboard, first, driven_dashboard, driven_results):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0", time=7.5)
    assert texts(page, "#video-choice button") == pressed(page, "video-choice") + ["demo"] == ["debug", "demo"]
    wait_for_frame(page, 150)
    for kind in ("demo", "debug"):
        page.locator(f"#video-choice [data-value='{kind}']").click()
        wait_for(page, f"{VIDEO}.src.includes('/video/{kind}')")
        wait_for_frame(page, 150)
        assert pressed(page, "video-choice") == [kind]
    open_route(page, driven_dashboard, dir=driven_results.relative(driven_results.careless), route="straight")
    assert texts(page, "#video-choice button") == ["debug", "demo", "grid"]
    enter(page, "step", "61")
    wait_for_place(page, 3, 61)
    page.locator("#video-choice [data-value='grid']").click()
    wait_for(page, f"{VIDEO}.src.includes('/video/grid') && {VIDEO}.readyState >= 2")
    wait_for_place(page, 3, 61)


def test_play_pause_and_the_end(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="2082", speed=5)
    # Noted by the page itself: at this speed it is over before a busy machine may look.
    note = "() => { window.label = document.querySelector('#play').ariaLabel; }"
    page.evaluate(f"() => {VIDEO}.addEventListener('playing', {note})")
    page.locator("#play").click()
    wait_for(page, "window.label === 'Pause'")
    wait_for_frame(page, 59)  # the last one of three seconds
    wait_for(page, f"{VIDEO}.paused")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.locator("#speeds [data-value='0.5']").click()
    page.locator("#video").click()
    wait_for(page, f"{PLAYS} && {VIDEO}.currentTime < 2")  # from the beginning again
    page.locator("#video").click()
    wait_for(page, f"{VIDEO}.paused")
    here = shown_frame(page)
    page.wait_for_timeout(150)
    assert shown_frame(page) == here
    page.wait_for_timeout(400)  # the address is written at most every 350 ms
    assert float(address(page)["time"]) == pytest.approx(here / FPS, abs=0.06)


def test_a_route_opened_while_another_plays_begins_at_its_beginning(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0", time=6.0)
    page.locator("#play").click()
    wait_for(page, PLAYS)
    page.locator("#routes [data-route='RouteScenario_1773_rep0']").click()
    wait_for(page, f"{VIDEO}.src.includes('1773')")
    wait_until_ready(page)
    wait_for_frame(page, 0)
    assert "time" not in address(page, route="RouteScenario_1773_rep0")
    assert page.evaluate(f"{VIDEO}.paused")


def test_the_wide_video_takes_the_width(page, public_dashboard, first):
    open_route(page, public_dashboard, dir=first, route="RouteScenario_1711_rep0")
    narrow = state_of(page, "#screen")["width"]
    page.locator("#wide").click()
    assert state_of(page, "#screen")["width"] > 1.3 * narrow
    assert state_of(page, "#infraction-panel")["y"] > state_of(page, "#screen")["y"] + 300
    page.locator("#wide").click()
    assert state_of(page, "#screen")["width"] == narrow


def test_a_route_without_a_result_plays_and_says_what_is_wrong(page, public_dashboard, first):
    open_page(page, public_dashboard.link(dir=first, route="2091"))
    assert "infractions.json" in page.locator("#problems").inner_text()
    assert "no result" in texts(page, "#route-badges .badge")
    if has_h264(page):
        wait_for_frame(page, 0)
