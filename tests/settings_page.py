"""Print docs/settings.md, from the schema and the comments in conf/: `make docs`."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.settings.schema import DATASETS, Schema, Settings

CONF = Path(__file__).resolve().parents[1] / "conf"
LINE = re.compile(r"^(?:  - )?(\w+): (.*?)(?: # (.*))?$", re.MULTILINE)
SWITCHES = ("retrain", "dry_run")  # of a sweep
HEAD = """# Settings

Made from [schema.py](../pipeline/settings/schema.py) and [conf/](../conf) by `make docs`.

A setting has one name everywhere: in conf/config.yaml, on the command line, in `dvc exp show`, among MLflow's params
(which have only the name of the dataset).
Edit conf/config.yaml and run `dvc repro`, or leave the file alone:

```sh
dvc exp run -S alpha=0.1 -S dataset=mnist
python -m pipeline.sweep alpha=0.1,0.3 init=uniform,he
```

A value that is not allowed gets one sentence, before any work is done:

```console
$ dvc exp run -S init=glorot
error: init can't be "glorot": it must be one of uniform, he, xavier, normal, zeros
```

A misspelt name is caught earlier: `dvc exp run` stops with "unexpected error" and Hydra's message. For a clear
sentence, check the settings first with `python -m pipeline.config`, which then writes nothing:

```console
$ python -m pipeline.config dataset=MNIST
error: there is no dataset MNIST (did you mean mnist?): choose from csv, digits, fashion_mnist, mnist
```

```console
$ python -m pipeline.config alpha=0.1 init=xavier
valid: `dvc exp run -S alpha=0.1 -S init=xavier` trains with it
```
"""


def values_and_comments(file: Path) -> dict[str, tuple[str, str]]:
    """The value and the trailing comment of each name in a file."""
    return {name: (value, comment) for name, value, comment in LINE.findall(file.read_text(encoding="utf-8"))}


def rows(schema: type[Schema], written: dict[str, tuple[str, str]], prefix: str = "") -> Iterable[str]:
    """A row of the table for each setting."""
    for name, field in schema.model_fields.items():
        if name not in ("kind", "name"):
            value, comment = written.get(name, ("", ""))
            cells = [f"`{prefix}{name}`", f"`{value}`" if value else "", field.description or "", comment]
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def table(lines: Iterable[str]) -> list[str]:
    """A table of settings."""
    return ["| setting | value in conf/ | allowed | what it does |", "|---|---|---|---|", *lines, ""]


def page() -> str:
    """The page, as Markdown."""
    lines = [HEAD, *table(rows(Settings, values_and_comments(CONF / "config.yaml")))]
    lines += ["## Of a dataset", "", "These come with the dataset that is chosen; `digits` has none.", ""]
    for file in sorted((CONF / "dataset").glob("*.yaml")):
        kind = yaml.safe_load(file.read_text(encoding="utf-8"))["kind"]
        if own := list(rows(DATASETS[kind], values_and_comments(file), "dataset.")):
            lines += [f"### dataset={file.stem}", "", *table(own)]
    lines += ["## Of a sweep", "", "`python -m pipeline.sweep` also takes these.", ""]
    written = values_and_comments(CONF / "sweep.yaml")
    lines += table(
        [
            *(f"| `{name}` | `{written[name][0]}` | true or false | {written[name][1]} |" for name in SWITCHES),
            "| `hydra.launcher.backend` | `in_process` | in_process, loky or ray | where the points train |",
        ]
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
