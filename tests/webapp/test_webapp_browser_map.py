"""The map: what is drawn where, how it follows and moves, clicks on it, and routes that are replayed on it."""

import json
import math

import pytest
from browser_support import open_page, wait_for
from driven_results import FRAME_FREQUENCY
from page_actions import (
    STANDS,
    VIDEO,
    address,
    canvas_colour,
    css_colour,
    enter,
    open_route,
    state_of,
    wait_for_place,
)

pytestmark = pytest.mark.slow

SCALE = 5.0  # pixels per metre while it follows
FIT_MARGIN_M = 40.0
COUNT = """([name, tolerance]) => {
  const map = document.querySelector("#map");
  const copy = new OffscreenCanvas(map.width, map.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(map, 0, 0);
  const data = copy.getImageData(0, 0, map.width, map.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (name.every((value, channel) => Math.abs(value - data[i + channel]) <= tolerance)) count += 1;
  }
  return count;
}"""


class Course:
    """The drive log of a route, and where the page must draw its places."""

    def __init__(self, page, route):
        lines = [json.loads(line) for line in (route / "drive_log.jsonl").read_text().splitlines()]
        self.page, self.header, self.rows = page, lines[0], {row["step"]: row for row in lines[1:]}
        self.centre, self.scale = None, SCALE

    def at(self, step):
        return self.rows[max(each for each in self.rows if each <= step)]

    def pixel(self, x, y, moved=(0.0, 0.0)):
        """Place on the canvas of a place in the world, from the canvas' corner."""
        box = state_of(self.page, "#map")
        return (
            box["width"] / 2 + (x - self.centre[0]) * self.scale + moved[0],
            box["height"] / 2 + (y - self.centre[1]) * self.scale + moved[1],
        )

    def follow(self, step):
        """Go to a step and expect the ego of that video frame in the middle."""
        enter(self.page, "step", str(step))
        shown = step - (step - 1) % FRAME_FREQUENCY["careless"]
        wait_for(self.page, f"document.querySelector('#map').dataset.step === '{shown}'")
        self.centre = self.at(shown)["ego"][:2]

    def mark(self, step, moved=(0.0, 0.0)):
        return self.pixel(*self.at(step)["ego"][:2], moved)


def looks_like(page, place, name):
    """Wait until the canvas has a colour at a place."""
    wanted = css_colour(page, name)
    for _ in range(100):
        found = canvas_colour(page, *place)
        if all(abs(a - b) <= 4 for a, b in zip(found, wanted, strict=True)):
            return True
        page.wait_for_timeout(30)
    raise AssertionError(f"{found} at {place}, not {name} {wanted}")


def count(page, name, tolerance=2):
    return page.evaluate(COUNT, [css_colour(page, name), tolerance])


def wait_for_count(page, name, is_expected):
    for _ in range(100):
        if is_expected(count(page, name)):
            return
        page.wait_for_timeout(30)
    raise AssertionError(f"{count(page, name)} pixels of {name}")


def press_map(page, place):
    box = state_of(page, "#map")
    page.mouse.click(box["x"] + place[0], box["y"] + place[1])


@pytest.fixture
def course(page, driven_dashboard, driven_results):
    folder = driven_results.careless
    open_route(page, driven_dashboard, dir=driven_results.relative(folder), route="straight", offset=0)
    wait_for(page, "document.querySelector('#map').dataset.step")
    return Course(page, folder / "straight")


def test_ground_ego_and_infractions_are_drawn_where_they_are(page, course, driven_results):
    page.locator("#map-predictions").uncheck()
    course.follow(1)
    x, y = course.centre
    half_length_m, half_width_m = course.header["ego_half_size_m"]
    assert looks_like(page, course.pixel(x, y), "--map-ego")
    assert looks_like(page, course.pixel(x, y - half_length_m + 0.4), "--map-ego")
    assert looks_like(page, course.pixel(x + half_width_m + 2.8, y), "--map-road")
    assert looks_like(page, course.pixel(x - 24.0, y), "--map-ground")
    assert looks_like(page, course.pixel(x + 0.5, y + 12.0), "--map-route")
    assert page.locator("#map-town").inner_text() == "Town01"
    kinds = {"CollisionTest": "--kind-collision_vehicle", "OutsideRouteLanesTest": "--kind-outside_lanes"}
    for at_step in (41, 91):
        course.follow(at_step)
        for row in driven_results.mistakes("straight"):
            place = course.mark(row["step"])
            box = state_of(page, "#map")
            if 0 < place[0] < box["width"] and 0 < place[1] < box["height"]:
                assert looks_like(page, place, kinds[row["infraction"]])
    # A filter takes the mark off the map.
    page.locator("#infraction-text").fill("vehicle.nissan")
    wait_for_count(page, "--kind-outside_lanes", lambda pixels: pixels == 0)
    page.locator("#infraction-text").fill("")


def test_actors_and_predictions_can_be_hidden(page, course):
    course.follow(21)
    _, x, y, *_ = course.at(21)["actors"][0]
    ego = course.at(21)["ego"]
    forward, left = course.at(21)["view"]["waypoints"][3]
    point = (
        ego[0] + forward * math.cos(ego[2]) - left * math.sin(ego[2]),
        ego[1] + forward * math.sin(ego[2]) + left * math.cos(ego[2]),
    )
    assert looks_like(page, course.pixel(*point), "--map-plan")
    assert count(page, "--map-plan") > 100
    page.locator("#map-predictions").uncheck()
    wait_for_count(page, "--map-plan", lambda pixels: pixels == 0)
    assert looks_like(page, course.pixel(x + 0.6, y + 0.3), "--map-vehicle")
    page.locator("#map-actors").uncheck()
    wait_for_count(page, "--map-vehicle", lambda pixels: pixels == 0)
    page.locator("#map-actors").check()
    page.locator("#map-predictions").check()
    wait_for_count(page, "--map-plan", lambda pixels: pixels > 100)


