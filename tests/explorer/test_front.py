"""The front end of the explorer in a real browser, over a payload that nobody measured."""

import json
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import plotly
import pytest
from explorer.made_up_payload import ALPHA, POSITIONS, made_up_payload

from btsr_core.explorer.assets import front_end, style_sheet

pytestmark = pytest.mark.browser

PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

# Colours as the book has them, and a model as anywidget's, which notes what it is told.
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>Explorer</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>
html { --pst-color-text-base: #222832; --pst-color-background: #ffffff; }
html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-background: #14181e; }
body { margin: 0; background: var(--pst-color-background); }
main { max-width: 800px; margin: auto; padding: 0 12px; }
%(style)s</style></head><body><main><h1>Explorer</h1><h2>Of alpha</h2><div id="here"></div></main>
<script src="%(plotly)s"></script>
<script type="application/json" id="payload">%(payload)s</script>
<script type="module">%(module)s
const values = { payload: JSON.parse(document.getElementById("payload").textContent) };
const handlers = [];
const fire = (event, ...rest) =>
  handlers.filter(([name]) => name === event).forEach(([, call]) => call(...rest));
globalThis.sent = [];
globalThis.saved = 0;
globalThis.fire = fire;
globalThis.model = {
  get: (name) => values[name],
  set(name, value) {
    if (values[name] === value) return;
    values[name] = value;
    fire(`change:${name}`);
  },
  on: (event, call) => handlers.push([event, call]),
  off: (event, call) => handlers.splice(0, handlers.length,
    ...handlers.filter((one) => one[0] !== event || one[1] !== call)),
  save_changes() { globalThis.saved += 1; },
  send: (content) => globalThis.sent.push(content),
};
globalThis.handlers = handlers;
globalThis.end = explorer.render({ model, el: document.getElementById("here") });
</script></body></html>"""

DRAWN = """() => [...document.querySelectorAll(".btsr-plot")].every(
    (plot) => plot.querySelector("svg.main-svg path") && plot.querySelector(".btsr-overlay > *"))"""
SHOWN = """() => {
    const [input] = performance.getEntriesByName("btsr-input");
    const shown = performance.getEntriesByName("btsr-reaction");
    return !input || shown.at(-1)?.startTime === input.startTime;
}"""
"""Whether the last input is on show: the page measures how long that took."""
NO_LIMIT = """() => {
    const own = setTimeout;
    globalThis.setTimeout = (call, delay) => delay === 5000 ? 0 : own(call, delay);
}"""
"""Lets the page wait for its kernel for as long as a busy machine may take to answer."""
COUNT_MOVES = """() => {
    const own = Element.prototype.animate;
    globalThis.moves = 0;
    Element.prototype.animate = function (...how) { moves += 1; return own.apply(this, how); };
}"""


@pytest.fixture
def opened(kept_page, listen, tmp_path):
    """Show a payload and return the page; nothing may go wrong until the test is over."""
    faults = []

    def _opened(payload, *, is_whole=True, **options):
        page = kept_page(**{"color_scheme": "light", **options})
        listen(
            page,
            console=lambda m: faults.append(m.text) if m.type == "error" else None,
            pageerror=lambda error: faults.append(str(error)),
        )
        path = tmp_path / "page.html"
        path.write_text(
            PAGE
            % {
                "style": style_sheet(),
                "module": front_end(),
                "plotly": PLOTLY_JS.as_uri(),
                "payload": json.dumps(payload).replace("<", "\\u003c"),
            },
            encoding="utf-8",
        )
        page.goto(path.as_uri())
        if is_whole:
            page.wait_for_function(DRAWN)
        return page

    yield _opened
    assert faults == []


def drag(page, alpha):
    page.locator("input[type=range]").evaluate(
        "(slider, alpha) => { slider.value = alpha; slider.dispatchEvent(new Event('input')); }",
        alpha,
    )
    page.wait_for_function(SHOWN)


def shown(page, quantity, bucket=0):
    output = page.locator(f'output[data-quantity="{quantity}"][data-bucket="{bucket}"]')
    return output.evaluate("(element) => ({ ...element.dataset, text: element.textContent })")


def recorded(payload, quantity, bucket, alpha, field="mean"):
    source = payload["sources"][-1]
    return source["values"][quantity][str(bucket)][field][source["alphas"].index(alpha)]


def listed(page):
    return page.locator(".btsr-list tbody tr").evaluate_all(
        "(rows) => rows.map((row) => Number(row.dataset.item))"
    )


def dots(page, panel):
    return page.locator(f'[data-panel="{panel}"] .btsr-overlay > svg[data-x]').evaluate_all(
        "(dots) => dots.map((dot) => [Number(dot.dataset.x), Number(dot.dataset.y)])"
    )


@pytest.mark.parametrize("dial", [True, False])
def test_numbers_are_the_recorded_ones(opened, dial):
    payload = made_up_payload(dial=dial)
    page = opened(payload)
    for alpha in (0, 0.2, 0.5):
        drag(page, alpha)
        assert float(page.locator("#here").get_attribute("data-alpha")) == alpha
        for quantity, bucket in [("cov@10", 0), *(("ndcg@10", bucket) for bucket in range(4))]:
            found = shown(page, quantity, bucket)
            mean = recorded(payload, quantity, bucket, alpha)
            assert float(found["value"]) == mean
            assert found["text"] == f"{mean:.4f}"
            change = recorded(payload, quantity, bucket, alpha, "change")
            assert float(found["change"]) == change
        changes = [recorded(payload, "ndcg@10", bucket, alpha, "change") for bucket in range(4)]
        assert dots(page, "metric") == [[alpha, changes[0]]]
        assert dots(page, "buckets") == [[alpha, change] for change in changes[1:]]
        means = [recorded(payload, name, 0, alpha) for name in ("cov@10", "ndcg@10")]
        assert dots(page, "plane") == [means]
        rank = payload["spectrum"]["effective_rank"][payload["trained"].index(alpha)]
        assert dots(page, "rank") == [[alpha, rank]]
        user = payload["users"][0]
        assert listed(page) == user["lists"][payload["positions"].index(alpha)]


def test_marks_stand_where_plotly_puts_their_values(opened):
    """The overlay shares Plotly's axes: a mark lies on the point of the line that it is of."""
    page = opened(made_up_payload(dial=False))
    for alpha in (0, 0.2, 0.5):
        drag(page, alpha)
        for panel in ("metric", "plane", "rank"):
            far = page.locator(f'[data-panel="{panel}"]').evaluate(
                """(figure) => {
                    const middle = (element) => {
                        const { x, y, width, height } = element.getBoundingClientRect();
                        return [x + width / 2, y + height / 2];
                    };
                    const mark = middle(figure.querySelector(".btsr-overlay > svg[data-x] path"));
                    const points = [...figure.querySelectorAll(".scatterlayer .point")];
                    return Math.min(...points.map(middle).map(
                        ([x, y]) => Math.hypot(x - mark[0], y - mark[1])));
                }"""
            )
            assert far < 1.5, (panel, alpha)


def test_the_list_moves_and_says_so(opened):
    payload = made_up_payload()
    page = opened(payload)
    first = payload["users"][0]["lists"][0]
    drag(page, 0.5)
    last = listed(page)
    assert last != first
    for place, row in enumerate(page.locator(".btsr-list tbody tr").all()):
        moved = row.locator(".btsr-move").inner_text()
        if last[place] not in first:
            assert "new" in moved
            continue
        up = first.index(last[place]) - place
        mark = f"▲ {up}" if up > 0 else f"▼ {-up}" if up < 0 else "="
        assert mark in moved
        bucket = payload["items"][last[place]]["bucket"]
        assert ("head", "middle", "tail")[bucket - 1] in row.locator(
            ".btsr-popularity"
        ).inner_text()
    gone = [payload["items"][item]["title"] for item in first if item not in last]
    assert all(title in page.locator(".btsr-gone").inner_text() for title in gone)
    drag(page, 0)
    assert page.locator(".btsr-gone").inner_text() == f"The same items as at {ALPHA}\u00a0=\u00a00."


def test_the_held_out_item_is_pointed_out(opened):
    payload = made_up_payload()
    page = opened(payload)
    user = payload["users"][0]
    for alpha in (0, 0.2):
        drag(page, alpha)
        rank = user["target_rank"][payload["positions"].index(alpha)]
        said = page.locator(".btsr-said").inner_text()
        assert payload["items"][user["target"]]["title"] in said
        assert str(rank) in said
        assert page.locator(".btsr-target").count() == (rank <= 10)
    page.get_by_label("User", exact=True).select_option(label=payload["users"][2]["label"])
    page.wait_for_function(SHOWN)
    drag(page, 0)
    assert "not recorded" in page.locator(".btsr-said").inner_text()


def test_another_user_has_another_history(opened):
    payload = made_up_payload()
    page = opened(payload)
    page.get_by_label("User", exact=True).select_option(label=payload["users"][1]["label"])
    page.wait_for_function(SHOWN)
    newest = [payload["items"][item]["title"] for item in payload["users"][1]["history"][::-1]]
    lines = page.locator(".btsr-history li").all_inner_texts()
    assert len(lines) == len(newest) == 15
    assert all(title in line for title, line in zip(newest, lines, strict=True))
    assert "the last 15 of 23" in page.locator(".btsr-history summary").inner_text()
    assert listed(page) == payload["users"][1]["lists"][payload["positions"].index(0.2)]


def test_another_metric_and_length(opened):
    payload = made_up_payload()
    page = opened(payload)
    page.get_by_label("Metric").select_option(label="coverage")
    page.get_by_label("List length, K").select_option(label="20")
    page.wait_for_function(SHOWN)
    assert float(shown(page, "cov@20")["value"]) == recorded(payload, "cov@20", 0, 0.2)
    assert float(shown(page, "ndcg@20")["value"]) == recorded(payload, "ndcg@20", 0, 0.2)
    assert "coverage@20" in page.locator('[data-panel="metric"] h3').inner_text()
    assert "coverage@20" in page.locator('[data-panel="metric"] .ytitle').text_content()


def test_empty_buckets_and_gaps(opened):
    payload = made_up_payload()
    page = opened(payload)
    page.get_by_label("Metric").select_option(label="mrr")
    page.get_by_label("List length, K").select_option(label="1")
    page.wait_for_function(SHOWN)
    found = shown(page, "mrr@1", 3)
    assert (found["value"], found["text"]) == ("", "\N{EN DASH}")
    buckets = page.locator('[data-panel="buckets"]')
    assert "no targets here" in buckets.inner_text()
    assert "tail: no targets here" in buckets.locator("[role=img]").get_attribute("aria-label")
    marks = buckets.locator(".btsr-overlay > svg:not([viewBox])")
    assert [mark.get_attribute("visibility") for mark in marks.all()][2] == "hidden"


def test_words_say_what_can_be_told(opened):
    payload = made_up_payload()
    page = opened(payload)
    for alpha in (0, 0.02, 0.5):
        drag(page, alpha)
        for quantity in ("ndcg@10", "cov@10"):
            low, high = (recorded(payload, quantity, 0, alpha, f"change_{end}")
                         for end in ("low", "high"))  # fmt: skip
            said = page.locator(".btsr-dial .btsr-readout").filter(
                has=page.locator(f'output[data-quantity="{quantity}"]')
            )
            words = said.inner_text().replace("\u00a0", " ")
            if alpha == 0:
                assert "the reference" in words
            elif low > 0:
                assert f"more than at {ALPHA} = 0" in words
            elif high < 0:
                assert f"less than at {ALPHA} = 0" in words
            else:
                assert f"cannot be told from {ALPHA} = 0" in words


def test_keys(opened):
    payload = made_up_payload()
    page = opened(payload)
    slider = page.get_by_label(f"{ALPHA}, weight of the regulariser")
    slider.focus()
    for key, alpha in [
        ("ArrowRight", 0.22), ("ArrowLeft", 0.2), ("ArrowUp", 0.22), ("PageUp", 0.3),
        ("PageUp", 0.4), ("PageDown", 0.3), ("End", 0.5), ("ArrowRight", 0.5), ("PageUp", 0.5),
        ("ArrowDown", 0.48), ("Home", 0), ("ArrowLeft", 0), ("PageDown", 0),
    ]:  # fmt: skip
        page.keyboard.press(key)
        page.wait_for_function(SHOWN)
        assert float(page.locator("#here").get_attribute("data-alpha")) == alpha, key
        assert slider.get_attribute("aria-valuetext") == f"{ALPHA} = {alpha:.2f}"
        assert float(slider.input_value()) == alpha


def test_a_pointer_drags_it_and_it_snaps(opened):
    page = opened(made_up_payload(dial=False))
    box = page.locator("input[type=range]").bounding_box()
    x, y = (box["x"] + 13 + 0.4 * (box["width"] - 26), box["y"] + box["height"] / 2)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(20):
        page.mouse.move(x + 0.025 * step * (box["width"] - 26), y)
    page.mouse.up()
    page.wait_for_function("document.getElementById('here').dataset.alpha === '0.4'")  # not 0.4375


def test_numbers_are_read_out_once_the_slider_rests(opened):
    payload = made_up_payload()
    page = opened(payload)
    live = page.locator("[role=status][aria-live=polite]")
    assert live.inner_text() == ""
    drag(page, 0.5)
    page.wait_for_function("document.querySelector('[aria-live=polite]').textContent")
    said = live.text_content()
    for quantity in ("ndcg@10", "cov@10"):
        assert f"{recorded(payload, quantity, 0, 0.5):.4f}" in said
    assert said.startswith(f"{ALPHA} = 0.50. ndcg@10 ")


def test_charts_are_described(opened):
    payload = made_up_payload()
    page = opened(payload)
    for alpha in (0.2, 0.5):
        drag(page, alpha)
        labels = [one.get_attribute("aria-label") for one in page.locator("[role=img]").all()]
        assert len(labels) == 6
        assert all(f"{ALPHA} = {alpha:.2f}" in label for label in labels)
        assert f"{recorded(payload, 'ndcg@10', 0, alpha):.4f}" in labels[0]


def test_it_follows_the_theme(opened):
    page = opened(made_up_payload())
    tick = "getComputedStyle(document.querySelector('.btsr-plot .xtitle')).fill"
    mark = "getComputedStyle(document.querySelector('[data-panel=rank] .btsr-overlay path')).fill"
    assert page.evaluate(tick) == "rgb(34, 40, 50)"
    before = page.evaluate(mark)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{tick} === 'rgb(206, 214, 221)'")
    page.wait_for_function(f"{mark} !== '{before}'")
    assert page.locator(".btsr-front").get_attribute("data-scheme") == "dark"
    drag(page, 0.5)  # and still moves
    assert dots(page, "metric")[0][0] == 0.5


@pytest.mark.parametrize("dial", [True, False])
def test_a_phone_scrolls_one_way(opened, dial):
    page = opened(made_up_payload(dial=dial), viewport=PHONE, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    inside = page.locator(".btsr-front").bounding_box()
    for figure in page.locator(".btsr-front figure").all():
        box = figure.bounding_box()
        assert box["x"] >= inside["x"] - 1
        assert box["x"] + box["width"] <= inside["x"] + inside["width"] + 1
    assert not page.locator(".btsr-history").evaluate("(details) => details.open")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_nothing_jumps_about(opened, viewport):
    """Once all lists were in sight, the page is as high at every position."""
    page = opened(made_up_payload(), viewport=viewport)
    for alpha in POSITIONS:
        drag(page, alpha)
    heights = set()
    for alpha in (0, 0.2, 0.5):
        drag(page, alpha)
        heights.add(page.evaluate("document.documentElement.scrollHeight"))
    assert max(heights) - min(heights) <= 24  # a line of a caption


def test_charts_follow_the_width(opened):
    page = opened(made_up_payload())
    page.set_viewport_size(PHONE)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.btsr-plot')].every((plot) =>
            Math.abs(plot.querySelector('svg.main-svg').clientWidth - plot.clientWidth) < 2)"""
    )


def test_no_text_of_a_chart_is_cut_off(opened):
    for viewport in (DESKTOP, PHONE):
        page = opened(made_up_payload(), viewport=viewport)
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.btsr-plot')].flatMap((plot) => {
                const frame = plot.querySelector('svg.main-svg').getBoundingClientRect();
                return [...plot.querySelectorAll('text')].filter((text) => {
                    const box = text.getBoundingClientRect();
                    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1
                        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
                }).map((text) => text.textContent);
            })"""
        )
        assert cut == []


