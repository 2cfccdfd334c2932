"""Run a command that ends with the process that started it, however that ends: SIGKILL leaves nobody to stop it.

The starter holds the other end of this script's standard input. When it is gone, reading comes to an end.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from threading import Thread


def leashed(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command, away from the terminal's Ctrl-C. Closing its `stdin` ends it and all its processes."""
    script = [sys.executable, "-P", __file__, *command]
    return subprocess.Popen(script, stdin=subprocess.PIPE, env=environment, start_new_session=True)


def end_with_starter() -> None:
    """Wait for the starter to let go, then end this process group."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)


def main() -> None:
    """Run the command in the arguments, and exit as it does."""
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    Thread(target=end_with_starter, daemon=True).start()
    sys.exit(command.wait())


if __name__ == "__main__":
    main()
