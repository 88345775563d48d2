"""Clips: cut in the page, downloaded by the browser, exact to the frame; and files that must be converted first."""

import shutil
import subprocess

import cv2
import pytest
from browser_support import downloaded, open_page, shown_frame, wait_for
from page_actions import (
    STANDS,
    VIDEO,
    enter,
    numbers_in,
    open_route,
    state_of,
    texts,
    wait_for_frame,
)
from public_results import numbered_frame

from lead.visualization.video import ffmpeg_path

ROUTE = "RouteScenario_1711_rep0"
WATCH_JOBS = """() => {
  window.seen = [];
  const jobs = document.querySelector("#clip-jobs");
  new MutationObserver(() => {
    const bar = jobs.querySelector("progress");
    if (bar) window.seen.push([jobs.innerText, bar.max]);
  }).observe(jobs, { childList: true, subtree: true });
}"""


@pytest.fixture
def own_tree(public_tree, tmp_path):
    """The first evaluation alone, to write clips into."""
    return shutil.copytree(public_tree.first, tmp_path / "own" / "tree")


@pytest.fixture
def opened(page, own_tree, start_dashboard):
    open_route(page, start_dashboard(own_tree), dir=".", route=ROUTE)
    return page


def clip_files(page):
    return texts(page, "#clip-files li a:first-child")


def test_clips_are_downloaded_with_exactly_their_frames_and_listed(opened, own_tree, tmp_path):
    opened.evaluate(WATCH_JOBS)
    opened.locator("#clip-buffer").fill("1.5")
    video = downloaded(opened, lambda: opened.locator("[data-step='101'] .cut-one").click(), tmp_path)
    assert numbers_in(video) == list(range(70, 130))
    assert video.name == "1711_debug_3.5-6.5s.mp4"
    text, most = opened.evaluate("window.seen[0]")
    assert "debug 0:03.50 to 0:06.50" in text and "cancel" in text and most == 1
    wait_for(opened, "!document.querySelector('#clip-jobs li')")
    wait_for(opened, "document.querySelectorAll('#clip-files li').length === 1")
    # Between marks that the buttons set: both frames shown are in the clip.
    enter(opened, "frame", "33")
    wait_for_frame(opened, 33)
    opened.locator("#mark-in").click()
    enter(opened, "frame", "41")
    wait_for_frame(opened, 41)
    opened.locator("#mark-out").click()
    assert [opened.locator(f"#{name}").input_value() for name in ("clip-from", "clip-to")] == ["0:01.65", "0:02.10"]
    band, line = state_of(opened, "#markers .cut"), state_of(opened, "#markers")
    assert band["x"] - line["x"] == pytest.approx(line["width"] * 1.65 / 12, abs=1)
    assert band["width"] == pytest.approx(line["width"] * 0.45 / 12, abs=1)
    video = downloaded(opened, lambda: opened.locator("#cut").click(), tmp_path)
    assert numbers_in(video) == list(range(33, 42))
    # Typed marks, in another kind of video, started with Enter.
    opened.locator("#video-choice [data-value='demo']").click()
    wait_for(opened, f"{VIDEO}.src.includes('/video/demo') && {STANDS}")
    opened.locator("#clip-from").fill("0:10")
    video = downloaded(opened, lambda: enter(opened, "clip-to", "10,5"), tmp_path)
    assert numbers_in(video) == list(range(200, 210))
    assert video.name.startswith("1711_demo_")
    wait_for(opened, "document.querySelectorAll('#clip-files li').length === 3")
    assert sorted(clip_files(opened)) == sorted(path.name for path in (own_tree / ROUTE / "clips").iterdir())
    again = downloaded(opened, opened.locator("#clip-files .download").first.click, tmp_path / "again")
    assert again.name in clip_files(opened)


@pytest.mark.slow
def test_marks_that_make_no_clip_are_refused(opened, own_tree):
    for start, end, is_wrong in (("", "", False), ("0:05", "", False), ("0:05", "0:04", False), ("soon", "0:04", True)):
        opened.locator("#clip-from").fill(start)
        opened.locator("#clip-to").fill(end)
        assert opened.locator("#clip-from.wrong").count() == is_wrong
        assert opened.locator("#markers .cut").count() == 0
        opened.locator("#cut").click()
        assert "a start and a later end" in opened.locator("#toast").inner_text()
    opened.locator("#clip-buffer").fill("-1")
    opened.locator("[data-step='101'] .cut-one").click()
    wait_for(opened, "document.querySelector('#toast').innerText.includes('positive')")
    assert not (own_tree / ROUTE / "clips").exists()
    # The marks belong to a route.
    opened.locator("#routes [data-route='RouteScenario_1773_rep0']").click()
    wait_for(opened, f"{VIDEO}.src.includes('1773')")
    assert opened.locator("#clip-from").input_value() == ""


