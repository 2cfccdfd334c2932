"""A warning that our code causes fails the test that meets it; that of another library does not."""

import warnings

import pytest


def warn_in(module):
    warnings.warn_explicit("an example", DeprecationWarning, "example.py", 1, module)


@pytest.mark.parametrize("module", ["pipeline", "pipeline.core.network", "hydra_plugins.stacked"])
def test_our_warnings_are_errors(module):
    with pytest.raises(DeprecationWarning):
        warn_in(module)


@pytest.mark.parametrize("module", ["mlflow.store", "hydra_plugins.hydra_optuna_sweeper"])
def test_other_peoples_warnings_are_not(module):
    with warnings.catch_warnings(record=True) as caught:
        warn_in(module)
    assert len(caught) == 1
