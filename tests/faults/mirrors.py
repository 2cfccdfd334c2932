"""Hostile mirrors: raw/ is replaced as a whole or not at all, in bounded time, memory and space."""

import random
import time
from contextlib import ExitStack

from tests.conftest import Project
from tests.faults.hostile_http import FAULTS, HARMLESS, HostileServer, Request, zeros
from tests.faults.nothing_lost import checksums
from tests.faults.part import Case, Part
from tests.faults.place import Place
from tests.faults.published import NAMES, choose, published_files

SECONDS = 100  # for a download that one mirror spoils, and another may complete
BYTES = 50e6  # on disk, for files of a few kilobytes
MEMORY = 3e9  # bytes of address space
DOWNLOAD = ("prlimit", f"--as={MEMORY:.0f}", "python", "-m", "pipeline.download")
BOMB, PLAIN, REFUSED = "bomb_with_the_right_sha256", "https_without_tls", "refused"
KINDS = [*FAULTS, BOMB, PLAIN, REFUSED]


class Mirrors(Part):
    """A mirror that answers one request for a file of MNIST's as it shouldn't, alone or before a good mirror."""

    name = "mirrors"
    cases = 60

    def __init__(self, place: Place, resources: ExitStack) -> None:
        super().__init__(place, resources)
        self.files = published_files()
        self.hostile = HostileServer(self.good)
        self.url = resources.enter_context(self.hostile.running())
        self.good_url = resources.enter_context(HostileServer(self.good).running())

    def good(self, request: Request) -> None:
        """Answer as a good mirror would."""
        request.reply(self.files[request.file])

    def case(self, number: int, rng: random.Random) -> Case:
        kind, spoilt, followed = KINDS[number % len(KINDS)], rng.choice([*NAMES.values()]), rng.random() < 0.5
        first = {PLAIN: self.url.replace("http:", "https:"), REFUSED: "http://127.0.0.1:1"}.get(kind, self.url)
        mirrors = [first, self.good_url] if followed else [first]

        def answer(request: Request) -> None:
            fault = FAULTS.get(kind) if request.file == spoilt else None
            fault(request, self.files[spoilt]) if fault else self.good(request)

        def attempt() -> None:
            self.files = published_files() | ({spoilt: zeros(4096)} if kind == BOMB else {})
            self.hostile.answer = answer
            project = self.place.put("reproduced")
            choose(project, self.files, mirrors)
            before = checksums(project)
            code, printed = bounded(project)
            if kind in HARMLESS or (followed and kind != BOMB):
                require_whole(project, code, printed, self.files)
            else:
                require_refused(code, printed)
                assert checksums(project) == before, "raw/ was touched"
            assert not (project.root / "raw.partial").exists(), "raw.partial is left over"

        return Case(f"{kind} for {spoilt}{', then a good mirror' if followed else ''}", attempt)


def bounded(project: Project) -> tuple[int, str]:
    """Download within the limits. Returns the exit code and what was printed."""
    download, started = project.start(*DOWNLOAD), time.monotonic()
    try:
        while download.poll() is None:
            time.sleep(0.05)
            seconds, size = time.monotonic() - started, bytes_in(project)
            assert seconds < SECONDS, f"it takes longer than {SECONDS} s"
            assert size < BYTES, f"it has written {size / 1e6:.0f} MB after {seconds:.0f} s, and goes on"
    finally:
        download.kill()
    return download.returncode, download.communicate()[0]


def bytes_in(project: Project) -> int:
    """How much lies in raw/ and beside it."""
    try:
        return sum(file.stat().st_size for file in project.root.glob("raw*/*"))
    except FileNotFoundError:  # it was moved into place meanwhile
        return 0


def require_whole(project: Project, code: int, printed: str, files: dict[str, bytes]) -> None:
    assert code == 0, f"exit code {code}: {printed}"
    raw = {file.name: file.read_bytes() for file in (project.root / "raw").iterdir()}
    assert raw == files, "raw/ has other files than the good mirror"


def require_refused(code: int, printed: str) -> None:
    assert code == 1, f"exit code {code}: {printed}"
    lines = [line for line in printed.strip().splitlines() if not line.startswith("params.yaml has ")]
    assert len(lines) == 1 and lines[0].startswith("error: "), f"not one sentence: {printed}"
