"""A campaign of faults: kills, full disks, hostile mirrors, broken servers, fuzz and load. `python -m tests.faults`."""
