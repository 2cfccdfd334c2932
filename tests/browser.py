"""Headless Chromium on MLflow's UI, as `python -m pipeline.ui` serves it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from playwright.sync_api import ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.servers import running_ui, wait_for

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
# In a new browser, MLflow shows its view for language models and opens its assistant.
SETTLED = """
    localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
    localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
"""


class Browser:
    """A page, and the errors in its console since the last call of `errors_so_far`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self.keep)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def keep(self, message: ConsoleMessage) -> None:
        # Whether a layout settles within a frame depends on timing, not on the page.
        if message.type == "error" and "ResizeObserver loop" not in message.text:
            self.errors.append(f"{message.text} {message.location['url']}")

    def open(self, address: str) -> Page:
        """Load a page afresh, as MLflow loses the runs when it navigates from one comparison to another."""
        self.page.goto("about:blank")
        self.page.goto(address)
        return self.page

    def errors_so_far(self) -> set[str]:
        errors = set(self.errors)
        self.errors.clear()
        return errors


@contextmanager
def browser(width: int, height: int) -> Iterator[Browser]:
    """A new browser with a window of this size, in pixels."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(viewport={"width": width, "height": height})
        context.add_init_script(SETTLED)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield Browser(context.new_page())
        chromium.close()


class Links(NamedTuple):
    """The links that `python -m pipeline.ui` prints for a store with a sweep, in order."""

    sweeps: str
    best: str
    sweep: str
    best_compared: str
    best_curves: str
    spread_compared: str
    spread_curves: str


@contextmanager
def served_ui(project) -> Iterator[Links]:
    """Run `python -m pipeline.ui`, and yield the links it prints once its server answers."""
    with running_ui(project) as (process, printed):
        links = Links(*re.findall(r"^  (http\S+)$", printed, re.MULTILINE))
        wait_for(links.sweeps.split("/#")[0] + "/health", process)
        yield links


def unfold(page: Page, run: str) -> None:
    """Unfold the children of a run on the page of all runs."""
    row_of(page, run).get_by_role("button").first.click()


def row_of(page: Page, run: str) -> Locator:
    """The cells of a run's row, which are in two tables side by side."""
    index = (
        page.locator(".ag-row").filter(has=page.get_by_role("link", name=run, exact=True)).get_attribute("row-index")
    )
    return page.locator(f'.ag-row[row-index="{index}"]')
