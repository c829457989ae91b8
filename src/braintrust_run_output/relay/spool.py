"""What survives a restart, in an SQLite file: the roots that wait, and what was remembered for them.

A log, not a place to look things up: it is written before a request is acknowledged, erased at release, and read when
the relay starts. ``normal`` durability survives a kill of the process; ``full`` waits for the disk, so that what was
acknowledged survives a loss of power as well. Deleted rows are overwritten (``secure_delete``), the file is 0600.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .settings import Durability

FILE = "relay.sqlite"
_SYNCHRONOUS = {"normal": "NORMAL", "full": "FULL"}
_TABLES = """
CREATE TABLE IF NOT EXISTS roots(id INTEGER PRIMARY KEY, tenant BLOB, headers TEXT, content BLOB);
CREATE TABLE IF NOT EXISTS said(id INTEGER PRIMARY KEY, tenant BLOB, seen REAL, spans BLOB, records BLOB, links BLOB);
"""
_LAST_ROW = "SELECT coalesce(max(id), 0) FROM (SELECT id FROM roots UNION ALL SELECT id FROM said)"
_READ_ROOTS = """
SELECT id, coalesce(CAST(tenant AS BLOB), x''), coalesce(CAST(headers AS TEXT), ''),
  coalesce(CAST(content AS BLOB), x'')
FROM roots ORDER BY id
"""
_READ_SAID = """
SELECT id, coalesce(CAST(tenant AS BLOB), x''), coalesce(CAST(seen AS REAL), 0.0), coalesce(CAST(spans AS BLOB), x''),
  coalesce(CAST(records AS BLOB), x''), coalesce(CAST(links AS BLOB), x'')
FROM said ORDER BY id
"""
_CHECKPOINT_PAGES = 4_000


_Row: TypeAlias = "tuple[Any, ...]"
"""A row: its number, and its columns."""


class SpoolError(Exception):
    """The state directory cannot be written or read; the message says which, and why."""


class RootsRow(NamedTuple):
    """The roots of one request that wait."""

    tenant: bytes
    headers: str
    """The headers that they go on with, as JSON."""
    content: bytes
    """A request with them alone."""


class SaidRow(NamedTuple):
    """What was remembered with one request."""

    tenant: bytes
    seen: float
    """When, in seconds since the epoch."""
    spans: bytes
    """A request with excerpts of spans."""
    records: bytes
    """A request with excerpts of log records."""
    links: bytes
    """Who is whose parent, as `codec.pack_links` writes it."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.spans) + len(self.records) + len(self.links) + 64


class _Batch(NamedTuple):
    """What one request writes, with the numbers of the rows."""

    roots: tuple[int, RootsRow] | None
    said: tuple[int, SaidRow] | None


