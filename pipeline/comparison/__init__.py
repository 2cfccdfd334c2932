"""The results of a sweep side by side: every point, every setting, and whether the best is more than luck."""
