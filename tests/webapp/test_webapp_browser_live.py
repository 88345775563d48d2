"""Results that grow while the page is open: they appear by themselves, and nothing that one is doing is disturbed."""

import json
import os
import time

import pytest
from browser_support import has_h264, open_page, shown_frame, wait_for
from page_actions import PLAYS, STANDS, VIDEO, address, enter, route_titles, table, texts, wait_for_frame
from public_results import HEIGHT, WIDTH, entry, numbered_frame, record, result_file, write_json, write_numbered_video

from lead.visualization.video import VideoWriter

pytestmark = pytest.mark.slow

CAR = "Agent collided against object with type=vehicle.audi.tt and id=213 at (x=1.2, y=3.4, z=0.0)"
LIGHT = "Agent ran a red light 1234 at (x=4.5, y=6.7, z=0.1)"


class GrowingRoute:
    """A route that is being driven: a growing video, infractions and drive log, without a result."""

    def __init__(self, evaluation, name, has_video=True):
        self.folder = evaluation / name
        self.folder.mkdir(parents=True)
        self.entries, self.frames = [], 0
        self.writer = (
            VideoWriter(self.folder / f"{name}_debug.mp4", WIDTH, HEIGHT, 20.0, preset="ultrafast")
            if has_video
            else None
        )
        header = {"version": 1, "town": "", "route_id": name, "scenarios": [], "tick_s": 0.05, "ticks_per_row": 2}
        self.append_log(header | {"ego_half_size_m": [2.4, 1.0], "route": [[0.0, 0.0], [100.0, 0.0]]})
        self.rows = 0
        self.write_infractions()

    def append_log(self, row):
        with (self.folder / "drive_log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def write_infractions(self):
        write_json(
            self.folder / "infractions.json", {"video_fps": 20.0, "ticks_per_frame": 1, "infractions": self.entries}
        )

    def infraction(self, step, criterion, message, event):
        self.entries.append(entry(step, criterion, message, event, step))
        self.write_infractions()

    def drive(self, frames):
        """Go on: so many ticks, each a frame of the video."""
        for _ in range(frames):
            if self.writer is not None:
                self.writer.write(numbered_frame(self.frames))
            if self.frames % 2 == 0:
                ego = [0.25 * self.frames, 0.0, 0.0, 5.0]
                self.append_log(
                    {"step": self.frames + 1, "frame": self.frames, "t": 0.05 * self.frames, "ego": ego, "actors": []}
                )
            self.frames += 1

    def wait_for_video(self, bytes_at_least):
        path = self.folder / f"{self.folder.name}_debug.mp4"
        for _ in range(600):
            if path.exists() and path.stat().st_size > bytes_at_least and b"moof" in path.read_bytes():
                return path.stat().st_size
            time.sleep(0.05)
        raise AssertionError("the video does not grow")


@pytest.fixture
def evaluation(tmp_path):
    """An evaluation of which one route is done."""
    folder = tmp_path / "tree" / "agent" / "bench2drive_0"
    write_json(folder / "eval" / "1.json", result_file([record("1", 0, 100.0, 100.0)]))
    write_json(folder / "1" / "infractions.json", {"video_fps": 20.0, "infractions": []})
    write_numbered_video(folder / "1" / "1_demo.mp4", seconds=2.0)
    old = time.time() - 3600
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (old, old))
    return folder


def finish(evaluation, route, score, **messages):
    write_json(
        evaluation / "eval" / f"{route.folder.name}.json",
        result_file([record(route.folder.name, 1, score, 100.0, **messages)]),
    )


def test_routes_and_results_appear_and_the_focus_stays(page, evaluation, start_dashboard):
    open_page(page, start_dashboard(evaluation).link(dir="."))
    assert route_titles(page) == ["1"]
    assert page.locator("#live").is_hidden()
    page.locator("#routes .route").focus()
    route = GrowingRoute(evaluation, "2", has_video=False)
    route.infraction(21, "CollisionTest", CAR, "TrafficEventType.COLLISION_VEHICLE")
    wait_for(page, "document.querySelectorAll('#routes .route').length === 2")
    wait_for(page, "document.querySelector('#routes [data-route=\"2\"] .live')")
    assert page.evaluate("document.activeElement.dataset.route") == "1"
    assert texts(page, "#filter-kinds button") == ["Collision with vehicle 1"]
    page.locator("#filter-kinds button").click()
    page.locator("#filter-text").fill("2")
    wait_for(page, "!document.querySelector('#live').hidden")
    finish(evaluation, route, 60.0, collisions_vehicle=[CAR])
    wait_for(page, "document.querySelector('#routes [data-route=\"2\"]').innerText.includes('DS 60.0')")
    wait_for(page, "document.querySelector('#score-tiles').innerText.includes('80.00')")
    assert page.evaluate("document.activeElement.id") == "filter-text"
    assert address(page, q="2", kinds="collision_vehicle")
    assert route_titles(page) == ["2"]


