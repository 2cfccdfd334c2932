"""Finished trainings and sweeps, as directories: all that MLflow shows can be made again from them."""
