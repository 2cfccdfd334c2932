"""Print although the reader may have gone, as after `| head`."""

import os
import sys


def say(text: str) -> None:
    """Print a text. Work goes on if nobody reads it."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Send whatever is printed from now on to nowhere. Otherwise Python complains again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
