"""Every page of the built book in a real browser: over http and opened as a file."""

import base64
import csv
import io
import json
import re
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from btsr_core.book.chapters import chapter_paths
from btsr_core.book.vendored import fetch_from_npm
from btsr_core.errors import InputError

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
PAGES = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in chapter_paths(ROOT)]
WITH_CODE = [
    page for page in PAGES if "{code-cell}" in (ROOT / page).with_suffix(".md").read_text()
]
BY_SPHINX = ["search.html", "genindex.html"]
SLIDER = "book/slider.html"
MOST_BYTES = 3_000_000
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

DRAWN = """() => [...document.querySelectorAll('div.btsr-figure[id]')].every(figure => {
    const svg = figure.querySelector('svg.main-svg');
    const box = svg && svg.getBoundingClientRect();
    return box && box.width > 0 && box.height > 0 && svg.querySelector('path, text')
        && figure.style.height && Math.abs(box.height - figure.clientHeight) < 2;
}) && [...document.querySelectorAll('.btsr-explorer')].every(slider => {
    const plots = [...slider.querySelectorAll('.btsr-plot:not([hidden])')];
    return plots.length && plots.every(plot => plot.querySelector('svg.main-svg path'));
})"""
TYPESET = """() => [...document.querySelectorAll('.math')].every(
    formula => formula.querySelector('mjx-container svg'))"""
