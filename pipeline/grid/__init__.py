"""A sweep: its points, the stacks they train in, the workers, and the comparison of results."""