def test_it_follows_until_it_is_moved_and_zooms_where_the_mouse_is(page, course, driven_results):
    page.locator("#map-predictions").uncheck()
    course.follow(31)
    box = state_of(page, "#map")
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 20, middle[1] + 10)
    page.mouse.move(middle[0] + 40, middle[1] - 50)
    page.mouse.up()
    assert not page.locator("#map-follow").is_checked()
    assert looks_like(page, course.pixel(*course.centre, moved=(40, -50)), "--map-ego")
    enter(page, "step", "41")  # the view stays where it is
    wait_for_place(page, 2, 41)
    assert looks_like(page, course.mark(41, moved=(40, -50)), "--map-ego")
    (collision, _) = (row["step"] for row in driven_results.mistakes("straight"))
    place = course.mark(collision, moved=(40, -50))
    assert looks_like(page, place, "--kind-collision_vehicle")
    page.mouse.move(box["x"] + place[0], box["y"] + place[1])
    before = count(page, "--map-ego")
    page.mouse.wheel(0, 600)
    wait_for_count(page, "--map-ego", lambda pixels: 0 < pixels < before)
    assert looks_like(page, place, "--kind-collision_vehicle")
    page.locator("#map-follow").check()
    wait_for(page, "document.querySelector('#map-follow').checked")
    assert looks_like(page, (box["width"] / 2, box["height"] / 2 - 2), "--map-ego")
    # Everything at once.
    page.locator("#map-fit").click()
    assert not page.locator("#map-follow").is_checked()
    places = course.header["route"] + [row["ego"][:2] for row in course.rows.values()]
    (x0, x1), (y0, y1) = ((min(values), max(values)) for values in zip(*places, strict=True))
    course.centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    course.scale = min(box["width"] / (x1 - x0 + FIT_MARGIN_M), box["height"] / (y1 - y0 + FIT_MARGIN_M))
    for row in driven_results.mistakes("straight"):
        name = "--kind-collision_vehicle" if row["infraction"] == "CollisionTest" else "--kind-outside_lanes"
        assert looks_like(page, course.mark(row["step"]), name)


def test_clicks_jump_to_infractions_and_places(page, course, driven_results):
    page.locator("#map-fit").click()
    places = course.header["route"] + [row["ego"][:2] for row in course.rows.values()]
    (x0, x1), (y0, y1) = ((min(values), max(values)) for values in zip(*places, strict=True))
    box = state_of(page, "#map")
    course.centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    course.scale = min(box["width"] / (x1 - x0 + FIT_MARGIN_M), box["height"] / (y1 - y0 + FIT_MARGIN_M))
    for row in driven_results.mistakes("straight"):
        press_map(page, course.mark(row["step"]))
        assert address(page, infraction=str(row["step"]))
        wait_for(page, f"!{VIDEO}.paused")
        page.evaluate(f"{VIDEO}.pause()")
        wait_for(page, STANDS)
    press_map(page, course.mark(21))
    wait_for_place(page, 1, 21)
    assert page.evaluate(f"{VIDEO}.paused")


@pytest.fixture
def without_videos(driven_copy):
    for video in driven_copy.careless.glob("*/*.mp4"):
        video.unlink()
    return driven_copy.careless


def test_a_route_without_video_is_replayed_on_the_map(page, without_videos, start_dashboard):
    open_page(page, start_dashboard(without_videos).link(dir=".", route="straight", offset=1))
    wait_for(page, "document.querySelector('#map').dataset.step")
    assert page.locator("#screen #map").is_visible()
    assert page.locator("#video").is_hidden()
    assert page.locator("#clips").is_hidden()
    course = Course(page, without_videos / "straight")
    last = max(course.rows)
    enter(page, "step", "41")
    wait_for_place(page, 40, 41)
    course.centre = course.at(41)["ego"][:2]
    page.locator("#map-predictions").uncheck()
    wait_for(page, "document.querySelector('#map').dataset.step === '41'")
    assert looks_like(page, course.pixel(*course.centre), "--map-ego")
    page.locator("#infractions .jump").first.click()
    address(page, infraction="55")
    wait_for(page, "document.querySelector('#play').getAttribute('aria-label') === 'Pause'")
    wait_for(page, "Number(document.querySelector('#step').value) > 40")
    page.locator("#speeds [data-value='5']").click()
    wait_for(page, "document.querySelector('#play').getAttribute('aria-label') === 'Play'")  # at the end
    assert int(page.locator("#step").input_value()) in (last, last - 1)
    enter(page, "frame", "0")
    wait_for_place(page, 0, 1)


def test_the_way_comes_from_the_motion_file_if_there_is_no_log(page, without_videos, start_dashboard):
    (without_videos / "turn" / "drive_log.jsonl").unlink()
    open_page(page, start_dashboard(without_videos).link(dir=".", route="turn"))
    wait_for(page, "document.querySelector('#map').dataset.step")
    page.locator("#map-fit").click()
    wait_for_count(page, "--map-way", lambda pixels: pixels > 50)
    assert page.locator("#map-predictions-label").is_hidden()
