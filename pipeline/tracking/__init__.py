"""The one door to MLflow: no other package knows of it."""
