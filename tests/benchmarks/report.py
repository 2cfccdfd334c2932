"""The measurements as a table and a chart, and the machine they were made on."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from threadpoolctl import threadpool_info

from tests.benchmarks.implementations import OF_OURS, OURS, OURS_STACKED, SGEMM, SIDE
from tests.benchmarks.problems import Problem

OUR_COLOUR, OTHER_COLOUR = "#d95f02", "#1f77b4"
DOTS_PER_INCH = 120


def table(problem: Problem, milliseconds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """A case's rows: how long a network takes, and how many times as long as ours; the fastest first, sgemm last."""
    rounds = pd.DataFrame(milliseconds)
    rows = pd.DataFrame({"milliseconds": rounds.median(), "min": rounds.min(), "max": rounds.max()})
    for our in (OURS_STACKED.name, OURS.name):
        rows[f"{our} is faster by"] = (rows.milliseconds / rows.milliseconds[our]).drop(SGEMM.name, errors="ignore")
    operations = pd.Series(countable(problem))
    rows["GFLOP/s"] = operations / rows.milliseconds / 1e6
    rows = rows.sort_values("milliseconds").sort_index(key=lambda names: names == SGEMM.name, kind="stable")
    rows = rows.rename_axis("implementation").reset_index()
    rows.insert(0, "case", problem.case)
    return rows


def countable(problem: Problem) -> dict[str, int]:
    """The floating-point operations of the implementations for which they are known."""
    if problem.batch_size is not None:
        return {}
    return dict.fromkeys((our.name for our in OF_OURS), problem.arithmetic()) | {SGEMM.name: 2 * SIDE**3}


def efficiency(rows: pd.DataFrame) -> str:
    """Our stack's share of the machine's peak, in a sentence for each case in which it is known."""
    speeds = rows.pivot_table(index="case", columns="implementation", values="GFLOP/s", sort=False)
    return "\n".join(
        f"{case}: {OURS_STACKED.name} does {our:.0f} GFLOP/s, {our / peak:.0%} of sgemm's {peak:.0f}"
        for case, our, peak in speeds[[OURS_STACKED.name, SGEMM.name]].itertuples()
    )


def circumstances(threads: int) -> str:
    """The date and the machine. Call it before measuring, so that the load is that of other programs."""
    blas = next(library for library in threadpool_info() if library["user_api"] == "blas")
    return (
        f"{date.today().isoformat()}, {processor()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} before), "
        f"{threads} thread{'s' * (threads > 1)} each, "
        f"NumPy {version('numpy')}, {blas['internal_api']} {blas['version']} for {blas.get('architecture', 'any')}"
    )


def processor() -> str:
    """The processor's name."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "a processor without a name"


def chart(rows: pd.DataFrame, title: str) -> Figure:
    """A panel for each case, with a bar for each implementation and a line from its fastest to its slowest round."""
    cases = rows[rows.implementation != SGEMM.name].groupby("case", sort=False)
    figure = Figure(figsize=(10, 1 + 2.6 * len(cases)), layout="constrained")
    figure.suptitle(f"Milliseconds per network, the median of the rounds\n{title}", fontsize=9)
    panels = figure.subplots(len(cases), 1, squeeze=False)[:, 0]
    for axes, (case, of_case) in zip(panels, cases, strict=True):
        colours = [OUR_COLOUR if name.startswith("ours") else OTHER_COLOUR for name in of_case.implementation]
        medians = of_case.milliseconds
        reach = [medians - of_case["min"], of_case["max"] - medians]
        bars = axes.barh(of_case.implementation, medians, color=colours, xerr=reach, error_kw={"alpha": 0.4})
        axes.bar_label(bars, [f"{value:.3g}" for value in medians], padding=4, fontsize=8)
        axes.set_title(case, loc="left", fontsize=10)
        axes.margins(x=0.08)
        axes.invert_yaxis()
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def write(rows: pd.DataFrame, title: str, directory: Path) -> None:
    """Write benchmark.csv and benchmark.png."""
    directory.mkdir(parents=True, exist_ok=True)
    rows.to_csv(directory / "benchmark.csv", index=False, float_format="%.6g", lineterminator="\n")
    chart(rows, title).savefig(directory / "benchmark.png", dpi=DOTS_PER_INCH, metadata={"Software": None})
