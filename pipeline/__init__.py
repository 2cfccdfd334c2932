"""A training pipeline for a NumPy multilayer perceptron: DVC stages, Hydra settings, MLflow runs.

The stages are `config`, `download`, `normalise`, `train` and `evaluate`, a module each; `sweep` trains a grid, with
what is in `grid`; `track` works with the runs; `doctor` checks a network of one's own. `core` is the mathematics,
`files` is what lies on disk, `tracking` is the only door to MLflow and `figures` the only door to matplotlib.
"""
