"""The settings: their schema, and how they are composed, checked and read."""
