"""The slider in JupyterLab and on its page: what it shows is what was recorded, and how fast."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from explorer.test_front import NO_LIMIT
from filelock import FileLock
from test_browser import HTML, ROOT, SCREENSHOTS, server  # noqa: F401

from btsr_core.dial.artefact import load_dial
from btsr_core.dial.choice import chosen_dial
from btsr_core.evaluation.evaluate import top_items_of
from btsr_core.files import write_json
from btsr_core.pages.dials import DEFAULT_SCALING
from btsr_core.pages.results import open_recorded, runs_of
from btsr_core.study.examples import read_examples

pytestmark = pytest.mark.browser

DATASET, READING, K = "movietweetings-100k", "events", 10
ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
LATENCY = ROOT / "_build" / "latency.json"
ASKED = SimpleNamespace(study="", results=str(ROOT / "book" / "results"), mirror="")
STEPS, SCORED = 50, 20
IS_IDLE = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
STANDS = "Number(document.querySelector('.btsr-front').parentElement.dataset.alpha)"
FAILED = ".jp-RenderedText[data-mime-type*=stderr], .jp-RenderedText[data-mime-type*=error]"
HAS_RUN = f"""document.querySelectorAll('.jp-Notebook .takeaway').length === 2
    || document.querySelector('{FAILED}')"""
SETTINGS = {
    # As `make lab` has it: a chapter opens as a notebook.
    "docmanager-extension/plugin": {"defaultViewers": {"markdown": "Jupytext Notebook"}},
    # JupyterLab would ask the network for news and for newer versions of itself.
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}


@pytest.fixture(scope="module")
def recorded():
    """Means over seeds, by metric, bucket and alpha, from the files alone."""
    place = open_recorded(DATASET, ASKED)
    found = {}
    for one, record in runs_of(place, "alpha"):
        if one.point["scaling"] == DEFAULT_SCALING:
            found.setdefault(one.point["alpha"], []).append(record)
    assert tuple(found) == ALPHAS

    dial = chosen_dial(place)  # where there is one, it drives the slider

    def mean(metric, alpha, bucket=0):
        if dial:
            values = [record.value(metric, READING, alpha, bucket) for record in dial.records]
        else:
            values = [record.value(metric, READING, bucket) for record in found[alpha]]
        return np.mean(values)

    return mean


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the chapter."""
    home = tmp_path_factory.mktemp("lab")
    book = home / "project" / "book"
    book.mkdir(parents=True)
    for name in ("book/slider.md", "book/study.toml", "_toc.yml"):
        shutil.copy2(ROOT / name, home / "project" / name)
    (book / "results").symlink_to(ROOT / "book" / "results")
    with running_lab(home) as address:
        yield address


@contextmanager
def running_lab(home):
    """Run JupyterLab on `home/project` with no configuration but this test's; yield its address."""
    for name, settings in SETTINGS.items():
        write_json(home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings", settings)
    folders = {
        f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    folders |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    options = {
        "ServerApp.ip": "127.0.0.1", "ServerApp.port": 0, "ServerApp.port_retries": 0,
        "IdentityProvider.token": "slider", "ServerApp.allow_root": True,
        "LabApp.expose_app_in_browser": True, "LabApp.extension_manager": "readonly",
    }  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", str(home / "project")]
    command += [f"--{name}={value}" for name, value in options.items()]
    with (home / "log").open("wb") as log:
        running = subprocess.Popen(
            command, env=os.environ | folders, stdout=log, stderr=log, start_new_session=True
        )
    told = home / "runtime" / f"jpserver-{running.pid}.json"
    try:
        yield _address_of(running, told, home / "log")
    finally:
        os.killpg(running.pid, signal.SIGTERM)  # its kernels too
        running.wait()


def _address_of(running, told, log):
    while True:
        try:
            address = f"http://127.0.0.1:{json.loads(told.read_text())['port']}"
            urllib.request.urlopen(f"{address}/api?token=slider").close()
        except (OSError, ValueError):  # not there yet, or half written
            assert running.poll() is None, log.read_text()
            time.sleep(0.25)
        else:
            return address


@pytest.fixture
def opened(new_context):
    """Open an address on this machine, and tell what went wrong there; nothing leaves it."""
    contexts = []

    def _open(address, site, **options):
        context = new_context(**options)
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))

        def keep_in(route):
            if route.request.url.startswith((site, "data:", "blob:")):
                route.continue_()
            else:
                faults.append(f"outside: {route.request.url}")
                route.abort()

        context.route("**/*", keep_in)
        page.goto(address, wait_until="load")
        return page, faults

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def in_lab(lab, opened):
    """The chapter in JupyterLab, all of whose cells have run."""
    page, faults = opened(f"{lab}/lab/tree/book/slider.md?token=slider&reset", lab)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(IS_IDLE)  # else JupyterLab asks for a kernel
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(HAS_RUN)
    assert page.locator(FAILED).all_inner_texts() == []
    page.wait_for_selector(".btsr-front output[data-quantity]", state="attached")
    return page, faults


@pytest.fixture(params=["http", "file"])
def on_page(request, opened, server):  # noqa: F811
    """The page of the chapter, on a server and opened as a file."""
    site = server if request.param == "http" else HTML.as_uri()
    page, faults = opened(f"{site}/book/slider.html", site)
    page.wait_for_selector(".btsr-front output[data-quantity]", state="attached")
    return page, faults


def _shown(page, metric, bucket=0):
    place = f".btsr-front output[data-quantity='{metric}'][data-bucket='{bucket}']"
    return float(page.locator(place).first.get_attribute("data-value"))


def _is_at(page, alpha):
    page.wait_for_function(
        f"[...document.querySelectorAll('.btsr-front output[data-quantity]')]"
        f".every(output => output.dataset.alpha === '{alpha:g}')"
    )


