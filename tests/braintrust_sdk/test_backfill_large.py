"""backfill of a thousand traces with answers of a megabyte, on a bad day, interrupted half-way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone

from braintrust_sdk.hostile import HostileServer, Reply
from processes import environment

TRACES = 1_000
ANSWER = 1_000_000
LIMIT = 4 * 1024 * 1024
"""Less than is promised, so that 413 is answered."""
PRESIGNED = 4 * 1024 * 1024
MOST_MEMORY = 320 * 1024
"""In KiB. All answers together are a gigabyte."""

PROGRAM = """
import re, sys
from pathlib import Path
from braintrust_run_output.__main__ import main
try:
    main()
finally:
    # Not getrusage: that counts what the process was before it began to run this program.
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
    sys.stderr.write(f"peak {peak[1]} KiB\\n")
"""


class Braintrust(HostileServer):
    """A project's logs, made up as they are asked for: each trace a root and a model's call, no row kept but ids."""

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.start = datetime.now(timezone.utc) - timedelta(hours=1)
        self.merges: dict[str, int] = {}
        self.touched: list[object] = []
        self.interrupted: subprocess.Popen[str] | None = None
        self.put_away: dict[str, Reply] = {}
        self.keys_given_away = 0
        self.bad_days = {
            ("/btql", 3): Reply({}, 429, {"Retry-After": "0"}),
            ("/btql", 9): Reply({}, 503),
            ("/btql", 12): Reply({}, 504),
            ("/insert", 2): Reply({}, 503, {"Retry-After": "0"}),
            ("/insert", 5): Reply({}, 429, {"Retry-After": "1"}),
        }
        self.numbers = {"/btql": 0, "/insert": 0}

    def answer(self, asked):
        path = "/insert" if asked.path.endswith("/insert") else asked.path
        if path.startswith("/presigned"):
            self.keys_given_away += "Authorization" in asked.headers
            return self.put_away.pop(path)
        self.numbers[path] += 1
        bad = self.bad_days.pop((path, self.numbers[path]), None)
        asked.body, body = b"", asked.body  # what was asked is kept, and this is much
        return bad or (self.merge(body) if path == "/insert" else self.select(json.loads(body)["query"]))

    def select(self, query):
        conditions = list(flattened(query["filter"]))
        wanted = {one["left"]["name"][0]: one["right"]["value"] for one in conditions if one["op"] == "in"}
        assert {"ge", "lt"} <= {one["op"] for one in conditions if one.get("left", {}).get("name") == ["created"]}
        after = int(query.get("cursor") or -1)
        if "root_span_id" in wanted:
            ids = [(n, name) for n in sorted(map(number_of, wanted["root_span_id"])) for name in ("root", "chat")]
            page = [(2 * n + (name == "chat"), self.row(n, name)) for n, name in ids]
        else:
            numbers = sorted(map(number_of, wanted["id"])) if "id" in wanted else range(TRACES)
            page = [(n, self.row(n, "root")) for n in numbers if f"t{n}-root" not in self.merges]
        page = [one for one in page if one[0] > after][: query["limit"]]
        following = page[-1][0] if page else after
        body = f'{{"data":[{",".join(row for _, row in page)}],"cursor":"{following}"}}'.encode()
        if len(body) <= PRESIGNED:
            return Reply(body=body)
        address = f"/presigned/{self.numbers['/btql']}"
        self.put_away[address] = Reply(body=body)
        return Reply(status=303, headers={"Location": address})

    def row(self, number, name):
        created = (self.start + timedelta(seconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        is_root = name == "root"
        row = {
            "id": f"t{number}-{name}", "span_id": f"t{number}-{name}", "root_span_id": f"t{number}",
            "is_root": is_root, "span_parents": None if is_root else [f"t{number}-root"], "created": created,
            "span_attributes": {"name": name, "type": "task" if is_root else "llm"}, "metadata": {"user": "u"},
            "metrics": {"start": self.start.timestamp() + number, "end": self.start.timestamp() + number + 1},
            "input": "q", "expected": "a person's", "tags": None, "scores": None,
            "output": None if is_root else "MUCH",
        }  # fmt: skip
        return json.dumps(row).replace("MUCH", answer_of(number))

    def merge(self, body):
        if len(body) > LIMIT:
            return Reply({}, 413)
        for event in json.loads(body)["events"]:
            self.merges[event["id"]] = self.merges.get(event["id"], 0) + 1
            written = {"run_output": answer_of(number_of(event["id"]))}
            if event != {"id": event["id"], "_is_merge": True, "metadata": written}:
                self.touched.append(sorted(event))
        if self.interrupted is not None and len(self.merges) >= TRACES // 2:
            self.interrupted.send_signal(signal.SIGINT)
            self.interrupted = None
        return Reply({"row_ids": []})


def flattened(condition):
    if condition["op"] == "and":
        for child in condition["children"]:
            yield from flattened(child)
    else:
        yield condition


def answer_of(number):
    return f"answer {number} ".ljust(ANSWER, "x")


def number_of(name):
    return int(re.match(r"t(\d+)", name)[1])


def start(server):
    command = [sys.executable, "-c", PROGRAM, "backfill", "--project", "shop", "--since", "2h", "--apply"]
    variables = environment(BRAINTRUST_API_KEY="key", BRAINTRUST_APP_URL=server.url, NO_PROXY="127.0.0.1")
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_thousand_large_traces_are_each_merged_once_and_nothing_else_is_touched():
    with Braintrust() as server:
        first = server.interrupted = start(server)
        _, log = first.communicate(timeout=240)
        assert first.returncode == 130, log
        half_way = len(server.merges)
        said = int(re.search(r"interrupted; (\d+) roots were written before: repeat the command", log)[1])
        second = start(server)
        output, log_of_second = second.communicate(timeout=240)

    assert second.returncode == 0, log_of_second
    assert TRACES // 2 <= half_way < TRACES
    assert half_way - 5 <= said <= half_way  # the request that was interrupted was taken, and not answered any more
    assert f"{TRACES - half_way} roots were written." in output
    assert server.merges == {f"t{number}-root": 1 for number in range(TRACES)}
    assert server.touched == []
    assert (server.bad_days, server.keys_given_away) == ({}, 0)
    for one in (log, log_of_second):
        assert "Traceback" not in one
        assert int(re.search(r"peak (\d+) KiB", one)[1]) < MOST_MEMORY
