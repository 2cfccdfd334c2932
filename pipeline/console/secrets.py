"""Keep keys, tokens and passwords out of texts and files that are stored."""

import re

# Names of what people call a secret, and a value after them: in quotes, or a word that mixes letters and digits.
NAMED = re.compile(
    r"""(?ix) (?P<name> \b[\w.-]*(?:password|passwd|secret|token|api_?key|access_?key)[\w.-]*["']?\s*[:=]\s*)
    (?: (?P<quote>["'])[^"'\s]{6,}(?P=quote) | (?=\S*\d)(?=\S*[a-z])[\w+/=-]{8,}$ )""",
    re.MULTILINE,
)
WELL_KNOWN = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|hf_\w{30,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,})"
)
PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
SECRET_FILE = re.compile(
    r"(?i)(?:^|/)\.|password|passwd|secret|credential|token|(?:^|/)id_[a-z0-9]+$|\.(?:pem|key|p12|pfx)$"
)


def masked(text: str) -> str:
    """The text with *** in place of what looks like a secret."""
    text = PRIVATE_KEY.sub(r"\1***\2", text)
    return WELL_KNOWN.sub("***", NAMED.sub(r"\g<name>***", text))


def may_hold_secrets(name: str) -> bool:
    """Whether a file's path looks like that of keys or credentials. Hidden files do."""
    return SECRET_FILE.search(name) is not None
