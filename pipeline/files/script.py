"""Load a user's script for the doctor."""

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
    """The names that a script defines. Runs it as an import would.

    Raises UserError if it can't be run, or lacks one of the needed names.
    """
    spec = spec_from_file_location(f"examined_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file: name one that defines {', '.join(NEEDED)}, and optionally loss")
    module = module_from_spec(spec)
    sys.path.append(str(path.parent.resolve()))  # so that it finds its own imports
    sys.modules[spec.name] = module  # so that copies of its objects find their classes
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
