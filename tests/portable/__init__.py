"""Trainings whose bits are committed, to be made again on every kind of processor: see hashes.json."""
