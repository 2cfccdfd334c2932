"""Credentials in addresses are never printed."""

import pytest

from pipeline.console.credentials import without_credentials


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
