"""From settings and a dataset to trained networks and their diagnoses."""
