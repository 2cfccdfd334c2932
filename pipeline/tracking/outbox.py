"""unsent/: messages that wait until MLflow's store can be reached, each process's in a file of its own."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.tracking.messages import Message


class Outbox:
    """The messages of one process, in their order. It is locked for as long as the process lives."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.attachments = file.with_suffix(".files")
        self.lock = FileLock(file.with_suffix(".lock"))

    @classmethod
    def new(cls, directory: Path) -> "Outbox":
        """An empty one. Those in a directory sort by their age."""
        return cls(directory / f"{time.time_ns()}.jsonl")

    def __bool__(self) -> bool:
        """Whether there are messages."""
        return self.file.exists()

    def keep(self, message: Message) -> None:
        """Add a message, with a copy of the files that it is about."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.lock.acquire()
        if "directory" in message.content:
            copy = str(time.time_ns())
            shutil.copytree(message.content["directory"], self.attachments / copy)
            message = message._replace(content=message.content | {"directory": copy})
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(message) + "\n")

    def messages(self) -> list[Message]:
        """All of its messages; of one that a `kill -9` cut off, nothing."""
        lines = self.file.read_text(encoding="utf-8").split("\n")
        messages = [Message(*json.loads(line)) for line in lines[:-1]]
        for message in messages:
            if "directory" in message.content:
                message.content["directory"] = str(self.attachments / message.content["directory"])
        return messages

    def clear(self) -> None:
        """Forget them."""
        self.file.unlink()
        shutil.rmtree(self.attachments, ignore_errors=True)
        self.lock.release(force=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)


def left_behind(directory: Path) -> Iterator[Outbox]:
    """The messages of processes that are gone, the oldest first."""
    for file in sorted(directory.glob("*.jsonl")):
        outbox = Outbox(file)
        try:
            with outbox.lock.acquire(timeout=0):
                if outbox:
                    yield outbox
        except Timeout:
            continue
