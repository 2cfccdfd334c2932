"""A user's script for the doctor, and the names that it defines."""

import sys
import traceback
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from typing import Any

from pipeline.console.errors import UserError

NEEDED = ("params", "forward", "step", "x", "y")
USE = "`params`, `forward(params, x)`, `step(params, x, y)`, and the batch `x`, `y`"


def defined_in(path: Path) -> dict[str, Any]:
    """What a script defines, after running it as an import would.

    Raises UserError where it can't be run, or lacks one of the names.
    """
    spec = spec_from_file_location(f"examined_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file: name one that defines {', '.join(NEEDED)}, and optionally loss")
    module = module_from_spec(spec)
    sys.path.append(str(path.parent.resolve()))  # where its own imports are found
    sys.modules[spec.name] = module  # where copies of its objects look for their classes
    try:
        with redirect_stdout(StringIO()):
            spec.loader.exec_module(module)
    except SystemExit:
        raise UserError(f"{path} exits before it defines everything") from None
    except SyntaxError as error:
        raise UserError(f"{path} is not valid Python, at line {error.lineno}: {error.msg}") from None
    except Exception as error:
        own = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == spec.origin]
        place = f" at line {own[-1]}" if own else ""
        raise UserError(f"{path} raises {type(error).__name__}{place}: {error}") from None
    if missing := [name for name in NEEDED if not hasattr(module, name)]:
        raise UserError(f"{path} does not define {', '.join(missing)}: {USE}")
    return vars(module)
