"""How long our and others' iterations take: `python -m tests.benchmarks`. Not a test, as no time is a failure."""
