"""How the page looks: nothing sticks out, everything important is in the window, and every text can be read."""

import pytest
from browser_support import open_page, wait_for
from page_actions import open_route, state_of

pytestmark = pytest.mark.slow

CONTRAST = """(selectors) => {
  const channels = (color) => {
    const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    probe.fillStyle = color;
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const mixed = (value, below, share) => value * share + below * (1 - share);
  const over = (top, below) => top.slice(0, 3).map((value, index) => mixed(value, below[index], top[3] / 255));
  const background = (node) => {
    const layers = [];
    for (let each = node; each; each = each.parentElement) {
      layers.push(channels(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const opacity = (node) => (node ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1);
  const poor = [];
  let count = 0;
  for (const selector of selectors) for (const node of document.querySelectorAll(selector)) {
    const shown = (node.innerText ?? "").trim() || node.value || node.placeholder;
    if (!node.checkVisibility() || node.disabled || !shown) continue;
    const ground = background(node);
    const styles = [getComputedStyle(node)];
    if (node.placeholder && !node.value) styles.push(getComputedStyle(node, "::placeholder"));
    for (const style of styles) {
      const text = channels(style.color);
      text[3] *= opacity(node);
      const [high, low] = [luminance(over(text, ground)), luminance(ground)].sort((a, b) => b - a);
      count += 1;
      const contrast = (high + 0.05) / (low + 0.05);
      if (contrast < 4.5) poor.push(`${selector} "${shown.slice(0, 30)}": ${contrast.toFixed(2)}`);
    }
  }
  return [count, [...new Set(poor)]];
}"""
TEXTS = [
    "h1", "h2", "label", "button", "a", "input:not([type=checkbox]):not([type=range])", "select", "p", "td", "th", "li",
    ".badge", ".note", ".message", ".when", ".facts span", ".name", "#crumbs span", "#route-count", ".tile b",
    ".tile span", "#map-town", ".folder", "kbd",
]  # fmt: skip
OVERFLOW = """() => {
  const root = document.documentElement;
  const wide = [root, ...document.querySelectorAll("#main, #filters, #top")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.id || each.tagName);
  const out = [...document.querySelectorAll("button, input, select, video, canvas, h1, .badge")].filter((each) => {
    const box = each.getBoundingClientRect();
    if (!each.checkVisibility()) return false;
    return box.width > 0 && (box.left < -1 || box.right > innerWidth + 1);
  }).map((each) => each.id || each.className || each.innerText);
  return [...wide, ...out];
}"""


def check(page):
    assert page.evaluate(OVERFLOW) == []
    count, poor = page.evaluate(CONTRAST, TEXTS)
    assert count > 10
    assert not poor, poor


@pytest.mark.parametrize(
    ("viewport", "colour_scheme"),
    [
        pytest.param((1280, 800), "light", id="1280-light"),
        pytest.param((1920, 1080), "dark", id="1920-dark"),
        pytest.param((1280, 800), "dark", id="1280-dark", marks=pytest.mark.slow),
        pytest.param((1920, 1080), "light", id="1920-light", marks=pytest.mark.slow),
    ],
)
def test_everything_fits_and_can_be_read(page, compared_dashboard, compared_results, viewport):
    folder = compared_results.relative(compared_results.careless)
    open_page(page, compared_dashboard.url)
    check(page)
    open_route(
        page,
        compared_dashboard,
        dir=folder,
        route="straight",
        infraction=55,
        kinds="min_speed,collision_vehicle,outside_lanes",
    )
    check(page)
    page.locator("#infraction-text").fill("vehicle")  # as many as there usually are
    width, height = viewport
    for selector in ("#video", "#timeline", "#controls", "#clip-cut", "#infractions .infraction", "#map"):
        box = state_of(page, selector)
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, selector
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, selector
    assert state_of(page, "#video")["width"] > 0.4 * width
    page.locator("#help").click()
    check(page)
    page.keyboard.press("Escape")
    page.locator("#tab-scores").click()
    wait_for(page, "document.querySelector('#score-tables table')")
    check(page)
    page.locator("#tab-compare").click()
    wait_for(page, "document.querySelectorAll('#other option').length > 1")
    page.locator("#other").select_option(compared_results.relative(compared_results.careful))
    wait_for(page, "document.querySelector('#comparison table')")
    check(page)


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_the_theme_can_be_chosen_and_is_kept(page, public_dashboard, public_tree, colour_scheme):
    address = public_dashboard.link(dir=public_tree.relative(public_tree.first))
    open_page(page, address)
    dark = "getComputedStyle(document.body).backgroundColor === 'rgb(17, 22, 29)'"
    assert page.evaluate(dark) == (colour_scheme == "dark")
    for name, is_dark in (("light", False), ("dark", True)):
        page.locator("#theme").click()
        assert name in page.locator("#theme").inner_text()
        assert page.evaluate(dark) == is_dark
    open_page(page, address)
    assert page.evaluate(dark)
    page.locator("#theme").click()
    assert page.evaluate(dark) == (colour_scheme == "dark")
