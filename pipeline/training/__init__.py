"""Train and diagnose networks, given settings and a dataset."""
