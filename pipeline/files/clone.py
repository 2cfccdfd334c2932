"""Run a command that needs the project around it, not only its code."""

from collections.abc import Callable

from pipeline.console.errors import UserError, run
from pipeline.files.paths import CHECKOUT


def run_in_a_clone(main: Callable[[], None]) -> None:
    """Like `run`, but refuse to start where pip installed the code: there are no settings and no stages."""

    def checked() -> None:
        if not (CHECKOUT / "dvc.yaml").exists():
            raise UserError(
                f"this command needs a Git clone of the project, and {CHECKOUT} has only its code: run it in a clone; "
                "only `python -m pipeline.doctor` works anywhere"
            )
        main()

    run(checked)
