"""A sweep: its points, their stacks, where these are trained, and how the results compare."""
