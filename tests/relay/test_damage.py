"""A state directory with damage in it: what can be read of it goes on, and what cannot is said in one line."""

from __future__ import annotations

import asyncio
import random
import sqlite3

import pytest
from harness import bench, chat, request, root, span

from braintrust_run_output.relay.relay import BusyError
from braintrust_run_output.relay.spool import FILE, SpoolError

TRACES = 30


def filled(directory):
    """Return the bytes of a file with roots that wait, and what was said below them."""

    async def whole():
        async with bench(directory) as relay:
            for number in range(1, TRACES + 1):
                trace = f"{number:032x}"
                await relay.take(span(f"{number:016x}", trace=trace), chat(parent=f"{number:016x}", trace=trace))

    asyncio.run(whole())
    return (directory / FILE).read_bytes()


def take_up(directory):
    """Start a relay there, and have it take a trace; return how many roots it found."""

    async def whole():
        async with bench(directory) as relay:
            found = relay.relay._state.held_roots
            await relay.relay.take_traces(request(root(), chat()))
            return found

    return asyncio.run(asyncio.wait_for(whole(), 60))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE said SET seen = 'noon'",
        "UPDATE said SET seen = NULL",
        "UPDATE said SET records = NULL, spans = 'text', links = x'ff'",
        "UPDATE said SET tenant = NULL",
        "UPDATE said SET links = x'0102'",
    ],
)
def test_what_was_said_that_cannot_be_read_costs_no_root(tmp_path, change):
    filled(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(change)
    database.close()

    assert take_up(tmp_path) == TRACES


@pytest.mark.parametrize("column", ["headers", "content"])
@pytest.mark.parametrize("value", ["NULL", "'{'", "'[1]'", "x'ff'", "CAST(x'ff' AS TEXT)", "7"])
def test_roots_that_cannot_be_read_cost_no_others(tmp_path, column, value):
    filled(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"UPDATE roots SET {column} = {value} WHERE id % 2 = 0")
        (others,) = database.execute("SELECT count(*) FROM roots WHERE id % 2 = 1").fetchone()
    database.close()

    assert take_up(tmp_path) == others


def test_damage_anywhere_is_told_or_does_no_harm(tmp_path):
    whole, chance = filled(tmp_path), random.Random(7)
    for number in range(60):
        damaged = bytearray(whole)
        at = chance.randrange(100, len(whole))
        damaged[at : at + chance.choice([1, 100, 4_096])] = chance.randbytes(chance.choice([0, 1, 100]))
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / FILE).write_bytes(damaged)
        try:
            take_up(directory)
        except (SpoolError, BusyError):  # what the relay says in one line, or answers with 503
            continue


def test_a_row_that_cannot_be_written_for_whatever_reason_keeps_nobody_waiting(tmp_path):
    filled(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE said SET id = ? WHERE id = (SELECT max(id) FROM said)", (2**63 - 1,))
    database.close()

    with pytest.raises(BusyError):
        take_up(tmp_path)
