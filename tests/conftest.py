"""A tiny dataset, quick to train on, and a browser in which nothing moves, for every test."""

import shutil
from concurrent.futures import Executor, Future

import numpy as np
import pandas as pd
import pytest
import torch
from handmade import TINY
from hypothesis import HealthCheck, settings

from btsr_core.config import Experiment, experiment

torch.set_num_threads(1)  # more only get in each other's way on tensors this small
settings.register_profile(  # a busy machine takes its time
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def tiny_csv(tmp_path_factory):
    """A CSV file of 120 users who walk through 25 items in loose order."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(120):
        start, length = rng.integers(25), rng.integers(3, 12)
        items = (start + np.arange(length) + rng.integers(0, 2, length)) % 25
        times = rng.integers(0, 1000) + np.sort(rng.integers(0, 100, length))
        rows += [(f"u{user}", f"i{item}", time) for item, time in zip(items, times, strict=True)]
    path = tmp_path_factory.mktemp("data") / "walks.csv"
    pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def tiny(tiny_csv) -> Experiment:
    """An experiment that trains in about a second."""
    return experiment(source=str(tiny_csv), **TINY)


class Here(Executor):
    """Does what is submitted at once, and in this process."""

    def submit(self, work, /, *given):
        future = Future()
        try:
            future.set_result(work(*given))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def no_processes():
    """Train here what would get processes of its own, each of which takes seconds to begin."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("study.run", "dial.run", "sweep"):
            patch.setattr(f"btsr_core.{module}.worker_pool", lambda _processes: Here())
        yield


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
PATIENCE = 600_000
"""Milliseconds after which a condition is given up: no machine at work is that slow."""


@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=executable, args=FLAGS, timeout=PATIENCE
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def new_context(browser):
    """Make a context on a desk, where nothing fades or glides: no test has to wait for the end."""
    contexts = []

    def _new_context(**options):
        still = {"viewport": DESKTOP, "reduced_motion": "reduce"}
        context = browser.new_context(**still | options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context

    yield _new_context
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def kept_page(new_context):
    """Return an empty page with options, the same each time: a new one compiles plotly.js anew."""
    pages = {}

    def _kept_page(**options):
        key = repr(sorted(options.items()))
        if key not in pages:
            pages[key] = new_context(**options).new_page()
        page = pages[key]
        page.goto("about:blank")
        page.emulate_media(media="null")  # as a test may have left it
        page.set_viewport_size(options.get("viewport", DESKTOP))
        return page

    return _kept_page


@pytest.fixture
def listen():
    """Note what happens to a page, by the names of events, until the test is over."""
    listening = []

    def _listen(page, **handlers):
        for event, handler in handlers.items():
            page.on(event, handler)
            listening.append((page, event, handler))

    yield _listen
    for page, event, handler in listening:
        page.remove_listener(event, handler)
