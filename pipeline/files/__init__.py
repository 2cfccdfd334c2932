"""What lies on disk: the published datasets, and the directories that the stages hand to each other."""
