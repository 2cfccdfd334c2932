"""Fetching a file from a local server, from a directory, and from sources that fail."""

import hashlib
import os
import re
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain

import pytest

from pipeline.console.errors import UserError
from pipeline.datasets import fetch as module
from pipeline.datasets.fetch import Published
from pipeline.datasets.fetch import fetch as fetch_at

NAME = "digits.gz"
CONTENT = bytes(range(256)) * 100
FILE = Published(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
PATIENCE_SECONDS = 0.4
SLOWEST = 1000  # bytes per second
OK = b"HTTP/1.1 200 OK\r\n"
MANY = 1000  # steps of 64 KiB after which a server that never ends gives up


def fetch(sources, target):
    return fetch_at(FILE, sources, target, SLOWEST)


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


class Raw(BaseHTTPRequestHandler):
    """A mirror that sends exactly the steps of its server, whatever it is asked."""

    def handle(self):
        self.rfile.readline()
        with suppress(OSError):  # the client went away
            for step in self.server.steps:
                self.wfile.write(step)


def paused(steps, seconds):
    """Yield the steps with pauses before them."""
    for step in steps:
        time.sleep(seconds)
        yield step


def drip(text, pause=PATIENCE_SECONDS / 2):
    """Yield the text byte by byte."""
    return paused((text[position : position + 1] for position in range(len(text))), pause)


def without_end(start, sent):
    """Yield a start, then the same step over and over, and count the steps in `sent`."""
    yield start
    while len(sent) < MANY:
        sent.append(None)
        yield b"1" * 2**16


@contextmanager
def serving(handler):
    """A running server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))  # seconds between checks whether to stop
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def without_a_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy can't reach this machine at that address


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def server():
    with serving(Mirror) as running:
        yield running


@pytest.fixture
def misbehaving():
    """A function to start a mirror that sends these steps. It returns its URL."""
    with serving(Raw) as running:

        def start(steps):
            running.steps = steps
            return f"http://127.0.0.1:{running.server_port}"

        yield start


@pytest.fixture
def mirror(server):
    """The URL of the mirror."""
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def closed():
    """The URL of a server that is down: the port is bound, so nothing else can take it, but nothing listens."""
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
        fetch(sources, target)
    assert list(target.iterdir()) == []
    return str(caught.value)


def test_a_file_is_fetched_over_http(mirror, target):
    fetch([f"{mirror}/good"], target)
    assert_fetched(target)


def test_a_trailing_slash_in_a_source_does_not_matter(mirror, target):
    fetch([f"{mirror}/good/"], target)
    assert_fetched(target)


def test_no_other_source_is_tried_once_one_has_the_file(server, mirror, target):
    fetch([f"{mirror}/good", f"{mirror}/other"], target)
    assert server.asked == [f"/good/{NAME}"]


def test_the_second_mirror_is_tried_when_the_first_is_down(closed, mirror, target):
    fetch([closed, f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_lacks_the_file(mirror, target):
    fetch([f"{mirror}/nowhere", f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_has_a_different_file(mirror, target):
    fetch([f"{mirror}/other", f"{mirror}/good"], target)
    assert_fetched(target)


def test_the_second_mirror_is_tried_when_the_first_breaks_off(mirror, target):
    fetch([f"{mirror}/cut", f"{mirror}/good"], target)
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
    fetch([str(tmp_path)], target)
    assert_fetched(target)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_directory_without_the_file_is_reported(tmp_path, target):
    message = error_message([str(tmp_path)], target)
    assert f"{tmp_path / NAME}: no such file" in message


def test_a_damaged_file_in_a_directory_is_not_kept(tmp_path, target):
    (tmp_path / NAME).write_bytes(CONTENT[::-1])
    message = error_message([str(tmp_path)], target)
    assert f"{tmp_path / NAME}: its sha256 is not" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT[:-1], f"it has {len(CONTENT) - 1} bytes, but the published file has {len(CONTENT)}"),
        (CONTENT + b"!", f"it has more than the {len(CONTENT)} bytes of the published file"),
    ],
)
def test_a_file_of_another_size_is_reported(tmp_path, target, content, words):
    (tmp_path / NAME).write_bytes(content)
    assert f"{tmp_path / NAME}: {words}" in error_message([str(tmp_path)], target)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_not_a_file_is_not_read(tmp_path, target, make):
    make(tmp_path / NAME)
    assert f"{tmp_path / NAME}: it is not a file" in error_message([str(tmp_path)], target)


SLOW = {
    "nothing": lambda: drip(OK, pause=2 * PATIENCE_SECONDS),
    "a header byte by byte": lambda: drip(OK + b"X-Header: without end"),
    "a file byte by byte": lambda: chain([OK + b"\r\n"], drip(CONTENT)),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("steps", SLOW.values(), ids=SLOW)
def test_a_slow_mirror_is_given_up_and_comes_last_for_the_next_file(misbehaving, mirror, target, steps):
    slow, good = misbehaving(steps()), f"{mirror}/good"
    assert fetch([slow, good], target) == [good, slow]
    assert_fetched(target)


@pytest.mark.usefixtures("impatient")
def test_a_mirror_that_becomes_slow_is_reported_with_what_it_sent_of_late(misbehaving, target):
    half = len(CONTENT) // 2
    url = misbehaving(chain([OK + b"\r\n" + CONTENT[:half]], drip(CONTENT[half:], pause=0.75 * PATIENCE_SECONDS)))
    found = re.search(rf"{url}/{NAME}: it sent (\d+) bytes in {PATIENCE_SECONDS} seconds", error_message([url], target))
    assert int(found[1]) < half


@pytest.mark.usefixtures("impatient")
def test_a_mirror_that_keeps_the_pace_is_waited_for(misbehaving, target):
    pieces = (CONTENT[start : start + 1280] for start in range(0, len(CONTENT), 1280))
    fetch([misbehaving(chain([OK + b"\r\n"], paused(pieces, PATIENCE_SECONDS / 8)))], target)
    assert_fetched(target)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_mirror_that_failed_at_once_keeps_its_place(closed, mirror, target):
    sources = [closed, f"{mirror}/nowhere", f"{mirror}/good"]
    assert fetch(sources, target) == sources


ENDLESS = {
    "the body": OK + b"\r\n",
    "a chunk's length": OK + b"Transfer-Encoding: chunked\r\n\r\n",
    "the body of a redirect": b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 999999999\r\n\r\n",
    "the page of an error": b"HTTP/1.1 404 Not Found\r\n\r\n",
}


@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_not_read_to_the_end(misbehaving, target, start):
    sent = []
    error_message([misbehaving(without_end(start, sent))], target)
    assert len(sent) < MANY


def test_a_body_that_is_too_long_is_reported(misbehaving, target):
    url = misbehaving([OK + b"\r\n" + CONTENT + b"!"])
    message = error_message([url], target)
    assert f"{url}/{NAME}: it has more than the {len(CONTENT)} bytes of the published file" in message


def test_a_file_is_kept_as_it_was_sent(misbehaving, target):
    # Some servers call a .gz file's bytes an encoding. Unpacking them would change the file, and admit bombs.
    fetch([misbehaving([OK + b"Content-Encoding: gzip\r\n\r\n" + CONTENT])], target)
    assert_fetched(target)


def test_a_long_answer_is_shortened(misbehaving, target):
    url = misbehaving([b"HTTP/1.1 404 " + b"no " * 10_000 + b"\r\n\r\n"])
    assert len(error_message([url], target)) < 1000
