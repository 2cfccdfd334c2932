"""MLflow's UI on a real sweep, in a browser: the pages behind the printed links."""

import json
import socket
from collections.abc import Iterator
from itertools import product

import pytest
from browser import CHROMIUM, Browser, Links, browser, row_of, served_ui, unfold
from conftest import Project, left_after_sigkill
from playwright.sync_api import expect

from pipeline.tracking.publisher import required_store
from pipeline.tracking.view import compare_page, experiment_page, run_page

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: no such command was found")

GRID = ("alpha=0.1,1000000", "init=he,uniform", "iterations=20,30,40,50,60")
SWEEP = "sweep of alpha × init × iterations"
POINTS = product(("he", "uniform"), ("0.1", "1e+06"), (20, 30, 40, 50, 60))
NAMES = {f"{init} α={alpha} · {iterations}" for init, alpha, iterations in POINTS}
SETTLED = 1000  # milliseconds after which a page has asked for all it shows
ACCURACY = "metrics.`final_validation_accuracy`"
COLUMNS = ("params.`alpha`", "params.`init`", "params.`iterations`", ACCURACY, "tags.`outcome`", "tags.`cause`")


@pytest.fixture(scope="module")
def swept(reproduced: Project) -> Project:
    """A project with a sweep of 20 points, ten of which diverge."""
    reproduced.ok("python", "-m", "pipeline.sweep", *GRID)
    return reproduced


@pytest.fixture(scope="module")
def links(swept: Project) -> Iterator[Links]:
    with served_ui(swept) as links:
        yield links


@pytest.fixture(scope="module")
def seen(links: Links) -> Iterator[Browser]:  # noqa: ARG001 (keeps the server running as long as the browser)
    with browser(1500, 1300) as opened:
        yield opened


def test_the_server_ends_with_the_command(reproduced: Project) -> None:
    ui = reproduced.start("python", "-m", "pipeline.ui", "--port", "0")
    assert left_after_sigkill(ui) == []


@needs_chromium
def test_points_fold_under_their_sweep_with_results_as_columns(links: Links, seen: Browser) -> None:
    page = seen.open(links.sweeps)
    expect(page.get_by_role("link", name=SWEEP)).to_be_visible()
    for column in COLUMNS:
        expect(page.locator(f'.ag-header-cell[col-id="{column}"]')).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="α=1e+06")).to_have_count(0)

    unfold(page, SWEEP)
    expect(page.get_by_role("link", name="α=1e+06")).to_have_count(10)
    assert set(page.get_by_role("link", name="α=").all_inner_texts()) >= NAMES
    row = row_of(page, "he α=1e+06 · 60")
    for column, text in zip(COLUMNS, ("1000000.0", "he", "60", "0", "diverged", "alpha_too_large"), strict=True):
        expect(row.locator(f'[col-id="{column}"]')).to_have_text(text)


@needs_chromium
def test_the_other_view_sorts_by_accuracy(links: Links, seen: Browser) -> None:
    page = seen.open(links.best)
    expect(page.get_by_role("button", name="Sort: final_validation_accuracy")).to_be_visible()
    cells = [page.locator(f'[row-index="{row}"] [col-id="{ACCURACY}"]') for row in range(22)]
    expect(cells[-1]).to_have_text("-")  # the sweep, which isn't a training
    accuracies = [cell.inner_text() for cell in cells[:-1]]
    assert [*map(float, accuracies)] == sorted(map(float, accuracies), reverse=True)


@needs_chromium
def test_the_comparison_plots_settings_against_accuracy(links: Links, seen: Browser) -> None:
    page = seen.open(links.best_compared)
    expect(page.get_by_role("heading", name="Comparing 20 Runs from 1 Experiment")).to_be_visible()
    page.locator(".js-plotly-plot").wait_for()
    axes = page.evaluate("document.querySelector('.js-plotly-plot').data[0].dimensions")
    assert [axis["label"] for axis in axes] == ["alpha", "init", "iterations", "final_validation_accuracy"]
    alpha, init, iterations, accuracy = axes
    assert {*alpha["values"]} == {0.1, 1e6}
    assert {*init["ticktext"]} == {"he", "uniform"}
    assert {*iterations["values"]} == {20, 30, 40, 50, 60}
    for place, value in zip(alpha["values"], accuracy["values"], strict=True):
        assert value == 0 if place == 1e6 else 0.5 < value < 1


@needs_chromium
def test_every_point_has_a_learning_curve(links: Links, seen: Browser) -> None:
    page = seen.open(links.best_curves)
    expect(page.get_by_role("heading", name="validation_accuracy").first).to_be_visible()
    expect(page.get_by_text("(validation_accuracy)")).to_have_count(20)  # the legend


@needs_chromium
def test_the_sweeps_page_shows_its_accuracy_map(links: Links, seen: Browser) -> None:
    page = seen.open(links.sweep)
    expect(page.get_by_role("heading", name=SWEEP)).to_be_visible()
    expect(page.get_by_role("img", name="accuracy.png")).to_be_visible()


@needs_chromium
def test_a_run_shows_its_diagnosis_and_pictures(links: Links, seen: Browser) -> None:
    page = seen.open(links.sweeps)
    page.get_by_role("link", name="he α=0.3 · 500").click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report", exact=True).click()
    expect(page.get_by_text("learning_curve.png")).to_be_visible()
    page.get_by_text("diagnosis.md").click()
    expect(page.get_by_text("What to try")).to_be_visible()


def test_with_a_server_it_prints_only_links_without_the_password(swept: Project, links: Links) -> None:
    server = links.sweeps.split("/#")[0]
    printed = swept.ok("python", "-m", "pipeline.ui", MLFLOW_TRACKING_URI=server.replace("://", "://user:secret@"))
    assert [line.strip() for line in printed.splitlines() if "http" in line] == [*links]


def test_plain_mlflow_ui_has_the_views_too(swept: Project) -> None:
    tags = swept.store().get_experiment_by_name("numpy-mlp").tags
    views = [json.loads(tags[f"mlflow.sharedViewState.{key}"]) for key in ("sweeps", "best-digits")]
    assert [view["name"] for view in views] == ["Sweeps", "Best first: digits"]


def test_a_changed_view_is_restored(swept: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(swept.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = swept.store()
    known = store.get_experiment_by_name("numpy-mlp")
    store.set_experiment_tag(known.experiment_id, "mlflow.sharedViewState.sweeps", "{}")
    required_store()
    assert store.get_experiment(known.experiment_id).tags == known.tags


def test_a_port_in_use_is_reported(swept: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        printed = swept.fails("python", "-m", "pipeline.ui", "--port", str(port))
    assert printed.startswith(f"error: port {port} is in use")
    assert len(printed.splitlines()) == 1


@needs_chromium
def test_no_page_of_ours_had_errors_that_mlflows_own_do_not_have(swept: Project, links: Links, seen: Browser) -> None:
    """This comes last: the tests above have opened the other links."""
    for link in (links.spread_compared, links.spread_curves):
        seen.open(link).wait_for_timeout(SETTLED)
    ours = seen.errors_so_far()
    client = swept.store()
    experiment = client.create_experiment("plain")
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for number, run in enumerate(runs):
        client.log_param(run, "size", number)
        client.log_metric(run, "accuracy", number)
    server = links.sweeps.split("/#")[0]
    pages = (run_page(server, experiment, runs[0]), experiment_page(server, experiment, ""))
    for page in (*pages, compare_page(server, experiment, runs)):
        seen.open(page).wait_for_timeout(SETTLED)
    assert ours <= seen.errors_so_far()