def _titles(page):
    return page.locator(".btsr-front table.btsr-list .btsr-title strong").all_inner_texts()


def _assert_recorded(page, recorded, alpha):
    for metric in (f"ndcg@{K}", f"cov@{K}"):
        assert _shown(page, metric) == pytest.approx(recorded(metric, alpha), rel=1e-4)
    for bucket in (1, 2, 3):
        wanted = recorded(f"ndcg@{K}", alpha, bucket)
        assert _shown(page, f"ndcg@{K}", bucket) == pytest.approx(wanted, rel=1e-4)


def _step_to_the_next(page):
    """Press the arrow until the slider stands at a trained alpha, or at its end."""
    for _ in range(100):
        before = page.evaluate(STANDS)
        if before == ALPHAS[-1]:
            return
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"before => {STANDS} !== before", arg=before)
        if page.evaluate(STANDS) in ALPHAS:
            return
    raise AssertionError(f"the slider stands at {before}")


def _drag(page, recorded, screenshots=()):
    """Go from 0 to 0.5, by keys and then with the mouse, and compare what is shown on the way."""
    slider = page.locator(".btsr-front input[type=range]")
    slider.scroll_into_view_if_needed()
    slider.focus()
    page.keyboard.press("Home")
    lists = {}
    for alpha in ALPHAS:
        _is_at(page, alpha)
        _assert_recorded(page, recorded, alpha)
        assert (
            slider.get_attribute("aria-valuetext") == f"\N{GREEK SMALL LETTER ALPHA} = {alpha:.2f}"
        )
        lists[alpha] = _titles(page)
        if alpha in screenshots:
            page.screenshot(path=SCREENSHOTS / f"lab-{alpha:g}.png")
        _step_to_the_next(page)
    assert all(len(titles) == 10 for titles in lists.values())
    assert lists[ALPHAS[0]] != lists[ALPHAS[-1]]
    page.keyboard.press("Home")
    _is_at(page, 0)
    box = slider.bounding_box()
    left, middle = box["x"] + box["height"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(left, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] - 1, middle, steps=4)
    page.mouse.up()
    _is_at(page, ALPHAS[-1])
    _assert_recorded(page, recorded, ALPHAS[-1])
    assert _titles(page) == lists[ALPHAS[-1]]


def _measure_latency(page, name):
    """Step to and fro, and write down how long the page took to show each position."""
    page.locator(".btsr-front input[type=range]").focus()
    page.keyboard.press("Home")
    _is_at(page, 0)
    page.evaluate("performance.clearMeasures('btsr-reaction')")
    forward, done = True, 0
    while done < STEPS:
        for _ in ALPHAS[1:]:
            page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
            done += 1
            page.wait_for_function(
                f"performance.getEntriesByName('btsr-reaction').length >= {done}"
            )
        forward = not forward
    _note_latency(page, name, "btsr-reaction")


def _note_latency(page, name, measure):
    """Into `_build/latency.json`, for eyes alone: the times are the machine's, and its load's."""
    taken = page.evaluate(
        "name => performance.getEntriesByName(name).map(e => e.duration)", measure
    )
    median, late = np.quantile(taken, [0.5, 0.95])
    own = {"median_ms": median, "p95_ms": late, "steps": len(taken), "load": os.getloadavg()[0]}
    with FileLock(LATENCY.with_suffix(".lock")):  # other tests run beside this one
        figures = json.loads(LATENCY.read_text()) if LATENCY.is_file() else {}
        write_json(LATENCY, figures | {name: own})


def _score_between_positions(page, model_at, examples, settings):
    """Stand where no list is recorded: the kernel makes one, which is that of the dial's model."""
    page.select_option(".btsr-front select[data-field=user]", index=0)
    slider = page.locator(".btsr-front input[type=range]")
    slider.focus()
    page.evaluate(NO_LIMIT)
    page.keyboard.press("End")
    page.evaluate("performance.clearMeasures('btsr-scored')")
    for done in range(1, SCORED + 1):
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"performance.getEntriesByName('btsr-scored').length >= {done}")
        if done == 1:
            alpha = float(slider.input_value())
            assert alpha == 0.495
            best, _ = top_items_of(
                model_at(alpha), examples.histories[0], settings.model.max_len, K,
                exclude_seen=settings.evaluation.exclude_seen,
            )  # fmt: skip
            assert _titles(page) == examples.items["title"].iloc[best].tolist()
        page.keyboard.press("ArrowLeft")  # past the next position that is recorded
    _note_latency(page, "lab, scored", "btsr-scored")


def test_dragged_in_jupyterlab(in_lab, recorded):
    page, faults = in_lab
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    _drag(page, recorded, screenshots=(0.0, 0.2, 0.5))
    _measure_latency(page, "lab")
    place = open_recorded(DATASET, ASKED)
    chosen = chosen_dial(place)
    if chosen and chosen.artefact:
        dial, settings = load_dial(chosen.artefact), chosen.records[0].config.experiment
        _score_between_positions(page, dial.model_at, read_examples(place.folder), settings)
        page.keyboard.press("Home")
        _is_at(page, 0)
    page.select_option(".btsr-front select[data-field=metric]", label="mrr")
    page.wait_for_selector(f".btsr-front output[data-quantity='mrr@{K}']", state="attached")
    assert _shown(page, f"mrr@{K}") == pytest.approx(recorded(f"mrr@{K}", 0), rel=1e-4)
    assert faults == []


def test_dragged_on_its_page(on_page, recorded, request):
    page, faults = on_page
    _drag(page, recorded)
    _measure_latency(page, f"page, {request.node.callspec.params['on_page']}")
    assert faults == []
