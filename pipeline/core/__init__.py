"""The mathematics, in pure NumPy. It knows nothing of files, DVC, Hydra or MLflow."""
