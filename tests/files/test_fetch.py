"""Fetching a file from a local server, from a directory, and from sources that fail."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.console.errors import UserError
from pipeline.datasets.fetch import fetch

NAME = "digits.gz"
CONTENT = bytes(range(256)) * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    """A mirror with the file in /good and a different one in /other, and which breaks off halfway in /cut."""

    def do_GET(self):
        self.server.asked.append(self.path)
        bodies = {f"/good/{NAME}": CONTENT, f"/other/{NAME}": CONTENT[::-1], f"/cut/{NAME}": CONTENT}
        if self.path not in bodies:
            self.send_error(404)
            return
        body = bodies[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path.startswith("/cut") else body)

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy can't reach this machine at that address
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))  # seconds between checks whether to stop
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def mirror(server):
    """The URL of the mirror."""
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def closed(monkeypatch):
    """The URL of a server that is down: the port is bound, so nothing else can take it, but nothing listens."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def target(tmp_path):
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


def assert_fetched(target):
    assert [path.name for path in target.iterdir()] == [NAME]
    assert (target / NAME).read_bytes() == CONTENT


def error_message(sources, target):
    """The error message that the user gets; also checks that no file is left behind."""
    with pytest.raises(UserError) as caught:
        fetch(NAME, SHA256, sources, target)
    assert list(target.iterdir()) == []
    return str(caught.value)


def test_a_file_is_fetched_over_http(mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/good"], target)
    assert_fetched(target)


def test_a_trailing_slash_in_a_source_does_not_matter(mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/good/"], target)
    assert_fetched(target)


def test_no_other_source_is_tried_once_one_has_the_file(server, mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/good", f"{mirror}/other"], target)
    assert server.asked == [f"/good/{NAME}"]


def test_the_second_mirror_is_tried_when_the_first_is_down(closed, mirror, target):
    fetch(NAME, SHA256, [closed, f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_lacks_the_file(mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/nowhere", f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_has_a_different_file(mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/other", f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_breaks_off(mirror, target):
    fetch(NAME, SHA256, [f"{mirror}/cut", f"{mirror}/good"], target)
    assert_fetched(target)


def test_when_all_mirrors_are_down_each_is_reported(closed, target):
    message = error_message([f"{closed}/one", f"{closed}/two"], target)
    assert NAME in message
    assert f"{closed}/one/{NAME}" in message
    assert f"{closed}/two/{NAME}" in message


def test_each_source_is_reported_with_its_own_reason(closed, mirror, tmp_path, target):
    message = error_message([closed, f"{mirror}/nowhere", f"{mirror}/other", str(tmp_path / "missing")], target)
    assert f"{closed}/{NAME}: " in message
    assert f"{mirror}/nowhere/{NAME}: 404" in message
    assert f"{mirror}/other/{NAME}: its sha256 is not" in message
    assert f"{tmp_path / 'missing' / NAME}: no such file" in message
    assert "dataset.source" in message


def test_a_file_with_the_wrong_checksum_is_not_kept(mirror, target):
    message = error_message([f"{mirror}/other"], target)
    assert f"{mirror}/other/{NAME}" in message
    assert "sha256" in message


def test_a_truncated_file_is_not_kept(mirror, target):
    assert f"{mirror}/cut/{NAME}" in error_message([f"{mirror}/cut"], target)


def test_a_directory_can_be_the_source(tmp_path, target):
    (tmp_path / NAME).write_bytes(CONTENT)
    fetch(NAME, SHA256, [str(tmp_path)], target)
    assert_fetched(target)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_directory_without_the_file_is_reported(tmp_path, target):
    message = error_message([str(tmp_path)], target)
    assert f"{tmp_path / NAME}: no such file" in message


def test_a_damaged_file_in_a_directory_is_not_kept(tmp_path, target):
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    message = error_message([str(tmp_path)], target)
    assert f"{tmp_path / NAME}: its sha256 is not" in message
