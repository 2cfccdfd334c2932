"""Answer a user's mistake with one sentence, not a traceback."""

import sys
from collections.abc import Callable

from pipeline.console.output import silence


class UserError(Exception):
    """One sentence for the user: what is wrong, where, and what to do about it."""


def run(main: Callable[[], None]) -> None:
    """Run `main`. Exit with 1 and one sentence after a user's mistake, and with 130 after Ctrl-C."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory ({error}): use a smaller network or dataset")
    except BrokenPipeError:  # as by `| head`
        silence()
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
