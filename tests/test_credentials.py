"""Credentials in addresses are never printed, and secrets are not stored."""

import pytest

from pipeline.console.credentials import without_credentials
from pipeline.console.secrets import masked, may_hold_secrets


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cret@host:5000/path",
        "https://user:s3cret@rest@host/",
        "https://s3cret@host/",
        "postgresql+psycopg://:s3cret@127.0.0.1/mlflow",
        "http://user:s3c/s3cret@host",
        "postgresql://host/db?user=me&password=s3cret",
    ],
)
def test_credentials_in_an_address_are_removed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    shown = without_credentials(f"error: {address} can't be reached")
    assert "s3cret" not in shown
    assert "user:" not in shown
    assert shown.startswith("error: ")
    assert shown.endswith(" can't be reached")


def test_other_text_is_left_unchanged() -> None:
    text = "see https://host/a/b@v1 or http://localhost:5000/a@b, mail me@host or type dvc exp run -S alpha=0.1"
    assert without_credentials(text) == text


@pytest.mark.parametrize(
    "line",
    [
        '+API_KEY = "9f8e7d6c5b4a"',
        "+password: hunter2hunter2",
        "-export MLFLOW_TRACKING_TOKEN=abc123def456",
        "+    \"secret\": 'correct-horse',",
        "+AKIA" + 16 * "A",
        "+url = https://host/?x=ghp_" + 36 * "a",
        "+-----BEGIN RSA PRIVATE KEY-----\n+MIIEpAIBAAKCAQEA\n+-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_are_masked(line: str) -> None:
    hidden = masked(line)
    assert "***" in hidden
    for secret in ("9f8e", "hunter2", "abc123", "correct-horse", "AAAA", "aaaa", "MIIE"):
        assert secret not in hidden


def test_code_about_tokens_is_left_unchanged() -> None:
    code = (
        '+    token = page.token or ""\n+def secret(key: str) -> None:\n+    tokens = tokenize(text)\n+password = ask()'
    )
    assert masked(code) == code


@pytest.mark.parametrize(
    "name", [".env", "id_rsa", ".netrc", ".aws/credentials", "conf/mlflow_credentials.json", "a.pem"]
)
def test_files_of_secrets_are_recognised(name: str) -> None:
    assert may_hold_secrets(name)


@pytest.mark.parametrize("name", ["pipeline/train.py", "conf/config.yaml", "tests/core/test_split.py"])
def test_files_of_the_project_are_not_taken_for_secrets(name: str) -> None:
    assert not may_hold_secrets(name)
