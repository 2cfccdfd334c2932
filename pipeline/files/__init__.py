"""File formats: published datasets, and the directories that stages pass on."""
