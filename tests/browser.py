"""Chromium without a window, on MLflow's UI as `python -m pipeline.ui` serves it."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import NamedTuple

from playwright.sync_api import ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.servers import wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000  # milliseconds for an element to appear
# A new browser gets MLflow's view of language models, and an assistant that opens by itself.
SETTLED = """
    localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
    localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
"""


class Browser:
    """A page, and the errors in its console since it was last asked for them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self.keep)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def keep(self, message: ConsoleMessage) -> None:
        # Whether a layout settles within a frame is a matter of time, not of what is shown.
        if message.type == "error" and "ResizeObserver loop" not in message.text:
            self.errors.append(f"{message.text} {message.location['url']}")

    def open(self, address: str) -> Page:
        """The page of an address, loaded anew: MLflow's own way from one comparison to another loses its runs."""
        self.page.goto("about:blank")
        self.page.goto(address)
        return self.page

    def errors_so_far(self) -> set[str]:
        errors = set(self.errors)
        self.errors.clear()
        return errors


@contextmanager
def browser(width: int, height: int) -> Iterator[Browser]:
    """A new browser, with a window of so many pixels."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(viewport={"width": width, "height": height})
        context.add_init_script(SETTLED)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield Browser(context.new_page())
        chromium.close()


class Links(NamedTuple):
    """What `python -m pipeline.ui` prints of a store with a sweep, in its order."""

    sweeps: str
    best: str
    sweep: str
    best_compared: str
    best_curves: str
    spread_compared: str
    spread_curves: str


@contextmanager
def served_ui(project) -> Iterator[Links]:
    """The links that `python -m pipeline.ui` prints, while it serves them; Ctrl-C ends it."""
    process = project.start("python", "-u", "-m", "pipeline.ui", "--port", "0")
    try:
        printed = "".join(takewhile(lambda line: "until Ctrl-C" not in line, process.stdout))
        links = Links(*re.findall(r"^  (http\S+)$", printed, re.MULTILINE))
        wait_for(links.sweeps.split("/#")[0] + "/health", process)
        yield links
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def unfold(page: Page, run: str) -> None:
    """Unfold what is under a run on the page of all runs."""
    row_of(page, run).get_by_role("button").first.click()


def row_of(page: Page, run: str) -> Locator:
    """The cells of a run's row, which stand in two tables side by side."""
    index = (
        page.locator(".ag-row").filter(has=page.get_by_role("link", name=run, exact=True)).get_attribute("row-index")
    )
    return page.locator(f'.ag-row[row-index="{index}"]')
