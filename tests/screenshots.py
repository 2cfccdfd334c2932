"""Take the screenshots of MLflow's UI in docs/, from a real sweep: `python -m tests.screenshots`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

from tests.browser import browser, served_ui, unfold
from tests.conftest import CHECKOUT, new_project

GRID = ("alpha=0.01,0.1,1,3,6", "init=uniform,he,xavier,normal,zeros", "iterations=100,300,500")
SWEEP = "sweep of alpha × init × iterations"
DRAWN = 1500  # milliseconds for a page to be drawn once its content has arrived


def save(page: Page, name: str) -> None:
    """Save a screenshot of the window without the MLflow assistant's button."""
    page.get_by_role("button", name="MLflow Assistant").evaluate("button => button.style.display = 'none'")
    page.mouse.move(0, 0)
    page.wait_for_timeout(DRAWN)
    page.screenshot(path=CHECKOUT / "docs" / name)


def main() -> None:
    """Run a sweep in a temporary clone, and save three pages."""
    with TemporaryDirectory() as directory:
        project = new_project(Path(directory) / "clone")
        project.ok("dvc", "repro")
        project.ok("python", "-m", "pipeline.sweep", *GRID)
        with served_ui(project) as links, browser(1400, 800) as opened:
            page = opened.open(links.sweeps)
            unfold(page, SWEEP)
            page.get_by_role("button", name="Hide banner").click()
            page.get_by_role("button", name="Toggle sidebar").click()
            save(page, "ui_experiment.png")
            page = opened.open(links.spread_compared)
            page.locator(".js-plotly-plot").wait_for()
            save(page, "ui_compare.png")
            page = opened.open(links.spread_curves)
            page.locator(".js-plotly-plot").wait_for()
            save(page, "ui_curves.png")


if __name__ == "__main__":
    main()
