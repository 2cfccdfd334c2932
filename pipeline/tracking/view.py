"""What MLflow's UI shows of the experiment, and the addresses of its pages."""

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

FINAL_ACCURACY = "final_validation_accuracy"
WIDTHS = {  # of the columns, in pixels and from left to right
    "attributes.`Run Name`": 255,
    "runDateAndNestInfo": 110,  # when it was created
    "params.`dataset`": 70,
    "params.`alpha`": 65,
    "params.`init`": 80,
    "params.`iterations`": 85,
    f"metrics.`{FINAL_ACCURACY}`": 185,
    "tags.`outcome`": 105,
    "tags.`cause`": 175,
}
CHOSEN = [column for column in WIDTHS if column.startswith(("params.", "metrics.", "tags."))]

SWEEPS, BEST = "sweeps", "best-"  # the latter is followed by a dataset's name
SHARED = "mlflow.sharedViewState."  # begins the experiment's tags that are views


def saved_view(name: str, order: str, condition: str = "") -> str:
    """A view for the UI's menu "Views": its columns, and the descending order of the runs that meet a condition."""
    state = {
        "searchFilter": condition,
        "orderByKey": order,
        "orderByAsc": False,
        "selectedColumns": CHOSEN,
        "columnOrder": [*WIDTHS],
        "columnWidths": WIDTHS,
    }
    return json.dumps({"name": name, "createdAt": 0, "state": json.dumps(state)})


def best_first(dataset: str) -> tuple[str, str]:
    """A view of a dataset's trainings, best first: a tag's key and value.

    One ranking of several datasets would mean nothing. The UI folds points under their sweep only if runs are sorted by
    time, so this is a view of its own.
    """
    quote_mark = '"' if "'" in dataset else "'"
    condition = f"params.dataset = {quote_mark}{dataset}{quote_mark}"
    key = BEST + re.sub(r"[^\w-]", "_", dataset, flags=re.ASCII)
    return SHARED + key, saved_view(f"Best first: {dataset}", f"metrics.`{FINAL_ACCURACY}`", condition)


VIEWS = {SHARED + SWEEPS: saved_view("Sweeps", "attributes.start_time")}  # tags of the experiment
NOTE = "mlflow.note.content"  # the tag that is a description
OF_THE_EXPERIMENT = {
    NOTE: "Each training is a run. So is each sweep: its points fold out under it. "
    "**Views** has *Sweeps*, and *Best first* for each dataset, with settings, results and causes as columns."
}
TRAINING = "workflowType=machine_learning"  # without it, a fresh browser shows what MLflow has for language models


def experiment_page(server: str, experiment: str, view: str) -> str:
    """The address of all runs in a view."""
    return f"{server}/#/experiments/{experiment}/runs?{TRAINING}&viewStateShareKey={view}"


def run_page(server: str, experiment: str, run: str, tab: str = "") -> str:
    """The address of a run, or of one of its tabs."""
    return f"{server}/#/experiments/{experiment}/runs/{run}{tab}?{TRAINING}"


def compare_page(server: str, experiment: str, runs: Sequence[str]) -> str:
    """The address of the page that compares runs: settings and results, as parallel coordinates and as a table."""
    return f"{server}/#/compare-runs?runs={in_address(runs)}&experiments={in_address([experiment])}&{TRAINING}"


def curves_page(server: str, experiment: str, runs: Sequence[str], metric: str) -> str:
    """The address of a metric's curves over the iterations, one for each run."""
    chosen = f"metric={in_address(metric)}&plot_metric_keys={in_address([metric])}&x_axis=step"
    return f"{server}/#/metric?runs={in_address(runs)}&experiments={in_address([experiment])}&{chosen}&{TRAINING}"


def in_address(value: Any) -> str:
    """A value as JSON, quoted for MLflow's addresses."""
    return quote(json.dumps(value, separators=(",", ":")), safe=",")
