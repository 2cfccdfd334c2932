"""What trains: the mathematics of `core.network` for many networks at once, made fast, and the same bits everywhere.

To be read in this order: `exact` (products without a rounding error), `precision` (the two kinds of arithmetic),
`stack` (many networks as one), `staircase` (how images are laid out), `block` (one pass over a block of them), and
`engine` and `minibatches`, which put blocks together.
"""
