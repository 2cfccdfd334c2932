"""How long an iteration takes, ours and others': `python -m tests.benchmarks`. Not a test: no time is a failure."""
