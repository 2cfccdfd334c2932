"""Keep secrets in addresses, such as `https://user:password@host`, out of anything printed or stored."""

import os
import re

IN_AN_ADDRESS = re.compile(r"://[^\s/?#\"'`]*@")  # greedy, since a password may contain an unescaped @
IN_A_QUERY = re.compile(r"([?&]\w*(?:password|token|secret|key)=)[^&\s]*", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """The text without the user names and passwords in its addresses.

    It also removes those of MLFLOW_TRACKING_URI, however oddly they are written.
    """
    _, _, address = os.environ.get("MLFLOW_TRACKING_URI", "").partition("://")
    own = address.rpartition("@")[0]
    if own:
        text = text.replace(own + "@", "")
    return IN_A_QUERY.sub(r"\1***", IN_AN_ADDRESS.sub("://", text))