@pytest.mark.slow
def test_a_clip_that_cannot_be_cut_says_why(opened, own_tree, page_watch):
    page_watch.allow("404|400|403")
    (own_tree / ROUTE / "1711_debug.mp4").unlink()
    opened.locator("#clip-from").fill("0:01")
    enter(opened, "clip-to", "0:02")
    wait_for(opened, "document.querySelector('#clip-jobs .badge.bad')")
    assert len(opened.locator("#clip-jobs li").inner_text()) > len("failed") + 10


@pytest.mark.slow
def test_clips_can_be_cancelled_and_leave_nothing(page, own_tree, start_dashboard, tmp_path):
    video = own_tree / ROUTE / "1711_debug.mp4"
    # So long that cutting it cannot end before it is cancelled.
    command = [ffmpeg_path(), "-loglevel", "error", "-stream_loop", "200", "-i", str(video), "-c", "copy"]
    subprocess.run([*command, str(tmp_path / "long.mp4")], check=True)
    shutil.move(tmp_path / "long.mp4", video)
    open_route(page, start_dashboard(own_tree), dir=".", route=ROUTE)
    downloads = []
    page.on("download", lambda download: downloads.append(download.suggested_filename))
    page.locator("#clip-from").fill("0")
    page.locator("#clip-to").fill("40:00")
    page.locator("#cut").click()
    wait_for(page, "document.querySelector('#clip-jobs progress')?.value > 0")
    page.locator("#clip-to").fill("39:00")
    page.locator("#cut").click()
    wait_for(page, "document.querySelectorAll('#clip-jobs button').length === 2")
    for left in (1, 0):  # first the one that waits, then the one that is being cut
        page.locator("#clip-jobs li button").last.click()
        wait_for(page, f"document.querySelectorAll('#clip-jobs li').length === {left}")
    assert [path.name for path in (own_tree / ROUTE).rglob("clips/*")] == []
    assert clip_files(page) == []
    assert downloads == []
    page.locator("#clip-to").fill("0:01")  # later clips do not suffer
    assert len(numbers_in(downloaded(page, page.locator("#cut").click, tmp_path))) == 20


@pytest.mark.slow
def test_read_only_shows_clips_and_cuts_none(page, own_tree, start_dashboard):
    clips = own_tree / ROUTE / "clips"
    clips.mkdir()
    shutil.copy(own_tree / "2082" / "2082_demo.mp4", clips / "1711_debug_1-2s.mp4")
    open_route(page, start_dashboard(own_tree, "--read-only"), dir=".", route=ROUTE)
    assert page.locator("#read-only").is_visible()
    assert page.locator("#clip-cut").is_hidden()
    assert page.locator(".infraction .jump").count() == 3
    assert page.locator(".cut-one").count() == 0
    assert clip_files(page) == ["1711_debug_1-2s.mp4"]
    page.locator("#main").focus()
    for key in ("i", "o", "c"):
        page.keyboard.press(key)
    assert page.locator("#toast").is_hidden()
    assert "clip" not in page.locator("#help-keys").inner_text()


@pytest.mark.slow
def test_an_mp4v_file_says_so_and_can_be_converted(page, tmp_path, start_dashboard):
    route = tmp_path / "own" / "route"
    route.mkdir(parents=True)
    writer = cv2.VideoWriter(str(route / "7_debug.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (640, 360))
    for number in range(50):
        writer.write(numbered_frame(number))
    writer.release()
    open_page(page, start_dashboard(route).url)
    page.locator("#routes .route").first.click()
    wait_for(page, "!document.querySelector('#screen-note').hidden")
    assert "mp4v" in page.locator("#screen-note").inner_text() or "mpeg4" in page.locator("#screen-note").inner_text()
    assert page.locator("#video").is_hidden()
    page.locator("#convert").click()
    wait_for(page, f"{STANDS} && !{VIDEO}.hidden")
    assert page.locator("#screen-note").is_hidden()
    assert shown_frame(page) == 0
    enter(page, "frame", "49")
    wait_for_frame(page, 49)
    wait_for(page, "document.querySelectorAll('#clip-files li').length === 1")