def test_a_model_is_told_and_followed(opened):
    payload = made_up_payload()
    page = opened(payload)
    drag(page, 0.3)
    page.wait_for_function("saved > 0")
    assert page.evaluate("model.get('alpha')") == 0.3
    page.evaluate("model.set('alpha', 0.1), model.set('metric', 'hr'), model.set('user', 1)")
    page.wait_for_function(SHOWN)
    assert page.locator("#here").get_attribute("data-alpha") == "0.1"
    assert page.get_by_label("Metric").evaluate("(s) => s.selectedOptions[0].text") == "hr"
    assert float(shown(page, "hr@10")["value"]) == recorded(payload, "hr@10", 0, 0.1)
    assert listed(page) == payload["users"][1]["lists"][payload["positions"].index(0.1)]


def test_another_choice_is_asked_of_the_kernel(opened):
    choices = [
        {"key": "first", "label": f"CE, {ALPHA} / D"},
        {"key": "second", "label": f"CE, {ALPHA} / D²"},
    ]
    payload = made_up_payload(choices=choices, chosen="first", datasets=["made-up", "other"])
    page = opened(payload)
    page.get_by_label("Objective").select_option(label=f"CE, {ALPHA} / D²")
    assert page.evaluate("model.get('choice')") == "second"
    page.get_by_label("Data").select_option(label="other")
    assert page.evaluate("model.get('dataset')") == "other"
    answer = made_up_payload(title="another", dial=False, chosen="second")
    page.evaluate("(payload) => model.set('payload', payload)", answer)
    page.wait_for_function(DRAWN)
    assert "another" in page.locator(".btsr-basis").inner_text()
    assert "scores and spectra" not in page.locator(".btsr-basis").inner_text()
    assert float(shown(page, "ndcg@10")["value"]) == recorded(answer, "ndcg@10", 0, 0.2)