class Spool:
    """The file.

    Args:
        directory: Where it is; made if it is missing.
        durability: ``normal`` or ``full``.

    Raises:
        SpoolError: It cannot be opened, or another relay has it.
    """

    def __init__(self, directory: Path, durability: Durability = "normal") -> None:
        self._directory, self._durability = directory, durability
        self._thread = ThreadPoolExecutor(1, "relay-spool")
        self._waiting: list[tuple[_Batch, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._doomed: dict[str, list[int]] = {"roots": [], "said": []}
        self._is_to_erase = False
        self._said: deque[tuple[float, int, int]] = deque()
        """When what was said came, its row and its size, the oldest first."""
        self._said_bytes = 0
        self._database = self._open()
        self._last_row: int = next(self._read(_LAST_ROW))[0]

    @property
    def path(self) -> Path:
        """The file."""
        return self._directory / FILE

    def _open(self) -> sqlite3.Connection:
        with ExitStack() as stack:
            try:
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                self._inode = self.path.stat().st_ino
                database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0.5)
                stack.callback(database.close)
                self._prepare(database)
            except (OSError, sqlite3.Error, UnicodeError) as error:  # what is damaged cannot always be said
                raise SpoolError(self._say(error)) from error
            stack.pop_all()
            return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.text_factory = partial(str, encoding="utf-8", errors="replace")
        database.execute("PRAGMA locking_mode=EXCLUSIVE")  # no second relay, and no file of shared memory
        database.execute("PRAGMA secure_delete=ON")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={_SYNCHRONOUS[self._durability]}")
        database.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        database.executescript(_TABLES)

    def _say(self, error: Exception) -> str:
        if "locked" in str(error):
            return f"the state directory {self._directory} is another relay's: give each its own --state-dir"
        return f"the state directory {self._directory} cannot be used: {error}"

    # --- writing -------------------------------------------------------------------------------------------------

    async def write(self, roots: RootsRow | None, said: SaidRow | None) -> int:
        """Write what one request brings, and return once it is safe. What several requests write goes together.

        Returns:
            The number of the roots' row; 0 if there are none.

        Raises:
            SpoolError: It cannot be written: nothing of it is.
        """
        batch = _Batch(roots and (self._number(), roots), said and (self._number(), said))
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await written
        if batch.said is not None:
            self._note_said(*batch.said)
        return batch.roots[0] if batch.roots else 0

    def _number(self) -> int:
        self._last_row += 1
        return self._last_row

    def _note_said(self, number: int, row: SaidRow) -> None:
        self._said.append((row.seen, number, row.size))
        self._said_bytes += row.size

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            together, self._waiting = self._waiting, []
            error: SpoolError | None = None
            try:
                await loop.run_in_executor(self._thread, self._commit, [batch for batch, _ in together])
            except SpoolError as failed:
                error = failed
            for _, written in together:
                if written.done():  # whoever waited was cancelled
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)

    def _commit(self, batches: Sequence[_Batch]) -> None:
        doomed = {table: list(rows) for table, rows in self._doomed.items()}
        try:
            self._find_again()
            self._database.execute("BEGIN IMMEDIATE")
            for table, rows in doomed.items():
                if rows:  # in one statement: between two, another thread may have the interpreter for long
                    erase = f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
                    self._database.execute(erase, (json.dumps(rows),))
            self._database.executemany(
                "INSERT INTO roots VALUES(?, ?, ?, ?)", ((one.roots[0], *one.roots[1]) for one in batches if one.roots)
            )
            self._database.executemany(
                "INSERT INTO said VALUES(?, ?, ?, ?, ?, ?)",
                ((one.said[0], *one.said[1]) for one in batches if one.said),
            )
            self._database.execute("COMMIT")
        except Exception as error:  # whatever it is: who waits is told
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise SpoolError(self._say(error)) from error
        for table, rows in doomed.items():
            del self._doomed[table][: len(rows)]
            self._is_to_erase = self._is_to_erase or bool(rows)
        try:
            self._find_again()  # what is acknowledged is in a file that is there
        except SpoolError:
            self._doomed["roots"] += [one.roots[0] for one in batches if one.roots]
            self._doomed["said"] += [one.said[0] for one in batches if one.said]
            raise

    def _find_again(self) -> None:
        """Make the file anew, with all that is in it, if somebody has removed it: the old one can still be read."""
        inode = self._inode
        with suppress(OSError):
            if self.path.stat().st_ino == inode:
                return
        anew = self._open()
        try:
            self._database.backup(anew)
        except sqlite3.Error as error:
            anew.close()
            self._inode = inode  # it is made anew another time
            raise SpoolError(self._say(error)) from error
        before, self._database = self._database, anew
        before.close()

    # --- erasing -------------------------------------------------------------------------------------------------

    def doom(self, row: int) -> None:
        """Have a row of roots erased with what is written next, or by `flush`."""
        self._doomed["roots"].append(row)

    def forget_said(self, before: float, most: int) -> None:
        """Have what was said erased: what is older, and the oldest of it until no more than so many bytes are left."""
        while self._said and (self._said[0][0] < before or self._said_bytes > most):
            _, number, size = self._said.popleft()
            self._said_bytes -= size
            self._doomed["said"].append(number)

    async def look_after(self) -> None:
        """Make the file anew, with all that is in it, if somebody has removed it.

        Raises:
            SpoolError: It cannot be made.
        """
        if not self.path.exists():
            await self.write(None, None)

    async def flush(self) -> None:
        """Erase what is doomed, from the file as from its log.

        Raises:
            SpoolError: It cannot be erased now.
        """
        if any(self._doomed.values()):
            await self.write(None, None)
        if self._is_to_erase:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._truncate_log)

    def _truncate_log(self) -> None:
        try:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise SpoolError(self._say(error)) from error
        self._is_to_erase = False

    # --- starting and stopping -----------------------------------------------------------------------------------

    def read_roots(self) -> list[tuple[int, RootsRow]]:
        """Return the roots that were waiting, with the numbers of their rows."""
        return [(number, RootsRow(*row)) for number, *row in self._read(_READ_ROOTS)]

    def read_said(self) -> Iterator[SaidRow]:
        """Read what was remembered."""
        for number, *columns in self._read(_READ_SAID):
            row = SaidRow(*columns)
            self._note_said(number, row)
            yield row

    def _read(self, query: str) -> Iterator[_Row]:
        try:
            yield from self._database.execute(query)
        except sqlite3.Error as error:
            raise SpoolError(self._say(error)) from error

    async def close(self) -> int:
        """Erase what is doomed, close the file, and return how many rows of roots are left in it."""
        with suppress(SpoolError):
            await self.flush()
        self._thread.shutdown()
        left = 0
        with suppress(sqlite3.Error):
            left = self._database.execute("SELECT count(*) FROM roots").fetchone()[0]
            self._database.close()
        return left
