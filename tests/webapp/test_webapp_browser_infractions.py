"""Infractions in the page: the list, the marks on the time line, jumps before them, and filters."""

from itertools import product

import pytest
from browser_support import wait_for
from page_actions import ANY, STANDS, VIDEO, address, enter, jump, open_route, pressed, state_of, texts, wait_for_frame

ROUTE = "RouteScenario_1711_rep0"
FPS = 20
STEPS = (61, 101, 201)
LAST_FRAME = 239


@pytest.fixture
def opened(page, public_dashboard, public_tree):
    open_route(page, public_dashboard, dir=public_tree.relative(public_tree.first), route=ROUTE)
    return page


def item(step):
    return f"#infractions .infraction[data-step='{step}']"


def test_the_list_tells_when_where_and_what(opened):
    assert opened.locator("#infraction-count").inner_text() == "3"
    shown = texts(opened, "#infractions .infraction .jump")
    assert [text.split(" Agent")[0] for text in shown] == [
        "0:03.00 · step 61 · 21 m",
        "0:05.00 · step 101 · 33 m",
        "0:10.00 · step 201 · 60 m",
    ]
    assert "walker.pedestrian.0001" in shown[1]


def test_a_click_goes_to_the_chosen_time_before_and_plays(opened):
    opened.locator("#speeds [data-value='0.5']").click()
    for offset, step in product((0, 1, 3, 5), STEPS):
        opened.locator(f"#offsets [data-value='{offset}']").click()
        assert pressed(opened, "offsets") == [str(offset)]
        time, frame, late_s = jump(opened, f"{item(step)} .jump")
        wanted = max(0, step - 1 - offset * FPS)
        assert int(time * FPS + 1e-6) == wanted
        assert wanted <= frame <= wanted + 1 + late_s * FPS
        assert texts(opened, "#infractions .chosen")[0].split(" ·")[1] == f" step {step}"
        found = address(opened, infraction=str(step), time=ANY, offset=None if offset == 3 else str(offset))
        assert float(found["time"]) * FPS >= wanted  # where it was paused
        wait_for(opened, STANDS)


def test_the_nearest_is_highlighted_and_the_clicked_one_marked(opened):
    for frame, nearest in ((0, 61), (79, 61), (81, 101), (150, 101), (151, 201), (239, 201)):
        enter(opened, "frame", str(frame))
        wait_for_frame(opened, frame)
        wait_for(opened, f"document.querySelector('#infractions .nearest')?.dataset.step === '{nearest}'")
        assert opened.locator("#infractions .nearest").count() == 1
        assert opened.locator("#markers .nearest").count() == 1
        assert f"step {nearest}" in opened.locator("#markers .nearest").get_attribute("title")
    assert opened.locator("#infractions .chosen").count() == 0
    jump(opened, f"{item(61)} .jump")
    enter(opened, "frame", "200")
    wait_for(opened, "document.querySelector('#infractions .nearest')?.dataset.step === '201'")
    assert opened.locator("#infractions .chosen").get_attribute("data-step") == "61"


def test_marks_stand_over_their_frames_and_can_be_clicked(opened):
    slider = state_of(opened, "#seek")
    for index, step in enumerate(STEPS):
        mark = opened.locator("#markers button").nth(index)
        box = mark.bounding_box()
        thumb = slider["x"] + 8 + (slider["width"] - 16) * (step - 1) / LAST_FRAME
        assert box["x"] + box["width"] / 2 == pytest.approx(thumb, abs=1.0)
    time, *_ = jump(opened, "#markers button >> nth=1")
    assert int(time * FPS + 1e-6) == 40
    assert address(opened, infraction="101")


def test_filters_by_text_and_kind_hold_for_list_and_marks(opened):
    opened.locator("#infraction-text").fill("PEDESTRIAN")
    wait_for(opened, "document.querySelectorAll('#infractions .infraction').length === 1")
    assert opened.locator(item(101)).count() == opened.locator("#markers button").count() == 1
    assert opened.locator("#infraction-count").inner_text() == "1 of 5"
    opened.locator("#infraction-text").fill("no such words")
    wait_for(opened, "!document.querySelector('#infractions .infraction')")
    assert opened.locator("#infractions").inner_text() == "None matches the filters."
    opened.locator("#infraction-text").fill("")
    for kind in ("red_light", "min_speed"):
        opened.locator(f"#filter-kinds [data-kind={kind}]").click()
    wait_for(opened, "document.querySelectorAll('#infractions .infraction').length === 2")
    assert [text.split(" · ")[1] for text in texts(opened, "#infractions .jump")] == ["step 201", "step 221"]
    assert opened.locator("#markers button").count() == 2
    assert address(opened, kinds="red_light,min_speed")
    opened.locator("#clear-filters").click()
    wait_for(opened, "document.querySelectorAll('#infractions .infraction').length === 3")


def test_next_and_previous_go_from_the_one_chosen_or_from_here(opened):
    opened.locator("#main").focus()
    for key, step in (("n", 61), ("n", 101), ("n", 201), ("n", 201), ("p", 101), ("p", 61), ("p", 61)):
        opened.keyboard.press(key)
        address(opened, infraction=str(step))
        opened.evaluate(f"{VIDEO}.pause()")
        wait_for(opened, STANDS)
    for frame, key, step in ((150, "p", 101), (230, "p", 201), (90, "n", 101)):
        enter(opened, "frame", str(frame))
        wait_for_frame(opened, frame)
        opened.locator("#main").focus()
        opened.keyboard.press(key)
        address(opened, infraction=str(step))
        opened.evaluate(f"{VIDEO}.pause()")


def test_what_only_the_result_knows_is_listed_without_a_jump(page, driven_dashboard, driven_results):
    folder = driven_results.relative(driven_results.careless)
    open_route(page, driven_dashboard, dir=folder, route="straight", kinds="min_speed,collision_vehicle")
    wait_for(page, "document.querySelectorAll('#infractions .infraction').length > 3")
    last = page.locator("#infractions .infraction").last
    assert "known from the result only" in last.inner_text()
    assert last.locator(".jump").is_disabled()
    assert last.locator(".cut-one").count() == 0


def test_driven_mistakes_lie_on_the_frames_that_show_them(page, driven_dashboard, driven_results):
    folder = driven_results.relative(driven_results.careless)
    open_route(page, driven_dashboard, dir=folder, route="straight", offset=0)
    wanted = [(row["step"], row["message"]) for row in driven_results.mistakes("straight")]
    shown = page.locator("#infractions .infraction")
    assert [
        (int(each.get_attribute("data-step")), each.locator(".message").inner_text().strip()) for each in shown.all()
    ] == wanted
    for step, _ in wanted:
        time, *_ = jump(page, f"{item(step)} .jump")
        assert int(time) == (step - 1) // 20  # one frame a second, twenty steps a frame
