"""Answer a user's mistake with one sentence, not a traceback."""

import errno
import gc
import sys
from collections.abc import Callable

from pipeline.console.output import silence

ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EIO: "see `df -h`",
    errno.EFBIG: "see `ulimit -f`",
    errno.EROFS: "copy the project to where you may write",
    errno.EACCES: "see `ls -l` and `lsattr`",
    errno.EPERM: "see `ls -l` and `lsattr`",
}


class UserError(Exception):
    """One sentence for the user: what is wrong, where, and what to do about it."""


def run(main: Callable[[], None]) -> None:
    """Run `main`.

    Exit with 1 and one sentence after a user's mistake or where a file can't be used, and with 130 after Ctrl-C.
    """
    gc.freeze()  # imported modules stay until the end, so the garbage collector need not look at them
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except MemoryError as error:
        sys.exit(f"error: out of memory ({error}): use a smaller network or dataset")
    except BrokenPipeError:  # as by `| head`
        silence()
        sys.exit(1)
    except OSError as error:
        sys.exit(f"error: {in_words(error)}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def in_words(error: OSError) -> str:
    """What is wrong with a file, and what to do about it."""
    what = error.strerror or str(error)
    file = error.filename2 or error.filename  # after a failed copy, the second is the copy
    named = f"{file}: {what}" if file else what
    return f"{named}: {ADVICE[error.errno]}" if error.errno in ADVICE else named


def warn(text: str) -> None:
    """Say something on standard error, and carry on."""
    print(text, file=sys.stderr, flush=True)
