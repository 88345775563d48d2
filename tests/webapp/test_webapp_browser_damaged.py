"""Files and names as nobody wishes for: the page shows what can be shown, as text, and says what is wrong."""

import json

import pytest
from browser_support import has_h264, open_page, wait_for
from page_actions import STANDS, VIDEO, open_route, route_titles, texts
from public_results import entry, record, result_file, write_json, write_numbered_video

pytestmark = pytest.mark.slow

NAMES = [
    "<script>window.bad=1<script>",
    "<img src=x onerror=window.bad=1>",
    "quote\"s and 's",
    "50% & more #1?x=2",
    "Grüße 路线 🚗",
    "  two  spaces ",
    "a+b;c=d",
]
MESSAGE = '<b onclick="window.bad=1">Agent</b> <img src=x onerror="window.bad=1"> & "collided" ünd 碰撞'


def test_odd_names_are_shown_as_text_and_can_be_opened(page, tmp_path, start_dashboard):
    folder = tmp_path / "tree" / "<i>agent<i> & 50%" / "bench'2\"drive_0"
    for name in NAMES:
        write_json(
            folder / name / "infractions.json",
            {"infractions": [entry(3, "CollisionTest", MESSAGE, "COLLISION_VEHICLE", 3)]},
        )
        write_numbered_video(folder / name / "x_debug.mp4", seconds=0.5)
    write_json(tmp_path / "tree" / "other" / "checkpoint_endpoint.json", result_file([record("1", 0, 100.0, 100.0)]))
    open_page(page, start_dashboard(tmp_path / "tree").url)
    page.locator("#evaluations .evaluation", has_text="bench'2").click()
    wait_for(page, f"document.querySelectorAll('#routes .route').length === {len(NAMES)}")
    assert texts(page, "#crumbs span")[1:] == ["<i>agent<i> & 50%", "bench'2\"drive_0"]
    assert sorted(route_titles(page)) == sorted(" ".join(name.split()) for name in NAMES)
    can_play = has_h264(page)
    for name in NAMES:
        page.locator("#routes .route").evaluate_all(
            "(all, name) => all.find((each) => each.dataset.route === name).click()", name
        )
        wait_for(
            page,
            f"document.querySelector('#route-title').textContent === {json.dumps(name)}"
            " && !document.querySelector('#route').hidden",
        )
        wait_for(page, "document.querySelector('#infractions .infraction')")
        assert MESSAGE in page.locator("#infractions .message").inner_text()
        if can_play:
            wait_for(page, f"{STANDS} && {VIDEO}.videoWidth > 0")
    if can_play:
        link = page.url
        page.goto("about:blank")
        open_page(page, link)
        wait_for(page, f"document.querySelector('#route-title').textContent === {json.dumps(NAMES[-1])} && {STANDS}")
    page.locator("#tab-scores").click()
    wait_for(page, "!document.querySelector('#view-scores').hidden")
    assert page.evaluate("window.bad") is None
    assert (
        page.locator("main b, main img, main i, main script").evaluate_all(
            "all => all.filter((each) => each.closest('#infractions, #routes, #crumbs')).length"
        )
        == 0
    )


def test_broken_files_cost_only_themselves(page, driven_copy, start_dashboard):
    route = driven_copy.careless / "straight"
    log = (route / "drive_log.jsonl").read_text().splitlines()
    log[10:12] = ["{torn", "null", "[1, 2]", json.dumps({"step": "x"}), json.dumps({"step": 30, "ego": None})]
    (route / "drive_log.jsonl").write_text("\n".join(log)[:-20])
    (route / "straight_grid.mp4").write_bytes(b"no video at all")
    (route / "straight_demo.mp4").write_bytes((route / "straight_demo.mp4").read_bytes()[:3000])
    (driven_copy.careless / "eval" / "turn.json").write_text('{"_checkpoint": {"records": [')
    (driven_copy.careless / "turn" / "infractions.json").write_text("[[1, 2], null, 7, {}]")
    dashboard = start_dashboard(driven_copy.careless)
    open_route(page, dashboard, dir=".", route="straight")
    assert page.locator("#infractions .infraction").count() == 2
    wait_for(page, "document.querySelector('#map').dataset.step")
    page.locator("#video-choice [data-value='grid']").click()
    wait_for(page, "!document.querySelector('#screen-note').hidden")
    assert len(page.locator("#screen-note p").inner_text()) > 10
    page.locator("#video-choice [data-value='debug']").click()
    wait_for(page, f"{STANDS} && !{VIDEO}.hidden")
    assert page.locator("#screen-note").is_hidden()
    page.locator("#routes [data-route=turn]").click()
    wait_for(page, "document.querySelector('#route-title').innerText === 'turn'")
    wait_for(page, "!document.querySelector('#problems').hidden")
    assert texts(page, "#problems p")
    page.locator("#tab-scores").click()
    wait_for(page, "document.querySelector('#score-tables table')")
    assert "turn" in page.locator("#score-tables").inner_text()


def test_routes_known_from_results_only_can_be_opened(page, public_dashboard, public_tree):
    open_page(page, public_dashboard.link(dir=public_tree.relative(public_tree.summary)))
    assert route_titles(page) == ["0", "1"]
    page.locator("#routes .route").first.click()
    wait_for(page, "document.querySelector('#route-badges').innerText.includes('DS 71.50')")
    wait_for(page, "!document.querySelector('#screen-note').hidden")
    assert "known from the result only" in page.locator("#infractions").inner_text()
    assert page.locator("#screen-note").inner_text() == "There is no video, and no file tells where the ego drove."
    for key in ("Space", "n", "ArrowRight", "v", "f"):
        page.keyboard.press(key)
    page.locator("#map-fit").click()


def test_a_server_that_is_gone_is_said(page, public_tree, start_dashboard, page_watch):
    page_watch.allow("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|console warning")
    dashboard = start_dashboard(public_tree.second)
    open_page(page, dashboard.link(dir="."))
    dashboard.stop()
    wait_for(page, "document.querySelector('#toast').innerText.includes('does not answer')")
    page.locator("#routes .route").first.click()
    wait_for(page, "document.querySelector('#problems').innerText.includes('does not answer')")
