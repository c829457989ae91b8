"""Kill the relay under load, again and again, and look for what is missing.

``python tests/relay/killing.py --kills 10 --traces 12500`` takes minutes; the suite runs a few seconds of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from harness import CHAT, ROOT, RUN_OUTPUT, request, span
from hops import Hop

from processes import environment

SPANS_PER_TRACE = 8
TRACES_PER_REQUEST = 5
HEADERS = {"content-type": "application/x-protobuf"}


@dataclass
class Report:
    """What came of it."""

    acknowledged: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    roots: int = 0
    roots_with_output: int = 0
    repeated: int = 0
    retries: int = 0
    kills: int = 0
    exit_code: int | None = None
    log: str = ""


def free_port():
    """Return a port that nobody has, and that the system gives to nobody who takes any."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Relay:
    """A relay that is started again, at the same address with the same state directory."""

    def __init__(self, to, directory):
        self.port, self.to, self.directory = free_port(), to, directory
        self._log = directory.parent / "log"
        self.start()

    def start(self, *, most_bytes=None):
        def limit():
            if most_bytes is not None:  # every write beyond it fails, as on a disk that is full
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        options = f"--listen 127.0.0.1:{self.port} --to {self.to} --hold 1s --max-hold 20s --state-dir".split()
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "braintrust_run_output", "relay", *options, str(self.directory)],
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=limit,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                assert time.monotonic() < deadline
                assert self.process.poll() is None, self.said()
                time.sleep(0.02)
            else:
                assert self.process.poll() is None, self.said()
                return

    def said(self):
        return self._log.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(120)


class Senders:
    """Threads that send traces of two services, and try each request until it is acknowledged, as exporters do."""

    def __init__(self, port, traces, report, threads=6):
        self.port, self.report = port, report
        self._lock = threading.Lock()
        self._numbers = iter(range(1, traces // TRACES_PER_REQUEST + 1))
        self.acknowledged = []
        self._threads = [threading.Thread(target=self._run, args=(seed,), daemon=True) for seed in range(threads)]

    def start(self):
        for one in self._threads:
            one.start()

    @property
    def are_done(self):
        return not any(one.is_alive() for one in self._threads)

    def _run(self, seed):
        dice = random.Random(seed)
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            front, agent = [], []
            for at in range(TRACES_PER_REQUEST):
                trace = f"{number * 1000 + at:032x}"
                front.append(span(ROOT, trace=trace, name="POST /chat", end=100))
                front += [span(f"{one:016x}", ROOT, trace=trace) for one in (1, 2)]
                agent += [span(f"{one:016x}", ROOT, trace=trace) for one in (3, 4, 5, 6)]
                answer = {"gen_ai.operation.name": "chat", "gen_ai.completion": f"answer {trace}"}
                agent.append(span(CHAT, f"{6:016x}", trace=trace, **answer))
            for spans in dice.sample([front, agent], 2):
                self._send(spans, dice)

    def _send(self, spans, dice):
        body = request(*spans)
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/v1/traces", body, HEADERS)
                status = connection.getresponse().status
                connection.close()
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                break
            with self._lock:
                self.report.retries += 1
            time.sleep(0.05 + 0.1 * dice.random())
        with self._lock:
            self.acknowledged += [
                (int.from_bytes(one.trace_id, "big"), int.from_bytes(one.span_id, "big")) for one in spans
            ]


def run(*, kills, traces, disk_full=False, directory_gone=False, seed=1):
    """Send so many traces, kill the relay so many times meanwhile, and report what has arrived."""
    report, dice = Report(), random.Random(seed)
    directory = Path(tempfile.mkdtemp(), "state")
    with Hop() as hop:
        relay = Relay(hop.url, directory)
        senders = Senders(relay.port, traces, report)
        senders.start()
        expected = traces * SPANS_PER_TRACE
        for number in range(kills):
            _wait_until(
                lambda share=(number + 1) / (kills + 1): (
                    senders.are_done or len(senders.acknowledged) >= share * expected * 0.9
                )
            )
            if number % 3 == 1:
                hop.status = 503  # the next hop is down
                time.sleep(0.3)
            if directory_gone and number == kills - 1:
                shutil.rmtree(directory)
                # It is made again, with all that was in it, at the next tick or with the next request.
                _wait_until(directory.exists)
                time.sleep(0.2)
            relay.kill()
            report.kills += 1
            if disk_full and number == kills // 2:
                relay.start(most_bytes=50_000)
                hop.status = 200
                _wait_until(lambda: "are refused until this is mended" in relay.said() or senders.are_done, 30)
                relay.kill()
            time.sleep(0.1 + 0.2 * dice.random())
            relay.start()
            hop.status = 200
        _wait_until(lambda: senders.are_done, 600)
        roots = {key for key in senders.acknowledged if key[1] == int(ROOT, 16)}
        _wait_until(lambda: roots <= _roots(hop), 60, fails=False)
        report.exit_code = relay.stop()
        report.log = relay.said()
    _count(report, senders.acknowledged, hop.spans())
    shutil.rmtree(directory.parent, ignore_errors=True)
    return report


def _roots(hop):
    return {one.key for one in hop.spans() if one.parent_id is None}


def _count(report, acknowledged, arrived):
    times = {}
    outputs = set()
    for one in arrived:
        times[one.key] = times.get(one.key, 0) + 1
        if one.parent_id is None and one.attributes.get(RUN_OUTPUT) == f"answer {one.trace_hex}":
            outputs.add(one.key)
    roots = [key for key in acknowledged if key[1] == int(ROOT, 16)]
    report.acknowledged = len(acknowledged)
    report.missing = [key for key in acknowledged if key not in times]
    report.repeated = sum(times.values()) - len(times)
    report.roots, report.roots_with_output = len(roots), sum(key in outputs for key in roots)


def _wait_until(is_so, seconds=300, *, fails=True):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            assert not fails, "it took too long"
            return
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--traces", type=int, default=12_500)
    given = parser.parse_args()
    began = time.monotonic()
    report = run(kills=given.kills, traces=given.traces, disk_full=True, directory_gone=True)
    shown = {**vars(report), "missing": len(report.missing), "seconds": round(time.monotonic() - began)}
    print(json.dumps(shown, indent=2))
    sys.exit(bool(report.missing) or report.exit_code != 0)


if __name__ == "__main__":
    main()
