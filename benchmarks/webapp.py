"""Measure the dashboard: opening an evaluation of 1,000 routes, filtering them, answers of the server, seeking.

Run from the project root: ``python benchmarks/webapp.py [--quick] [--json FILE]``. Everything is what a person has: the
``lead webapp`` process and a real Chromium, with times taken in the page. It needs a Chromium, see ``make browser``.
The operating system's file cache is warm in all figures; a cold server is one that was just started.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
from common import parse_options, report

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "webapp"))

from browser_support import Dashboard, chromium, open_page, wait_for

from lead.scoring.endpoint import endpoint, route_endpoint
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import profile
from lead.scoring.provenance import Provenance, checkpoint_block
from lead.scoring.records import RouteLabels, RouteRecord, RouteRun, route_record
from lead.visualization.video import VideoWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

COUNT = 1000
WITH_INFRACTIONS = 5
"""Every fifth route has some."""
PROFILE = profile("bench2drive")
EVALUATION = "model/bench2drive_0"
SCENARIOS = ("Accident", "CutIn", "ParkedObstacle", "StaticCutIn", "PedestrianCrossing", "SignalizedJunctionLeftTurn")
TOWNS = ("Town01", "Town03", "Town05", "Town12", "Town13")
MISTAKES = (
    (EventType.COLLISION_VEHICLE, "CollisionTest", "Agent hit an object of type=vehicle.audi.tt with id={n}"),
    (EventType.COLLISION_PEDESTRIAN, "CollisionTest", "Agent hit an object of type=walker.pedestrian.0007 with id={n}"),
    (EventType.TRAFFIC_LIGHT_INFRACTION, "RunningRedLightTest", "Agent passed the red light {n}"),
    (EventType.STOP_INFRACTION, "RunningStopTest", "Agent passed the stop sign {n}"),
)
WORD = "pedestrian.0007"
"""Text that only messages of collisions with pedestrians hold."""
KIND = "collision_vehicle"
LOG_ROWS = 120
VIDEO_SIZE = (1280, 720)
VIDEO_FPS = 20.0
SETTLE_S = 3.0
"""From the start of a server until a person has its page before them; results are read ahead meanwhile."""
SEED = 0

SHOWS = """
window.shows = (expected) => {
  // Only rows in sight are in the page: it must say how many routes there are, and show rows from edge to edge.
  const count = document.querySelector("#route-count")?.textContent;
  if (count !== (expected === COUNT ? "COUNT routes" : `${expected} of COUNT routes`)) return false;
  const list = document.querySelector("#routes");
  const { top, bottom } = list.getBoundingClientRect();
  const rows = [...list.querySelectorAll("li")].map((row) => [row, row.getBoundingClientRect()]);
  const inSight = rows.filter(([, box]) => box.bottom > top && box.top < bottom);
  const isRight = inSight.every(([row]) => row.ariaSetSize === String(expected) && row.innerText);
  const height = inSight.reduce((sum, [, box]) => sum + Math.min(box.bottom, bottom) - Math.max(box.top, top), 0);
  const needed = Math.min(bottom - top - 12, expected * (rows[0]?.[1].height ?? Infinity)); // 12: the list's padding
  return isRight && height >= needed - 2;
};
""".replace("COUNT", str(COUNT))
WATCH_OPENING = """
window.opened = new Promise((resolve) => {
  const look = () => {
    if (!window.shows(COUNT)) requestAnimationFrame(look);
    else requestAnimationFrame(() => requestIdleCallback(() => resolve(performance.now())));
  };
  requestAnimationFrame(look);
});
window.complete = new Promise((resolve) => {
  const look = () => {
    const isReady = document.body?.classList.contains("ready") && document.querySelector("#routes .route");
    if (isReady) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
WATCH_FILTER = """([type, expected]) => {
  window.measured = new Promise((resolve) => {
    const list = document.querySelector("#sidebar");
    let start = null;
    addEventListener(type, (event) => { start = event.timeStamp; }, { capture: true, once: true });
    const observer = new MutationObserver(() => {
      if (start === null || !window.shows(expected)) return;
      observer.disconnect();
      requestAnimationFrame(() => {
        const afterPaint = new MessageChannel();
        afterPaint.port1.onmessage = () => resolve(performance.now() - start);
        afterPaint.port2.postMessage(0);
      });
    });
    observer.observe(list, { subtree: true, childList: true, characterData: true, attributes: true });
  });
}"""
SCROLL_THROUGH = """async () => {
  const list = document.querySelector("#routes");
  const titles = new Map();
  list.scrollTop = 0;
  for (;;) {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (const name of list.querySelectorAll(".name")) {
      titles.set(Number(name.closest("li").ariaPosInSet), name.textContent);
    }
    if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) break;
    list.scrollTop += list.clientHeight;
  }
  return [...titles].sort(([a], [b]) => a - b);
}"""
"""Look at every row: title by place, from 1."""
WATCH_SCROLL = """([title]) => new Promise((resolve) => {
  const list = document.querySelector("#routes");
  const start = performance.now();
  const look = () => {
    if (list.querySelector("li:last-child .name").textContent !== title) requestAnimationFrame(look);
    else requestAnimationFrame(() => resolve(performance.now() - start));
  };
  list.scrollTop = list.scrollHeight;
  requestAnimationFrame(look);
})"""
WATCH_SEEK = """([frame, fps]) => {
  window.measured = new Promise((resolve) => {
    const video = document.querySelector("#video");
    let start = null;
    addEventListener("keydown", (event) => { start = event.timeStamp; }, { capture: true, once: true });
    const onFrame = (now, facts) => {
      if (start !== null && Math.round(facts.mediaTime * fps) === frame) resolve(performance.now() - start);
      else video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  });
}"""


@dataclass
class Tree:
    """An evaluation of many routes.

    Attributes:
        root: Folder to show.
        filmed: Stem of the route with a real video.
        frame_count: Frames of that video.
        with_word: Routes whose messages hold :data:`WORD`.
        with_any: Routes with an infraction that counts.
        titles_with_kind: Titles of those with an infraction of :data:`KIND`, in order.
    """

    root: Path
    filmed: str
    frame_count: int
    with_word: int = 0
    with_any: int = 0
    titles_with_kind: list[str] = field(default_factory=list)


def write_tree(root: Path, video_s: float) -> Tree:
    """Write results of :data:`COUNT` routes, as ``lead benchmark`` leaves them."""
    chance = random.Random(SEED)
    folder = root / EVALUATION
    tree = Tree(root, stem_of(0), round(video_s * VIDEO_FPS))
    dummy = root / "dummy.mp4"
    write_video(dummy, (64, 48), 10)
    records: list[RouteRecord] = []
    facts = Provenance(PROFILE.key, False, 1, "driven", 0, "embedded 0.9.16")
    for number in range(COUNT):
        stem, scenario, town = stem_of(number), chance.choice(SCENARIOS), chance.choice(TOWNS)
        mistakes = chance.sample(MISTAKES, chance.randint(1, 3)) if number % WITH_INFRACTIONS == 1 else []
        tree.with_any += bool(mistakes)
        tree.with_word += any(WORD in text for _, _, text in mistakes)
        if any(event is EventType.COLLISION_VEHICLE for event, _, _ in mistakes):
            tree.titles_with_kind.append(stem)
        route = folder / stem
        route.mkdir(parents=True)
        entries = write_infractions(route, mistakes, chance)
        labels = RouteLabels(f"{scenario}_1", None, f"RouteScenario_{stem}_rep0_{town}", town)
        events = [RouteEvent(event, message, {"percentage": 100.0}) for event, message in entries]
        events.append(RouteEvent(EventType.ROUTE_COMPLETION, "", {"route_completed": 100.0}))
        run = RouteRun(f"RouteScenario_{stem}_rep0", events, 212.0, 31.0, 95.0, labels=labels)
        records.append(route_record(run, number, PROFILE.penalties))
        write(folder / "eval" / f"{stem}.json", route_endpoint(records[-1], facts, ("sensor.camera.rgb",)))
        write_drive_log(route, stem, town, scenario)
        for kind in ("debug", "demo"):
            shutil.copyfile(dummy, route / f"{stem}_{kind}.mp4")
    write_video(folder / tree.filmed / f"{tree.filmed}_debug.mp4", VIDEO_SIZE, tree.frame_count)
    block = checkpoint_block(PROFILE.key, {record.route_id: facts for record in records})
    write(folder / "checkpoint_endpoint.json", endpoint(records, COUNT, lead=block))
    seeds = {stem_of(number): 0 for number in range(COUNT)}
    write(folder / "manifest.json", {"runs": [{"seeds": seeds, "routes": {}, "closed_loop": {}}]})
    dummy.unlink()
    return tree


def stem_of(number: int) -> str:
    """Name of a route's folder."""
    return str(1700 + number)


def write_infractions(
    route: Path, mistakes: list[tuple[EventType, str, str]], chance: random.Random
) -> list[tuple[EventType, str]]:
    """Write the infractions of one route; return event and message of those that its result holds."""
    rows, events = [], []
    slow = "Average speed is {n}% of the surrounding traffic's one"
    all_of_them = [*mistakes, *[(EventType.MIN_SPEED_INFRACTION, "MinSpeedTest", slow)] * 4]
    for index, (event, criterion, text) in enumerate(all_of_them):
        step, message = 40 + 60 * index, text.format(n=chance.randint(40, 400))
        if event is not EventType.MIN_SPEED_INFRACTION:
            message += " at (x=88.411, y=270.287, z=0.0)"
        row = {"step": step, "infraction": criterion, "frame": step + 14, "message": message}
        rows.append({**row, "event_type": event.name, "meters_travelled": 0.4 * step})
        events.append((event, message))
    row = {"step": 620, "infraction": "RouteCompletionTest", "frame": 634, "event_type": "ROUTE_COMPLETION"}
    rows.append({**row, "message": "Agent has completed 100.0 of the route", "meters_travelled": 212.0})
    write(route / "infractions.json", {"video_fps": VIDEO_FPS, "ticks_per_frame": 1, "infractions": rows})
    return events


def write_drive_log(route: Path, stem: str, town: str, scenario: str) -> None:
    """Write what was driven, straight on."""
    line = [[round(0.5 * n, 2), 10.0] for n in range(200)]
    head = {"version": 1, "town": town, "route_id": stem, "scenarios": [scenario], "tick_s": 0.05, "ticks_per_row": 2}
    rows = [{**head, "ego_half_size_m": [2.45, 0.92], "route": line}]
    for n in range(LOG_ROWS):
        row = {"step": 2 * n + 1, "frame": 2 * n + 15, "t": round(0.1 * n, 2), "ego": [0.8 * n, 10.0, 0.0, 8.0]}
        rows.append({**row, "control": [0.0, 0.4, 0.0], "driven_m": 0.8 * n, "percent": 0.3 * n, "penalty": 1.0})
    (route / "drive_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_video(path: Path, size: tuple[int, int], count: int) -> None:
    """Write a finished video of a picture that moves."""
    width, height = size
    noise = np.random.default_rng(SEED).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    picture = np.ascontiguousarray(noise.repeat(8, axis=0).repeat(8, axis=1))
    with VideoWriter(path, width, height, VIDEO_FPS, preset="ultrafast") as writer:
        for number in range(count):
            writer.write(np.roll(picture, 4 * number, axis=1))


def write(path: Path, content: object) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4))


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has never seen the dashboard."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(SHOWS)
    yield page
    context.close()


def measure_opening(browser: Browser, dashboard: Dashboard) -> tuple[float, float]:
    """Seconds from the navigation's start until the list is shown and the page idle, and until all of it is there."""
    with new_page(browser) as page:
        page.add_init_script(WATCH_OPENING.replace("COUNT", str(COUNT)))
        page.goto(dashboard.link(dir=EVALUATION))
        return page.evaluate("window.opened") / 1000.0, page.evaluate("window.complete") / 1000.0


def measure_routes(dashboard: Dashboard) -> tuple[float, int]:
    """Milliseconds of one answer with all routes, and its size on the wire in bytes."""
    address = f"{dashboard.url}api/routes?{urlencode({'dir': EVALUATION})}"
    started_s = time.perf_counter()
    with urlopen(Request(address, headers={"Accept-Encoding": "gzip"}), timeout=60.0) as answer:
        size = len(answer.read())
    return 1000.0 * (time.perf_counter() - started_s), size


def measure_filters(page: Page, tree: Tree, repeats: int) -> dict[str, list[float]]:
    """Milliseconds from the key or click until the list shows the result, by filter."""
    times: dict[str, list[float]] = {"text": [], "clear": [], "kind": [], "no_kind": [], "only": [], "all": []}

    def act(name: str, event: str, expected: int, action: Callable[[], object]) -> None:
        page.evaluate(WATCH_FILTER, [event, expected])
        action()
        times[name].append(page.evaluate("window.measured"))

    text, box = page.locator("#filter-text"), page.locator("#filter-infractions")
    chip = page.locator(f'#filter-kinds button[data-kind="{KIND}"]')
    for _ in range(repeats):
        text.focus()
        act("text", "input", tree.with_word, lambda: page.keyboard.insert_text(WORD))
        text.select_text()
        act("clear", "input", COUNT, lambda: page.keyboard.press("Delete"))
        act("kind", "click", len(tree.titles_with_kind), chip.click)
        act("no_kind", "click", COUNT, chip.click)
        act("only", "click", tree.with_any, box.click)
        act("all", "click", COUNT, box.click)
    return times


def check_rows(page: Page, tree: Tree) -> None:
    """Scroll through the list, all routes and those of one kind, and look at every row.

    Raises:
        AssertionError: If one is missing, twice there or at the wrong place.
    """
    chip = page.locator(f'#filter-kinds button[data-kind="{KIND}"]')
    for titles in ([stem_of(number) for number in range(COUNT)], tree.titles_with_kind):
        found = page.evaluate(SCROLL_THROUGH)
        assert found == [[place, title] for place, title in enumerate(titles, 1)], found
        chip.click()


def measure_scrolls(page: Page, repeats: int) -> list[float]:
    """Milliseconds from a jump to the end of the list of all routes until its last row is drawn."""
    times = []
    for _ in range(repeats):
        page.evaluate("() => { document.querySelector('#routes').scrollTop = 0; }")
        page.wait_for_timeout(100.0)
        times.append(page.evaluate(WATCH_SCROLL, [stem_of(COUNT - 1)]))
    return times


def measure_seeks(page: Page, tree: Tree, repeats: int) -> list[float]:
    """Milliseconds from the key until a frame typed in is shown, forwards and backwards through the video."""
    chance = random.Random(SEED)
    wait_for(page, "document.querySelector('#video').readyState >= 2")
    times = []
    for _ in range(repeats):
        frame = chance.randrange(1, tree.frame_count - 1)
        page.locator("#frame").fill(str(frame))
        page.evaluate(WATCH_SEEK, [frame, VIDEO_FPS])
        page.keyboard.press("Enter")
        times.append(page.evaluate("window.measured"))
    return times


def measure(browser: Browser, tree: Tree, scratch: Path, repeats: int) -> dict[str, tuple[float, str]]:
    """Measure everything."""
    cold_answers, cold_openings, settled_openings = [], [], []
    for number in range(repeats):
        with Dashboard(tree.root, scratch / f"answers-{number}.log") as dashboard:
            cold_answers.append(measure_routes(dashboard)[0])
        with Dashboard(tree.root, scratch / f"openings-{number}.log") as dashboard:
            cold_openings.append(measure_opening(browser, dashboard))
        with Dashboard(tree.root, scratch / f"settled-{number}.log") as dashboard:
            time.sleep(SETTLE_S)
            settled_openings.append(measure_opening(browser, dashboard))
    with Dashboard(tree.root, scratch / "warm.log") as dashboard:
        measure_routes(dashboard)
        warm_answers = [measure_routes(dashboard) for _ in range(3 * repeats)]
        warm_openings = [measure_opening(browser, dashboard) for _ in range(1 + repeats)][1:]
        with new_page(browser) as page:
            open_page(page, dashboard.link(dir=EVALUATION))
            filters = measure_filters(page, tree, 2 * repeats)
            scrolls = measure_scrolls(page, 2 * repeats)
            check_rows(page, tree)
            open_page(page, dashboard.link(dir=EVALUATION, route=tree.filmed, video="debug"))
            seeks = measure_seeks(page, tree, 4 * repeats)
    median = statistics.median
    rows = {}
    for name, openings, which in (
        ("", cold_openings, "new server, asked in the moment in which it can answer"),
        ("_settled", settled_openings, f"new server, {SETTLE_S:g} s after it started"),
        ("_warm", warm_openings, "server that knows them"),
    ):
        rows[f"open_1000{name}_s"] = (median(shown for shown, _ in openings), f"s until {COUNT} routes: {which}")
        rows[f"open_1000_tables{name}_s"] = (median(complete for _, complete in openings), "s until all tables, too")
    slowest = {name: median(values) for name, values in filters.items()}
    worst = max(slowest, key=lambda name: slowest[name])
    rows["filter_ms"] = (slowest[worst], f"ms from key or click to the next frame, slowest filter ({worst})")
    rows |= {f"filter_{name}_ms": (value, "ms") for name, value in slowest.items()}
    rows["filter_worst_ms"] = (max(max(values) for values in filters.values()), "ms, slowest of all")
    rows["scroll_ms"] = (median(scrolls), "ms from a jump to the end of the list until its last row is drawn")
    rows["api_routes_cold_ms"] = (median(cold_answers), "ms, first answer of /api/routes of a new server")
    rows["api_routes_warm_ms"] = (median(answer_ms for answer_ms, _ in warm_answers), "ms, further ones")
    rows["api_routes_kb"] = (warm_answers[-1][1] / 1000.0, "kB of that answer on the wire")
    width, height = VIDEO_SIZE
    rows["seek_ms"] = (median(seeks), f"ms from the key until a frame is shown, {width} x {height}, random frames")
    rows["load"] = (os.getloadavg()[0], f"processes that want one of the {os.cpu_count()} cores, mean of a minute")
    return rows


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "")
    repeats, video_s = (2, 10.0) if options.quick else (9, 60.0)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        tree = write_tree(Path(scratch) / "results", video_s)
        rows = measure(browser, tree, Path(scratch), repeats)
        report("Dashboard", rows, options.json, browser=browser.version)


if __name__ == "__main__":
    main()