def test_the_numbers_can_be_saved(opened):
    payload = made_up_payload()
    page = opened(payload)
    assert "scores and spectra: a model for each" in page.locator(".btsr-basis").inner_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Data as CSV").click()
    table = pd.read_csv(saved.value.path())
    assert saved.value.suggested_filename == "made-up-films-SASRec-CE-Barlow-Twins.csv"
    for source in payload["sources"]:
        own = table[(table["source"] == source["key"]) & (table["quantity"] == "cov@10")]
        for bucket, values in source["values"]["cov@10"].items():
            rows = own[own["bucket"] == int(bucket)]
            assert rows["alpha"].tolist() == source["alphas"]
            for column, name in {
                "value": "mean",
                "low": "low",
                "change_high": "change_high",
            }.items():
                wanted = np.array(values[name], dtype=float)  # None is NaN
                np.testing.assert_array_equal(rows[column], wanted)
    density = table[table["quantity"] == "density of random items"]
    wanted = np.ravel(payload["densities"]["negative"])
    np.testing.assert_array_equal(density["value"], wanted)
    edges = payload["densities"]["edges"][:-1] * len(payload["densities"]["alphas"])
    assert density["x"].tolist() == edges
    ranks = table.loc[table["quantity"] == "effective rank", "value"]
    assert ranks.tolist() == payload["spectrum"]["effective_rank"]


