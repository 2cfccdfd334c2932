"""A training pipeline for a NumPy multilayer perceptron: DVC stages, Hydra settings, MLflow runs.

Every file here is runnable. The stages are `config`, `source`, `download`, `normalise`, `train` and `evaluate`; the
commands are `sweep`, `track`, `ui`, `doctor` and `heal`. The folders hold their parts: `core` is the mathematics, only
`tracking` uses MLflow, and only `figures` uses matplotlib.
"""
