"""What an examination says: one sentence about a cause, where it is, and the line that mends it."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A cause that was found."""

    cause: str  # a name in `catalogue.CATALOGUE`
    where: str  # a parameter, a layer, a line of the algebra
    evidence: str  # how it is known: a sentence with numbers
    advice: str  # the corrected line, as it would be written