def test_lists_between_positions_are_asked_for(opened):
    payload = made_up_payload(live=True)
    page = opened(payload)
    page.evaluate(NO_LIMIT)
    drag(page, 0.205)
    assert page.locator("#here").get_attribute("data-alpha") == "0.205"
    assert (
        listed(page) == payload["users"][0]["lists"][POSITIONS.index(0.2)]
    )  # the nearest, at once
    page.wait_for_function("sent.length === 1")
    drag(page, 0.235)  # while the question is out, no other is asked
    assert page.evaluate("sent") == [{"type": "lists", "alpha": 0.205, "user": 0}]
    answer = {"type": "lists", "alpha": 0.205, "user": 0, "list": list(range(40, 50))}
    page.evaluate("(answer) => fire('msg:custom', answer)", answer)
    page.wait_for_function("sent.length === 2")
    assert page.evaluate("sent[1].alpha") == 0.235
    answer = {
        "type": "lists", "alpha": 0.235, "user": 0, "target_rank": 3,
        "list": [60, *range(30, 39)], "items": [{"title": "Fresh", "bucket": 3, "users": 2}],
    }  # fmt: skip
    page.evaluate("(answer) => fire('msg:custom', answer)", answer)
    assert listed(page) == answer["list"]
    assert f"Top 10 at {ALPHA}\u00a0=\u00a00.235" in page.locator(".btsr-now h4").inner_text()
    assert "Fresh" in page.locator(".btsr-list").inner_text()
    drag(page, 0.255)
    page.wait_for_function("sent.length === 3")
    page.evaluate("fire('msg:custom', { type: 'error', message: 'no dial is at hand' })")
    assert page.locator(".btsr-notice").inner_text() == "no dial is at hand"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spectrum": ...}, "“spectrum”"),
        ({"version": 7}, "version 7"),
        ({"positions": []}, "“positions” is empty"),
        ({"users": {}}, "“users” is not a list"),
        ({"default": {"metric": "map", "k": 3}}, "map@3"),
    ],
)
def test_a_bad_payload_is_told(opened, changes, words):
    payload = made_up_payload(**changes) | changes
    page = opened({k: v for k, v in payload.items() if v is not ...}, is_whole=False)
    told = page.locator("[role=alert]").inner_text()
    assert words in told
    assert "cannot be shown" in told