TOO_WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
    .map(element => element.tagName + '.' + element.className).slice(-5)"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def server():
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=HTML)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(scope="module")
def axe():
    """The path of axe-core, which finds what stands in the way of screen readers and keyboards."""
    try:
        return fetch_from_npm(
            "axe-core",
            "4.14.1",
            "package/axe.min.js",
            "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        )
    except InputError:
        return None


@pytest.fixture
def visit(kept_page, listen):
    """Open a page, wait until it is drawn, and return it with all that went wrong on the way."""
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")

    def _visit(address, site, **options):
        page, faults = kept_page(**options), []

        def note(has_happened, fault):
            if has_happened:
                faults.append(fault)

        listen(
            page,
            console=lambda m: note(m.type == "error", m.text),
            pageerror=lambda error: note(True, str(error)),
            requestfailed=lambda request: note(True, f"failed: {request.url}"),
            response=lambda r: note(r.status >= 400, f"{r.status}: {r.url}"),
            request=lambda r: note(
                not r.url.startswith((site, "data:", "blob:")), f"outside: {r.url}"
            ),
        )
        page.goto(f"{site}/{address}", wait_until="load")
        page.wait_for_function(DRAWN)
        page.wait_for_function(TYPESET)
        return page, faults

    return _visit


@pytest.mark.parametrize("address", ["index.html", *PAGES])
def test_page_on_a_server(visit, server, axe, address):
    page, faults = visit(address, server, color_scheme="light")
    _assert_whole(page, faults)
    if address != "index.html":  # which only leads to the first page
        _assert_figures_fit(page)
        _take_screenshot(page, address, "light")
        _assert_nothing_stands_in_the_way(page, axe)


@pytest.mark.parametrize("address", ["index.html", *PAGES])
def test_page_opened_as_a_file_in_the_dark(visit, axe, address):
    page, faults = visit(address, HTML.as_uri(), color_scheme="dark")
    _assert_whole(page, faults)
    if address != "index.html":
        _assert_figures_offer_their_numbers(page, address)
        assert faults == []
        _take_screenshot(page, address, "dark")
        _assert_nothing_stands_in_the_way(page, axe)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", BY_SPHINX)
def test_page_by_sphinx(visit, server, axe, address, scheme):
    page, _ = visit(address, server, color_scheme=scheme)
    _assert_nothing_stands_in_the_way(page, axe)


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


def _assert_figures_offer_their_numbers(page, address):
    """By keyboard, from a page that is a file: each mark that Plotly was given, and no other."""
    figures = figures_of(address)
    buttons = page.locator("button.btsr-figure-data").all()
    assert len(buttons) == len(figures)
    for button, figure in zip(buttons, figures, strict=True):
        with page.expect_download() as download:
            button.press("Enter")
        assert re.fullmatch(r"[^\W_][\w@-]*\.csv", download.value.suggested_filename)
        with download.value.path().open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [number(row["y"]) for row in rows] == [number(y) for y in marks_of(figure)]
        assert all(row["trace"] for row in rows)


def _assert_nothing_stands_in_the_way(page, axe):
    """By axe, if it is there, with all that is folded open: `test_axe_is_at_hand`."""
    for fold in page.locator("details").all():
        fold.evaluate("fold => { fold.open = true; }")
    assert page.evaluate("document.getAnimations().length") == 0, "the reader wants no motion"
    if axe is None:
        return
    page.add_script_tag(path=axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{fault['id']} ({fault['help']}): {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert serious == []
    assert len(found["passes"]) > 20, "axe has looked at something"


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
    page, faults = visit(PAGES[-1], server, color_scheme="light")
    colour = "getComputedStyle(document.querySelector('.btsr-figure .gtitle')).fill"
    before = page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{colour} !== {before!r}")
    assert faults == []


def test_figures_follow_the_width(visit, server):
    """Down to a width where panels side by side can still be read; those scroll in their cell."""
    page, _ = visit(PAGES[0], server)
    page.set_viewport_size(PHONE)
    page.wait_for_function(
        """() => [...document.querySelectorAll('div.btsr-figure[id]')].every(figure => {
            const width = figure.querySelector('svg.main-svg').getBoundingClientRect().width;
            const least = parseFloat(figure.style.minWidth);
            return width <= Math.max(innerWidth, least) && Math.abs(width - figure.clientWidth) < 2;
        })"""
    )


@pytest.mark.parametrize("address", PAGES)
def test_page_says_how_to_run_it(address):
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    said = f"make lab CHAPTER={Path(address).with_suffix('.md')}</code>"
    assert (said in (HTML / address).read_text(encoding="utf-8")) == (address in WITH_CODE)


def test_axe_is_at_hand(axe):
    if axe is None:
        pytest.skip("axe-core could not be fetched: nothing was said of what stands in the way")


def figures_of(address):
    """Return the figures of a page as Plotly is given them."""
    found = re.findall(
        r'<div class="btsr-figure"[^>]*><script type="application/json">(.*?)</script>',
        (HTML / address).read_text(encoding="utf-8"),
        re.DOTALL,
    )
    return [json.loads(content) for content in found]


def number(value):
    """Return a number as such, to the last digit, and a word as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def marks_of(figure):
    """Return the y of each mark, trace by trace."""
    for trace in figure["data"]:
        y = listed(trace.get("y"))
        if "z" in trace:
            rows, columns = np.shape(listed(trace["z"]))
            y = range(rows) if y is None else y
            yield from np.repeat(y, columns).tolist()
            continue
        x = listed(trace.get("x"))
        x = range(len(y)) if x is None else x
        yield from (b for a, b in zip(x, y, strict=True) if a is not None and b is not None)


def listed(values):
    """Return a list of Plotly's, which may be written as bytes."""
    if not isinstance(values, dict):
        return values
    array = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return array.reshape([int(n) for n in str(values.get("shape", -1)).split(",")]).tolist()


HANDMADE = {
    "data": [
        {"type": "bar", "x": ["a", 'b, "c"'], "y": [0.1, None], "name": "<b>one</b> &amp; two"},
        {
            "type": "scatter",
            "xaxis": "x2",
            "yaxis": "y2",
            "x": {"dtype": "f8", "bdata": "AAAAAAAA8D+amZmZmZnxPw=="},  # 1, 1.1
            "y": [3, 4],
            "text": ["s", "t"],
            "error_y": {"array": [0.5, 0.25]},
            "error_x": {"array": [1, 2], "arrayminus": [3, 4]},
        },
        {
            "type": "heatmap",
            "z": {"dtype": "i1", "bdata": "AQIDBAUG", "shape": "2, 3"},
            "y": ["p", "q"],
        },
    ],
    "layout": {
        "title": {"text": "Hits &amp; misses<br>(95 %)"},
        "xaxis": {"domain": [0, 0.4], "matches": "x2"},
        "xaxis2": {
            "domain": [0.6, 1],
            "title": {"text": "size"},
            "tickvals": [1],
            "ticktext": ["one"],
        },
        "yaxis": {"title": "hits"},
        "yaxis2": {},
        "annotations": [
            {"text": "left", "xref": "paper", "yref": "paper", "x": 0.2, "y": 1},
            {"text": "right", "xref": "paper", "yref": "paper", "x": 0.8, "y": 1},
            {"text": "a note", "x": 0.8, "y": 1},
        ],
    },
}
HANDMADE_CSV = """\
panel,trace,x_axis,x,x_label,x_minus,x_plus,y_axis,y,y_minus,y_plus,z,text
left,one & two,size,a,,,,hits,0.1,,,,
right,2,size,1,one,3,1,hits,3,0.5,0.5,,s
right,2,size,1.1,one,4,2,hits,4,0.25,0.25,,t
left,3,size,0,,,,hits,p,,,1,
left,3,size,1,,,,hits,p,,,2,
left,3,size,2,,,,hits,p,,,3,
left,3,size,0,,,,hits,q,,,4,
left,3,size,1,,,,hits,q,,,5,
left,3,size,2,,,,hits,q,,,6,
"""


def test_numbers_of_a_figure_as_csv(new_context):
    page = new_context().new_page()
    page.add_script_tag(path=ROOT / "book" / "_static" / "figure_data.js")
    told = page.evaluate("figure => btsrFigureData.csv(figure)", HANDMADE)
    assert told == HANDMADE_CSV
    assert (
        page.evaluate("figure => btsrFigureData.fileName(figure)", HANDMADE) == "hits-misses-95.csv"
    )
    quoted = {"data": [{"x": ['b, "c"', "é"], "y": [1e-7, 2]}], "layout": {}}
    told = page.evaluate("figure => btsrFigureData.csv(figure)", quoted)
    read = list(csv.DictReader(io.StringIO(told)))
    assert [row["x"] for row in read] == ['b, "c"', "é"]
    assert [float(row["y"]) for row in read] == [1e-7, 2]


def test_page_on_paper(visit, server):
    """Only what is read, in the colours of the light, and nothing wider than the sheet."""
    page, _ = visit("book/frontier.html", server, color_scheme="dark")
    heights = "[...document.querySelectorAll('.btsr-figure')].map(figure => figure.clientHeight)"
    before = page.evaluate(heights)
    assert max(before) > 1000, "one would not fit on a sheet"
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 680, "height": 900})
    for hidden in [
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".bd-header-article",
        ".prev-next-area",
        ".btsr-figure-data",
        "details.hide:not([open])",
    ]:
        assert page.locator(hidden).count(), hidden
        assert not any(element.is_visible() for element in page.locator(hidden).all()), hidden
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    widths = (
        "[...document.querySelectorAll('.main-svg')].map(svg => svg.getBoundingClientRect().width)"
    )
    assert max(page.evaluate(widths)) <= 680
    assert max(page.evaluate(heights)) < 1000
    page.emulate_media(media="screen")
    page.set_viewport_size(DESKTOP)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(
        f"JSON.stringify({heights}) === '{json.dumps(before)}'.replace(/ /g, '')"
    )
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.skipif(SLIDER not in PAGES, reason=f"the book has no {SLIDER}")
def test_the_slider_is_light(new_context, server):
    """What the page asks for in all, of a browser that has seen none of it: it is sent around."""
    page = new_context().new_page()
    page.goto(f"{server}/{SLIDER}", wait_until="load")
    weight = page.evaluate(
        """['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""
    )
    assert 1e5 < weight < MOST_BYTES


class _Loaded(HTMLParser):
    """Collects the addresses of whatever a page loads: all but links."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "srcset", "poster", "data") or (name == "href" and tag != "a"):
                self.addresses.append(value or "")


OUTSIDE = re.compile(r"\s*(https?:)?//")
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")
IN_SCRIPTS = re.compile(
    r"""["'`]((?:https?:)?//[^"'`\s]+\.(?:m?js|css|woff2?|ttf|otf|png|jpe?g|gif|svg|webp)\b)"""
)
NEVER_LOADED = {  # by MathJax's speech in Internet Explorer alone
    "https://cdn.jsdelivr.net/npm/wicked-good-xpath@1.3.0/dist/wgxpath.install.js"
}


def test_no_file_refers_to_another_machine():
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    found = set()
    kinds = {"html": 0, "css": 0, "js": 0}
    for path in HTML.rglob("*.*"):
        kind = path.suffix.removeprefix(".")
        if kind not in kinds:
            continue
        kinds[kind] += 1
        text = path.read_text(encoding="utf-8")
        if kind == "html":
            page = _Loaded()
            page.feed(text)
            found |= {address for address in page.addresses if OUTSIDE.match(address)}
        found |= set((IN_SCRIPTS if kind == "js" else IN_STYLES).findall(text))
    assert min(kinds.values()) > 0
    assert found <= NEVER_LOADED
