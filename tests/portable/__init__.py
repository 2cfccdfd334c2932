"""Trainings whose hashes are committed in hashes.json, to be reproduced on every kind of processor."""
