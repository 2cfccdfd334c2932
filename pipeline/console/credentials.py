"""Secrets in addresses, as `https://user:password@host`, stay where the user put them."""

import os
import re

IN_AN_ADDRESS = re.compile(r"://[^\s/?#\"'`]*@")  # greedy: a password may hold an @ that was not escaped
IN_A_QUERY = re.compile(r"([?&]\w*(?:password|token|secret|key)=)[^&\s]*", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """The text with its addresses, but without the user names and passwords in them.

    Those of MLFLOW_TRACKING_URI are found however they are written.
    """
    _, _, address = os.environ.get("MLFLOW_TRACKING_URI", "").partition("://")
    own = address.rpartition("@")[0]
    if own:
        text = text.replace(own + "@", "")
    return IN_A_QUERY.sub(r"\1***", IN_AN_ADDRESS.sub("://", text))
