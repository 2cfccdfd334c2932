"""Secrets in addresses, as `https://user:password@host`, stay where the user put them."""

import re

# Greedy to the last @ before a space, since a password may hold one that was not escaped.
IN_AN_ADDRESS = re.compile(r"://(?:[^\s/:@]*:\S*|[^\s/@]+)@")
IN_A_QUERY = re.compile(r"([?&](?:password|token)=)[^&\s]*", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """The text with its addresses, but without the user names and passwords in them."""
    return IN_A_QUERY.sub(r"\1***", IN_AN_ADDRESS.sub("://", text))
