"""What the browser tests do again and again in the page of the dashboard."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser_support import READ_FRAME, Dashboard, has_h264, open_page, wait_for
from public_results import BITS, CELLS_HEIGHT, HEIGHT, WIDTH

from lead.visualization.video import ffmpeg_path

if TYPE_CHECKING:
    from playwright.sync_api import Page

VIDEO = "document.querySelector('#video')"
STANDS = f"{VIDEO}.readyState >= 2 && !{VIDEO}.seeking"
READ_SHOWN = f"({READ_FRAME})([{BITS}, {CELLS_HEIGHT}])"
WATCH_JUMPS = f"""() => {{
  const video = {VIDEO};
  const isWatched = Boolean(window.jumps);
  window.jumps = [];
  if (isWatched) return;
  video.addEventListener("seeking", () => window.jumps.push({{ time: video.currentTime, frame: null }}));
  video.addEventListener("seeked", () => video.requestVideoFrameCallback(() => {{  // before, an old frame may stand
    Object.assign(window.jumps.at(-1), {{ frame: {READ_SHOWN}, late: video.currentTime - window.jumps.at(-1).time }});
  }}));
}}"""
PLAYS = f"!{VIDEO}.paused && {VIDEO}.currentTime > 0"


def open_route(page: Page, dashboard: Dashboard, **query: str | int | float) -> None:
    """Open a route that has a video and wait until a frame of it stands."""
    open_page(page, dashboard.link(**query))
    if not has_h264(page):
        pytest.skip("this Chromium plays no H.264")
    wait_for(page, STANDS)


def wait_for_frame(page: Page, frame: int) -> None:
    """Wait until the frame with a number, of a video of ``public_results``, is on the screen and said to be."""
    wait_for(page, f"{STANDS} && {READ_SHOWN} === {frame}", 20.0)
    wait_for(page, f"document.querySelector('#frame').value === '{frame}'", 20.0)


def wait_for_place(page: Page, frame: int, step: int) -> None:
    """Wait until the fields name a frame and a step; for videos whose frames carry no number."""
    condition = f"document.querySelector('#frame').value === '{frame}' && document.querySelector('#step').value"
    wait_for(page, f"{condition} === '{step}'", 20.0)


def enter(page: Page, field: str, text: str) -> None:
    """Type into a field and press Enter."""
    page.locator(f"#{field}").fill(text)
    page.locator(f"#{field}").press("Enter")


def jump(page: Page, selector: str) -> tuple[float, int, float]:
    """Click on something that jumps and plays on.

    Returns:
        The time asked for, the number of the frame that was first seen there, and how long after it was read, in
        seconds of the video: it plays, and a busy machine reads late.
    """
    page.evaluate(WATCH_JUMPS)
    page.locator(selector).first.click()
    wait_for(page, f"window.jumps.length && window.jumps.at(-1).frame !== null && {PLAYS}", 20.0)
    landed = page.evaluate("window.jumps[0]")
    page.evaluate(f"{VIDEO}.pause()")
    return landed["time"], landed["frame"], landed["late"]


ANY = "any"


def address(page: Page, **wanted: str | None) -> dict[str, str]:
    """Wait until the address has some parameters and return all; None: has them not, ANY: has some value."""
    for _ in range(200):
        found = {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}
        if all(found.get(key) == (found.get(key, "none") if value == ANY else value) for key, value in wanted.items()):
            return found
        page.wait_for_timeout(25)
    raise AssertionError(f"the address {page.url} never had {wanted}")


def texts(page: Page, selector: str) -> list[str]:
    """Return the texts of the visible elements of a selector, lines joined by blanks."""
    found = page.locator(selector).locator("visible=true").all_inner_texts()
    return [" ".join(text.split()) for text in found]


def route_titles(page: Page) -> list[str]:
    """Return the titles of the routes that the sidebar shows, in order."""
    return texts(page, "#routes .route .name")


def pressed(page: Page, group: str) -> list[str]:
    """Return the values (of the filter of kinds: the kinds) of the pressed buttons of a group."""
    buttons = page.locator(f"#{group} button[aria-pressed=true]")
    values: list[str] = buttons.evaluate_all("all => all.map((each) => each.dataset.value ?? each.dataset.kind)")
    return values


def table(page: Page, title: str) -> list[list[str]]:
    """Return the texts of a table by its heading, the columns' names first."""
    script = """(title) => [...document.querySelectorAll(".table-box")]
      .filter((box) => box.querySelector("h2").textContent === title)
      .flatMap((box) => [...box.querySelectorAll("tr")])
      .map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
    rows: list[list[str]] = page.evaluate(script, title)
    return rows


def numbers_in(video: Path) -> list[int]:
    """Decode a video made of frames of ``public_results`` and return the number of every frame."""
    command = [ffmpeg_path(), "-loglevel", "error", "-i", str(video), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    frames = np.frombuffer(data, np.uint8).reshape(-1, HEIGHT, WIDTH)
    columns = [round((bit + 0.5) * WIDTH / BITS) for bit in range(BITS)]
    return [
        sum(1 << bit for bit, white in enumerate(row > 127) if white) for row in frames[:, CELLS_HEIGHT // 2, columns]
    ]


def canvas_colour(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """Return the colour of the map's canvas at a place in CSS pixels from its corner."""
    script = """([x, y]) => {
      const map = document.querySelector("#map");
      const ratio = map.width / map.clientWidth;
      const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
      copy.drawImage(map, -Math.round(x * ratio), -Math.round(y * ratio));
      return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }"""
    red, green, blue = page.evaluate(script, [x, y])
    return red, green, blue


def css_colour(page: Page, name: str) -> tuple[int, int, int]:
    """Return a colour of the page's style by the name of its custom property."""
    script = """(name) => {
      const probe = document.createElement("i");
      probe.style.color = `var(${name})`;
      document.body.append(probe);
      const color = getComputedStyle(probe).color;
      probe.remove();
      return color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    }"""
    red, green, blue = page.evaluate(script, name)
    return red, green, blue


def state_of(page: Page, selector: str) -> dict[str, Any]:
    """Return the box of an element in CSS pixels."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, f"{selector} is not shown"
    return dict(box)
