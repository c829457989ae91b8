"""A command in a pseudo-terminal, as a person has it: what it shows, and Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from processes import TIMEOUT, environment

_PATIENCE = 10
"""How long Ctrl-C is left to itself, in seconds."""
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs a command in a pseudo-terminal of its own."""

    def __init__(self, command: Sequence[str], *, columns: int = 80, cwd: Path | None = None, **variables: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = environment(**{"TERM": "xterm-256color", **variables})
        self._process = subprocess.Popen(
            command,
            env={name: value for name, value in variables.items() if name not in ("COLUMNS", "LINES")},
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.shown = ""
        """Everything that it has shown so far, with the sequences that a terminal acts on."""

    @property
    def text(self) -> str:
        """What it has shown, without those."""
        return _SEQUENCE.sub("", self.shown).replace("\r\n", "\n")

    def wait_for(self, seen: Callable[[str], object]) -> None:
        """Read on until something has been shown."""
        deadline = time.monotonic() + TIMEOUT
        while not seen(self.text):
            assert self._read(deadline), f"it ended, or the time was over, with:\n{self.text}"

    def interrupt(self) -> None:
        """Press Ctrl-C: SIGINT for the command and all that it has started."""
        os.write(self._master, b"\x03")

    def interrupt_until_it_ends(self) -> int:
        """Press Ctrl-C, and again where nothing happens; return the exit code.

        Python does not see the first one, if it comes in the instant before it waits for the system.
        """
        for _ in range(int(TIMEOUT / _PATIENCE)):
            self.interrupt()
            with suppress(subprocess.TimeoutExpired):
                return self.end(_PATIENCE)
        return self.end(0)

    def end(self, seconds: float = TIMEOUT) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self._process.wait(max(0, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # how Linux says that nobody has the terminal open any more
            data = b""
        self.shown += data.decode(errors="replace")
        return bool(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)
