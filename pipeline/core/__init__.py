"""The mathematics in pure NumPy. Knows no files, no DVC, no Hydra and no MLflow."""