def test_an_open_route_grows_without_disturbing_what_plays(page, evaluation, start_dashboard):
    route = GrowingRoute(evaluation, "2")
    try:
        route.drive(300)
        route.infraction(21, "CollisionTest", CAR, "TrafficEventType.COLLISION_VEHICLE")
        size = route.wait_for_video(0)
        open_page(page, start_dashboard(evaluation).link(dir=".", route="2"))
        if not has_h264(page):
            pytest.skip("this Chromium plays no H.264")
        wait_for(page, STANDS)
        route.write_infractions()
        wait_for(page, "!document.querySelector('#live').hidden")
        assert "being driven" in texts(page, "#route-badges .badge")
        enter(page, "frame", "20")
        wait_for_frame(page, 20)
        page.evaluate(
            f"const video = {VIDEO}; video.dataset.same = 'yes';"
            "video.addEventListener('emptied', () => { video.dataset.same = 'no'; });"
        )
        page.locator("#infractions .jump").focus()
        page.locator("#speeds [data-value='0.5']").evaluate("button => button.click()")
        page.evaluate(f"{VIDEO}.play()")
        wait_for(page, PLAYS)
        route.drive(300)
        route.infraction(201, "RunningRedLightTest", LIGHT, "TrafficEventType.TRAFFIC_LIGHT_INFRACTION")
        route.wait_for_video(size)
        wait_for(page, "document.querySelectorAll('#infractions .infraction').length === 2")
        wait_for(page, "document.querySelector('#newer') && !document.querySelector('#newer').hidden")
        assert page.evaluate("document.activeElement.closest('.infraction').dataset.step") == "21"
        assert page.evaluate(f"[{VIDEO}.dataset.same, {VIDEO}.paused]") == ["yes", False]
        page.evaluate(f"{VIDEO}.pause()")
        wait_for(page, STANDS)
        here = shown_frame(page)
        page.locator("#newer").click()
        wait_for(page, f"{VIDEO}.dataset.same === 'no' && {STANDS}")
        wait_for_frame(page, here)
        assert page.locator("#newer").is_hidden()
        page.locator("#infractions .jump").last.click()
        assert address(page, infraction="201")
        wait_for(page, PLAYS)
        page.evaluate(f"{VIDEO}.pause()")
        enter(page, "step", "201")
        wait_for_frame(page, 200)
        finish(evaluation, route, 36.0, collisions_vehicle=[CAR], red_light=[LIGHT])
        wait_for(page, "document.querySelector('#route-badges').innerText.includes('DS 36.00')")
        assert shown_frame(page) == 200
    finally:
        route.writer.close()


def test_a_replay_on_the_map_goes_on_as_the_drive_does(page, evaluation, start_dashboard):
    route = GrowingRoute(evaluation, "2", has_video=False)
    (route.folder / "drive_log.jsonl").rename(route.folder / "later")  # the log appears after the page was opened
    open_page(page, start_dashboard(evaluation).link(dir=".", route="2"))
    assert page.locator("#screen-note").is_visible()
    (route.folder / "later").rename(route.folder / "drive_log.jsonl")
    route.drive(41)
    wait_for(page, "document.querySelector('#seek').max === '40'")
    assert page.locator("#screen-note").is_hidden()
    assert page.locator("#screen #map").is_visible()
    enter(page, "step", "41")
    wait_for(page, "document.querySelector('#map').dataset.step === '41'")
    route.drive(60)
    wait_for(page, "document.querySelector('#seek').max === '100'")
    assert page.locator("#step").input_value() == "41"
    enter(page, "step", "101")
    wait_for(page, "document.querySelector('#map').dataset.step === '101'")


def test_a_comparison_follows_both_evaluations_and_keeps_order_and_focus(page, evaluation, start_dashboard):
    root = evaluation.parents[1]
    first = root / "before" / "bench2drive_0"
    write_json(first / "checkpoint_endpoint.json", result_file([record("1", 0, 80.0, 100.0)]))
    link = {"dir": "before/bench2drive_0", "view": "compare", "other": "agent/bench2drive_0"}
    open_page(page, start_dashboard(root).link(**link))
    assert [row[:6] for row in table(page, "Routes")[1:]] == [["1", "", "", "80.0", "100.0", "+20.00"]]
    page.locator("#comparison th button", has_text="route").first.click()
    page.locator("#comparison th button", has_text="route").first.click()
    page.locator("#comparison th button", has_text="route").first.focus()
    page.evaluate("() => { document.querySelector('#comparison table').dataset.same = 'yes'; }")
    page.wait_for_timeout(5000)  # two rounds without news
    assert page.locator("#comparison table[data-same]").count() == 1
    route = GrowingRoute(evaluation, "2", has_video=False)
    finish(evaluation, route, 60.0, collisions_vehicle=[CAR])
    wait_for(page, "document.querySelector('#comparison').innerText.includes('60.0')")
    assert [row[0] for row in table(page, "Routes")[1:]] == ["2", "1"]  # as sorted before
    assert page.evaluate("document.activeElement.dataset.column") == "title"
    write_json(
        first / "checkpoint_endpoint.json", result_file([record("1", 0, 80.0, 100.0), record("2", 1, 45.0, 100.0)])
    )
    wait_for(page, "document.querySelector('#comparison .tile').innerText.startsWith('2')")
    assert table(page, "Routes")[1][3:6] == ["45.0", "60.0", "+15.00"]


def test_the_start_page_lists_new_evaluations_and_keeps_the_focus(page, evaluation, start_dashboard):
    root = evaluation.parents[1]
    for name in ("a", "b"):
        write_json(root / name / "checkpoint_endpoint.json", result_file([record("1", 0, 100.0, 100.0)]))
    open_page(page, start_dashboard(root).url)
    page.locator("#filter-evaluations").fill("b")
    page.locator("#evaluations [data-path='b']").focus()
    GrowingRoute(root / "b2" / "bench2drive_0", "7", has_video=False)
    wait_for(page, "document.querySelector('#evaluations [data-path=\"b2/bench2drive_0\"] .live')")
    assert page.evaluate("document.activeElement.dataset.path") == "b"
    assert page.locator("#evaluations [data-path='a']").is_hidden()
