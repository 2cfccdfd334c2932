"""A training pipeline for a NumPy multilayer perceptron: DVC stages, Hydra settings, MLflow runs.

Each file here can be run. The stages are `config`, `download`, `normalise`, `train` and `evaluate`; the commands are
`sweep`, `track`, `ui`, `doctor` and `heal`. What they are made of is in the folders: `core` is the mathematics,
`tracking` the only door to MLflow, and `figures` the only door to matplotlib.
"""
