"""Measure the relay against a pass-through and Rotel: ``python -m benchmarks.relay [--quick] [--docs]``.

CPU time is that of the process measured, user and system together, so that others who share the machine count little;
delays are what a sender waits, at a rate that leaves the machine room. Every contender gets the same requests.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import aiohttp

from . import relay_hops as hops
from . import relay_load as load

HOLD = 3.0
PAGE = Path(__file__).parents[1] / "docs" / "relay.md"
MARK = "## Figures\n"
_MIB = 1024 * 1024


def contenders():
    """Return what is measured, by name."""
    return {
        "relay": lambda to: hops.relay(to, "--hold", f"{HOLD}s"),
        "pass-through": hops.pass_through,
        "Rotel": hops.rotel,
    }


def throughput(traces, seconds, rounds):
    """Return each contender's spans per CPU second, the median of some rounds that take turns."""
    found = {name: [] for name in contenders()}
    for _ in range(rounds):
        for name, start in contenders().items():
            with hops.running(hops.sink()) as sink, hops.running(start(sink.url)) as one:
                if one is None:
                    continue
                requests = load.Requests(traces)
                asyncio.run(load.send(one.url, requests, seconds=1.0))
                before = one.cpu_seconds
                sent = asyncio.run(load.send(one.url, requests, seconds=seconds))
                time.sleep(HOLD + 1.0)  # what waits is part of the work
                found[name].append(sent.spans / (one.cpu_seconds - before))
                arrived = hops.seen(sink)["spans"]
                if arrived < sent.spans:
                    print(f"{name}: of {sent.spans} spans {arrived} have arrived", file=sys.stderr)
    return {name: statistics.median(rates) for name, rates in found.items() if rates}


def delays(rate, seconds):
    """Return what a request takes longer through the relay than without it, and a root beyond its hold, in seconds."""
    with hops.running(hops.sink()) as sink:
        direct = asyncio.run(load.send(sink.url, load.Requests(8), seconds=seconds, rate=rate))
        with hops.running(hops.relay(sink.url, "--hold", f"{HOLD}s")) as one:
            requests = load.Requests(8)
            sent = asyncio.run(load.send(one.url, requests, seconds=seconds, rate=rate))
            time.sleep(HOLD + 2.0)
        arrived = hops.seen(sink, "/roots")
        waited = sorted(
            arrived[key] - at - HOLD for key, at in requests.sent_at.items() if key in arrived and at is not None
        )
    children = {share: sent.delay(share) - direct.delay(share) for share in (0.5, 0.99)}
    roots = {share: waited[min(len(waited) - 1, int(len(waited) * share))] for share in (0.5, 0.99)}
    return children, roots, sent.spans / sent.seconds


def memory(numbers):
    """Return, for so many traces that wait, the bytes that one takes and the CPU time that a span takes."""
    rows = []
    options = ["--hold", "1h", "--max-hold", "2h", "--max-held-bytes", "4GiB", "--max-remembered-bytes", "4GiB"]
    with hops.running(hops.sink()) as sink, hops.running(hops.relay(sink.url, *options)) as one:
        requests = load.Requests(50)
        asyncio.run(_send_traces(one.url, requests, 200))
        base, held = one.resident_bytes, 0
        for number in numbers:
            before = one.cpu_seconds
            asyncio.run(_send_traces(one.url, requests, number - held))
            microseconds = (one.cpu_seconds - before) / ((number - held) * load.SPANS_PER_TRACE) * 1e6
            held = number
            rows.append((number, (one.resident_bytes - base) / number, microseconds))
    return rows


async def _send_traces(url, requests, traces):
    async with aiohttp.ClientSession() as session:
        for _ in range(2 * max(1, traces // requests.traces)):
            body, _ = next(requests)
            async with session.post(url, data=body, headers=load.HEADERS) as answer:
                assert answer.status == 200


def states(count, size):
    """Return what requests with a state of so many bytes take until they are acknowledged, and the memory meanwhile."""
    with hops.running(hops.sink()) as sink, hops.running(hops.relay(sink.url, "--hold", f"{HOLD}s")) as one:
        before = one.resident_bytes
        most, taken = 0, []
        for number in range(count):
            body = load.with_state(number, size)
            at = time.perf_counter()
            asked = urllib.request.Request(one.url, body, load.HEADERS)
            urllib.request.urlopen(asked, timeout=60).read()
            taken.append(time.perf_counter() - at)
            most = max(most, one.resident_bytes - before)
    return statistics.median(taken), most


def report(*, quick):
    """Measure all, and return it as Markdown."""
    seconds, rounds = (2.0, 1) if quick else (6.0, 3)
    load_before = os.getloadavg()[0]
    large, small = throughput(64, seconds, rounds), throughput(8, seconds, rounds)
    children, roots, rate = delays(5_000, seconds * 2)
    held = memory([1_000, 10_000] if quick else [1_000, 10_000, 100_000])
    taken, most = states(10, 10 * _MIB)
    size = load.Requests(64).bytes_per_span
    measured = (
        f"Measured in one run on {os.cpu_count()} shared cores, Python {platform.python_version()}: traces of "
        f"{load.SPANS_PER_TRACE} spans, {size:.0f} bytes each on average, with a prompt of 2,000 and an answer of 500 "
        "characters. The pass-through is the same server and client and parses nothing; Rotel is a collector in Rust, "
        "as a plain proxy that acknowledges before it sends. The load was "
        f"{load_before:.1f} at the start and {os.getloadavg()[0]:.1f} at the end: where that is more than this "
        "benchmark's own 3, other work ran meanwhile, and CPU times and p99 are higher than on a machine of its own."
    )
    big = (
        f"A request with a state of 10 MiB is acknowledged after {taken * 1e3:.0f} ms; ten of them, one after the "
        f"other, take {most / _MIB:.0f} MiB while their traces are remembered."
    )
    lines = [
        measured,
        "",
        "| spans per CPU second | requests of 192 to 320 spans | of 24 to 40 spans |",
        "|---|---|---|",
        *(f"| {name} | {large[name]:,.0f} | {small.get(name, 0):,.0f} |" for name in large),
        "",
        f"| added delay at {rate:,.0f} spans a second | p50 | p99 |",
        "|---|---|---|",
        f"| children, until they are acknowledged | {children[0.5] * 1e3:.1f} ms | {children[0.99] * 1e3:.1f} ms |",
        f"| roots, beyond `--hold` | {roots[0.5] * 1e3:.0f} ms | {roots[0.99] * 1e3:.0f} ms |",
        "",
        "| traces whose roots wait | memory a trace | CPU time a span |",
        "|---|---|---|",
        *(f"| {number:,} | {each / 1024:.1f} KiB | {microseconds:.1f} µs |" for number, each, microseconds in held),
        "",
        big,
    ]
    return "\n".join(textwrap.fill(line, 120) if line[:1] not in ("", "|") else line for line in lines) + "\n"


def main():
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of five, and rougher")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/relay.md")
    given = parser.parse_args()
    found = report(quick=given.quick)
    print(found)
    if given.docs:
        before = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
        PAGE.write_text(f"{before}\n\n{MARK}\n`make bench-relay` measures this anew.\n\n{found}", encoding="utf-8")


if __name__ == "__main__":
    main()
