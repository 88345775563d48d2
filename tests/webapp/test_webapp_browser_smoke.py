"""The page in a real browser: it opens on driven and on public results and lists the routes, without any error."""

import pytest
from browser_support import has_h264, open_page, shown_frame, wait_for

VIEWPORTS = [(1280, 800), (1920, 1080)]


def titles(page):
    return [text.split("\n")[0] for text in page.locator("#routes .route .name").all_inner_texts()]


@pytest.mark.parametrize(
    ("viewport", "colour_scheme"),
    [
        (VIEWPORTS[0], "light"),
        (VIEWPORTS[1], "dark"),
        pytest.param(VIEWPORTS[0], "dark", marks=pytest.mark.slow),
        pytest.param(VIEWPORTS[1], "light", marks=pytest.mark.slow),
    ],
)
def test_driven_routes_are_listed(page, driven_dashboard, driven_results):
    open_page(page, driven_dashboard.link(dir=driven_results.relative(driven_results.careless)))
    assert titles(page) == ["straight", "turn"]
    assert "2 routes" in page.locator("#route-count").inner_text()
    page.locator("#filter-text").fill("red light")
    wait_for(page, "document.querySelectorAll('#routes .route:not([hidden])').length === 1")
    assert page.locator("#routes .route:visible").get_attribute("data-route") == "turn"


def test_a_video_of_public_results_shows_its_first_frame(page, public_dashboard, public_tree):
    open_page(page, public_dashboard.link(dir=public_tree.relative(public_tree.first)))
    assert titles(page) == ["1711", "1773", "2082", "2091"]
    if not has_h264(page):
        pytest.skip("this Chromium plays no H.264")
    page.locator("#routes .route").first.click()
    wait_for(page, "document.querySelector('#video').readyState >= 2")
    assert shown_frame(page) == 0
    messages = page.locator("#infractions .infraction").all_inner_texts()
    assert any("walker.pedestrian.0001" in message for message in messages)
