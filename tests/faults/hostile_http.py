"""A server for answers that no server should give: a fault gets a request, and what a good server would answer."""

import gzip
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Fault = Callable[["Request", bytes], None]
CHUNK = bytes(2**16)
HANGS = 600.0  # seconds


class Request(BaseHTTPRequestHandler):
    """A request, of any method, that the server's `answer` answers."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.close_connection = True
        self.sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with suppress(OSError):  # the client has had enough
            cast(HostileServer, self.server).answer(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    @property
    def file(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def start(self, status: int = 200, **headers: object) -> None:
        """Send the status and the headers; an underscore stands for a hyphen."""
        self.send_response(status)
        for name, value in ({"Connection": "close"} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def reply(self, content: bytes, status: int = 200, **headers: object) -> None:
        """Answer as a good server would."""
        self.start(status, **{"Content_Length": len(content)} | headers)
        self.write(content)

    def refuse(self, content: bytes, status: int) -> None:  # noqa: ARG002
        """Answer with an error's status."""
        self.reply(b"no", status, Retry_After=3600)

    def pause(self, seconds: float) -> None:
        """Wait, unless the server is stopped."""
        if cast(HostileServer, self.server).stopped.wait(seconds):
            raise ConnectionAbortedError

    def write(self, *pieces: bytes) -> None:
        """Send some bytes."""
        self.wfile.write(b"".join(pieces))

    def reset(self) -> None:
        """Break the connection off, as if the machine were gone."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name is the standard library's)
        """Say nothing."""


class HostileServer(ThreadingHTTPServer):
    """A server on a port of 127.0.0.1; 0 is any free one."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Request], None], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.answer = answer
        self.stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Run the server, and yield its URL."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{self.server_port}"
        finally:
            self.stopped.set()
            self.shutdown()
            self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a broken connection is what this is for."""


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def zeros(megabytes: int) -> bytes:
    """Gzipped zeros, in a thousandth of their size: gzip takes pieces in a row for one file."""
    return gzip.compress(bytes(2**20), mtime=0) * megabytes


def one_bit_flipped(request: Request, content: bytes) -> None:
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    request.reply(bytes(changed))


def cut_short(request: Request, content: bytes) -> None:
    request.start(Content_Length=len(content))
    request.write(half(content))


def cut_short_of_unknown_length(request: Request, content: bytes) -> None:
    request.start()
    request.write(half(content))


def broken_chunks(request: Request, content: bytes) -> None:
    request.start(Transfer_Encoding="chunked")
    request.write(b"zz\r\n", content)


def reset_in_the_body(request: Request, content: bytes) -> None:
    cut_short(request, content)
    request.reset()


def hang_after_headers(request: Request, content: bytes) -> None:
    request.start(Content_Length=len(content))
    request.pause(HANGS)


def hang_in_the_body(request: Request, content: bytes) -> None:
    cut_short(request, content)
    request.pause(HANGS)


def endless_headers(request: Request, _: bytes) -> None:
    request.write(b"HTTP/1.1 200 OK\r\n", *(b"X-%d: 0\r\n" % number for number in range(10**5)))


def endless_body(request: Request, _: bytes) -> None:
    request.start()
    while True:
        request.write(CHUNK)
        request.pause(0.002)


def endless_chunks(request: Request, _: bytes) -> None:
    request.start(Transfer_Encoding="chunked")
    while True:
        request.write(b"%x\r\n" % len(CHUNK), CHUNK, b"\r\n")
        request.pause(0.002)


def endless_trickle(request: Request, _: bytes) -> None:
    request.start()
    while True:
        request.write(b"0")
        request.pause(0.3)


def endless_continue(request: Request, _: bytes) -> None:
    while True:
        request.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.pause(0.05)


def slow(request: Request, content: bytes) -> None:
    request.start(Content_Length=len(content))
    piece = len(content) // 10 + 1
    for start in range(0, len(content), piece):
        request.write(content[start : start + piece])
        request.pause(0.05)


def byte_by_byte(request: Request, content: bytes) -> None:
    request.start(Content_Length=len(content))
    for place in range(len(content)):
        request.write(content[place : place + 1])


def in_chunks(request: Request, content: bytes) -> None:
    request.start(Transfer_Encoding="chunked")
    for start in range(0, len(content), 7):
        piece = content[start : start + 7]
        request.write(b"%x\r\n" % len(piece), piece, b"\r\n")
    request.write(b"0\r\n\r\n")


def of_unknown_length(request: Request, content: bytes) -> None:
    request.start()
    request.write(content)


def named(*faults: Fault) -> dict[str, Fault]:
    return {fault.__name__: fault for fault in faults}


# The content arrives, if in an odd way.
HARMLESS = named(slow, byte_by_byte, in_chunks, of_unknown_length) | {
    "of_another_type": lambda r, content: r.reply(content, Content_Type="text/html; charset=latin-1"),
}
# Another answer, or none.
WRONG = (
    named(one_bit_flipped, cut_short, cut_short_of_unknown_length, broken_chunks, reset_in_the_body)
    | named(hang_after_headers, hang_in_the_body, endless_headers)
    | {f"status_{code}": partial(Request.refuse, status=code) for code in (401, 403, 404, 413, 429, 500, 502, 503)}
    | {
        "other_bytes": lambda r, content: r.reply(random.Random(0).randbytes(len(content))),
        "consistently_cut_short": lambda r, content: r.reply(half(content)),
        "longer": lambda r, content: r.reply(content + CHUNK),
        "empty": lambda r, _: r.reply(b""),
        "no_content": lambda r, _: r.start(204),
        "html_page": lambda r, _: r.reply(b"<!DOCTYPE html><title>Log in</title>", Content_Type="text/html"),
        "length_too_short": lambda r, content: r.reply(content, Content_Length=len(content) - 10),
        "length_of_a_petabyte": lambda r, content: r.reply(content, Content_Length=10**15),
        "length_that_is_no_number": lambda r, content: r.reply(half(content), Content_Length="many"),
        "length_below_zero": lambda r, content: r.reply(half(content), Content_Length=-1),
        "encoding_that_is_none": lambda r, content: r.reply(content[::-1], Content_Encoding="gzip"),
        "redirect_to_a_file": lambda r, _: r.reply(b"", 302, Location="file:///etc/hostname"),
        "redirect_in_a_loop": lambda r, _: r.reply(b"", 302, Location=r.path),
        "redirect_to_nobody": lambda r, _: r.reply(b"", 302, Location="http://127.0.0.1:1/"),
        "redirect_to_no_address": lambda r, _: r.reply(b"", 302, Location="http://[::1"),
        "redirect_without_address": lambda r, _: r.reply(b"", 302),
        "hang_before_headers": lambda r, _: r.pause(HANGS),
        "reset_at_once": lambda r, _: r.reset(),
        "hung_up": lambda *_: None,
        "no_http": lambda r, _: r.write(b"\x16\x03\x01\0\xff what\r\n\r\n"),
        "long_header": lambda r, _: r.write(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10**6),
    }
)
# It goes on for as long as the client listens.
ENDLESS = named(endless_body, endless_chunks, endless_trickle, endless_continue) | {
    "bomb": lambda r, _: r.reply(zeros(4096)),
    "bomb_as_encoding": lambda r, _: r.reply(zeros(4096), Content_Encoding="gzip"),
}
FAULTS: dict[str, Fault] = HARMLESS | WRONG | ENDLESS
