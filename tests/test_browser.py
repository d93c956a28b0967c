"""Every page of the built book in a real browser: over http and opened as a file."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from btsr_core.book.chapters import chapter_paths

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
PAGES = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in chapter_paths(ROOT)]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

DRAWN = """() => [...document.querySelectorAll('div.btsr-figure[id]')].every(figure => {
    const svg = figure.querySelector('svg.main-svg');
    const box = svg && svg.getBoundingClientRect();
    return box && box.width > 0 && box.height > 0 && svg.querySelector('path, text');
})"""
TYPESET = """() => [...document.querySelectorAll('.math')].every(
    formula => formula.querySelector('mjx-container svg'))"""
TOO_WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
    .map(element => element.tagName + '.' + element.className).slice(-5)"""


@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=HTML)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def visit(browser):
    """Open a page, wait until it is drawn, and return it with all that went wrong on the way."""
    contexts = []

    def _visit(address, site, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
        page.on("response", lambda r: faults.append(f"{r.status}: {r.url}") if not r.ok else None)
        page.on(
            "request",
            lambda request: (
                faults.append(f"outside: {request.url}")
                if not request.url.startswith((site, "data:", "blob:"))
                else None
            ),
        )
        page.goto(f"{site}/{address}", wait_until="load")
        page.wait_for_function(DRAWN)
        page.wait_for_function(TYPESET)
        return page, faults

    yield _visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("address", ["index.html", *PAGES])
def test_page_on_a_server(visit, server, address):
    page, faults = visit(address, server, viewport=DESKTOP, color_scheme="light")
    _assert_whole(page, faults)
    if address != "index.html":  # which only leads to the first page
        _assert_figures_fit(page)
        _take_screenshot(page, address, "light")


@pytest.mark.parametrize("address", ["index.html", *PAGES])
def test_page_opened_as_a_file_in_the_dark(visit, address):
    page, faults = visit(address, HTML.as_uri(), viewport=DESKTOP, color_scheme="dark")
    _assert_whole(page, faults)
    if address != "index.html":
        _take_screenshot(page, address, "dark")


@pytest.mark.parametrize("address", PAGES)
def test_page_on_a_phone_scrolls_one_way(visit, server, address):
    page, faults = visit(address, server, viewport=PHONE, device_scale_factor=2)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, page.evaluate(TOO_WIDE)
    assert faults == []
    _take_screenshot(page, address, "phone")


def _assert_whole(page, faults):
    page.wait_for_load_state("networkidle")
    assert faults == []
    assert page.locator("h1").first.inner_text().strip()
    assert page.locator("mjx-merror").count() == 0
    assert page.locator(".output.stderr, .output.traceback").count() == 0
    assert "Traceback (most recent call last)" not in page.inner_text("article")


def _assert_figures_fit(page):
    assert page.locator(".cell_output").count()
    width = page.locator("article").first.bounding_box()["width"]
    for figure in page.locator("div.btsr-figure[id]").all():
        assert figure.get_attribute("aria-label") not in (None, "", "untitled")
        box = figure.locator("svg.main-svg").first.bounding_box()
        assert 0.5 * width < box["width"] <= width + 1
        assert box["height"] > 100


def _take_screenshot(page, address, name):
    """For eyes: `_build/screenshots`."""
    # the article scrolls with the page, so its height is the page's
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(height, 12_000)})
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    shot = SCREENSHOTS / f"{Path(address).stem}-{name}.png"
    page.screenshot(path=shot, full_page=True)
    assert shot.stat().st_size > 10_000


def test_figures_follow_the_theme(visit, server):
    page, faults = visit(PAGES[-1], server, viewport=DESKTOP, color_scheme="light")
    colour = "getComputedStyle(document.querySelector('.btsr-figure .gtitle')).fill"
    before = page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{colour} !== {before!r}")
    assert faults == []


def test_figures_follow_the_width(visit, server):
    """Down to a width where panels side by side can still be read; those scroll in their cell."""
    page, _ = visit(PAGES[0], server, viewport=DESKTOP)
    page.set_viewport_size(PHONE)
    page.wait_for_function(
        """() => [...document.querySelectorAll('div.btsr-figure[id]')].every(figure => {
            const width = figure.querySelector('svg.main-svg').getBoundingClientRect().width;
            const least = parseFloat(figure.style.minWidth);
            return width <= Math.max(innerWidth, least) && Math.abs(width - figure.clientWidth) < 2;
        })"""
    )
