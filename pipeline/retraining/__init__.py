"""Training once more: with what a diagnosis prescribes, or exactly as a run was trained."""
