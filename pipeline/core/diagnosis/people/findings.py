"""What an examination reports about a cause: the evidence, the place, and the corrected line."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A cause that was found."""

    cause: str  # a name in `catalogue.CATALOGUE`
    where: str  # a parameter, a layer, or a function
    evidence: str  # how we know: a sentence with numbers
    advice: str  # the corrected line of code
