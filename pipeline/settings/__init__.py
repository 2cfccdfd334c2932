"""The schema of the settings, and where they are composed, checked and read."""
