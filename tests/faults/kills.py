"""Kills: at whatever moment a signal ends a command, the same command completes its work."""

import os
import random
import signal
import subprocess
from contextlib import ExitStack, suppress

from tests.conftest import Project
from tests.faults.hostile_http import HostileServer, slow
from tests.faults.nothing_lost import require_nothing_lost
from tests.faults.part import Case, Part
from tests.faults.place import REPRO, SWEEP, Place, Scenario
from tests.faults.processes import SECONDS_TO_END, new_mark, require_no_process
from tests.faults.published import choose, published_files

ONE_STAGE = ("dvc", "repro", "--force", "--single-item")
SOONER = 0.8  # where a command ended before its signal: the same case again, so much earlier
HALF_A_LOCK = ("dvc.lock' validation failed", "dvc.lock' is invalid")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TRACK = ("python", "-m", "pipeline.track")
DOWNLOAD = Scenario(("python", "-m", "pipeline.download"), "with_mirror")

SCENARIOS = [
    REPRO,
    *(Scenario((*ONE_STAGE, stage), "edited") for stage in ("config", "source", "download", "normalise", "train")),
    Scenario((*ONE_STAGE, "train"), "long"),
    Scenario((*ONE_STAGE, "evaluate"), "retrained"),
    SWEEP,
    Scenario((*SWEEP.command, "hydra.launcher.backend=loky")),
    Scenario((*SWEEP.command, "hydra/launcher=joblib")),
    DOWNLOAD,
    Scenario(("python", "-m", "pipeline.heal", "alpha=5", "init=zeros")),
    Scenario(TRACK, "after_outage"),
    Scenario((*TRACK, "rebuild"), "without_store"),
    Scenario(TRACK, "fresh"),  # which makes the store
]


class Kills(Part):
    """SIGKILL, SIGTERM, SIGINT or SIGHUP, to a command alone or to all its processes."""

    name = "kills"
    cases = 4 * len(SCENARIOS)

    def __init__(self, place: Place, resources: ExitStack) -> None:
        super().__init__(place, resources)
        files = published_files()
        mirror = resources.enter_context(HostileServer(lambda request: slow(request, files[request.file])).running())
        choose(place.put("reproduced"), files, [mirror])
        place.keep("with_mirror")

    def case(self, number: int, rng: random.Random) -> Case:
        scenario = SCENARIOS[number % len(SCENARIOS)]
        sent, to_all, share, at_once = rng.choice(SIGNALS), rng.random() < 0.5, rng.random(), rng.random() < 0.5
        who = "all processes of" if to_all else "only"

        def attempt() -> None:
            expected, mark = self.place.undisturbed(scenario), new_mark()
            seconds, interrupted = share * expected.seconds, False
            while not interrupted:
                project = self.place.put(scenario.state)
                interrupted = interrupt(project, scenario.command, mark, seconds, sent, to_all)
                seconds *= SOONER
            if not at_once:
                require_no_process(mark)
            complete(project, scenario.command, mark)
            require_no_process(mark)
            require_nothing_lost(project, expected)

        when = f"after {share:.0%} of its time, and {'at once' if at_once else 'then'} again"
        return Case(f"{sent.name} to {who} `{scenario}` ({scenario.state}) {when}", attempt)


def interrupt(
    project: Project, command: tuple[str, ...], mark: dict[str, str], seconds: float, sent: signal.Signals, to_all: bool
) -> bool:
    """Start a command, and send it, or its whole process group, a signal after some time.

    Returns whether it was still running. Raises AssertionError if it runs on long after that.
    """
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment | mark,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    signal_to(process, sent, to_all)
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        signal_to(process, signal.SIGKILL, to_all=True)
        raise AssertionError(f"it ran on for {SECONDS_TO_END} s after the signal") from None
    return True


def complete(project: Project, command: tuple[str, ...], mark: dict[str, str]) -> None:
    """Run a command again. DVC writes dvc.lock in place, so what is left of that is first taken from the commit."""
    done = project.run(*command, **mark)
    if any(words in done.stdout for words in HALF_A_LOCK):
        project.ok("git", "checkout", "dvc.lock")
        done = project.run(*command, **mark)
    assert done.returncode == 0, f"the same command: exit code {done.returncode}: {done.stdout}"


def signal_to(process: subprocess.Popen, sent: signal.Signals, to_all: bool) -> None:
    if to_all:
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
