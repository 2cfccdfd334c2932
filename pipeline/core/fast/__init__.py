"""The code that trains: the mathematics of `core.network` for many networks at once, fast and reproducible to the bit.

Read it in this order: `exact` (products without rounding errors), `precision` (the kinds of arithmetic), `stack` (many
networks as one), `staircase` (the layout of images), `block` (one pass over a block of images), then `engine` and
`minibatches`, which combine blocks.
"""