def test_what_was_not_recorded_is_left_out(opened):
    payload = made_up_payload(densities=None, spectrum=None, users=[])
    page = opened(payload, is_whole=False)
    page.wait_for_function("document.querySelectorAll('.btsr-plot svg.main-svg').length")
    drag(page, 0.4)
    for panel in ("densities", "spectrum", "rank"):
        assert "Not recorded." in page.locator(f'[data-panel="{panel}"]').inner_text()
    assert page.locator(".btsr-user").count() == 0
    assert float(shown(page, "ndcg@10")["value"]) == recorded(payload, "ndcg@10", 0, 0.4)


def test_a_position_without_a_list(opened):
    payload = made_up_payload()
    payload["users"][0]["lists"][POSITIONS.index(0.4)] = None
    page = opened(payload)
    drag(page, 0.4)
    assert "No list was recorded" in page.locator(".btsr-now").inner_text()
    assert listed(page) == []


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_less_motion_is_no_motion(opened, motion):
    page = opened(made_up_payload(), reduced_motion=motion)
    page.evaluate(COUNT_MOVES)
    drag(page, 0.5)
    assert (page.evaluate("moves") > 0) == (motion == "no-preference")
    assert motion != "reduce" or page.evaluate("document.getAnimations().length") == 0


def test_taken_away_it_leaves_nothing(opened):
    page = opened(made_up_payload())
    page.evaluate("end()")
    assert page.locator("#here > *").count() == 0
    assert page.evaluate("handlers.length") == 0


def test_it_reacts_in_the_next_frame_and_says_how_long_that_took(opened):
    """The times are printed for eyes alone: they are the machine's, and what else runs on it."""
    page = opened(made_up_payload())
    steps = [*POSITIONS, *POSITIONS[::-1]]
    for alpha in steps:
        drag(page, alpha)
        assert page.locator("#here").get_attribute("data-alpha") == f"{alpha:g}"
    took = page.evaluate("performance.getEntriesByName('btsr-reaction').map((e) => e.duration)")
    assert len(took) == len(steps)
    median, late = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    print(f"reaction: median {median:.1f} ms, 95th percentile {late:.1f} ms, {len(took)} inputs")  # noqa: T201
