"""Train again: with what a diagnosis prescribes, or exactly as before."""
