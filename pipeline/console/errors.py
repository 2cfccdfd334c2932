"""A user's mistake is answered in one sentence, without a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """What is wrong, where, and what to do, in one sentence for the user."""


def run(main: Callable[[], None]) -> None:
    """Run `main`; end with exit code 1 and one sentence after a user's mistake, with 130 after Ctrl-C."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory ({error}): use a smaller network or dataset")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
