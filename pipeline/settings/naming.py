"""A training's settings in a few words, as the name of its run and above its pictures."""

from collections.abc import Mapping
from typing import Any

from pipeline.settings.typed import as_typed

# The settings of conf/config.yaml, which a name leaves out.
USUAL = {
    "dataset": "digits",
    "normalise": "standard",
    "hidden": [20],
    "init_scale": 0.01,
    "reduction": "mean",
    "batch_size": None,
    "precision": "portable",
    "seed": 0,
    "fault": None,
}


def name_of(config: Mapping[str, Any]) -> str:
    """A training's name: alpha, initialisation, iterations, and whatever else differs from the default."""
    return " · ".join([how(config), str(config["iterations"]), *unusual(config)])


def heading_of(config: Mapping[str, Any]) -> str:
    """The dataset, and what is in a training's name."""
    others = unusual({**config, "dataset": USUAL["dataset"]})
    return " · ".join([config["dataset"], how(config), f"{config['iterations']} iterations", *others])


def how(config: Mapping[str, Any]) -> str:
    """The two settings that decide most."""
    return f"{config['init']} α={config['alpha']:g}"


def unusual(config: Mapping[str, Any]) -> list[str]:
    """The settings that differ from the default."""
    return [f"{name} {as_typed(config[name]).strip('[]')}" for name, usual in USUAL.items() if config[name] != usual]
