"""A Python that has imported what takes long to import, and becomes a process of its own for each command.

It reads a command a line and forks for each: see `processes.run_command`. It has imported nothing of OpenTelemetry or of
ours, so nothing on which a variable of a command's environment could have an effect.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import site
import sys
from contextlib import suppress

SLOW = (
    "braintrust",
    "google.protobuf.internal.builder",
    "grpc",
    "openai._legacy_response",
    "openai.resources.beta.assistants",
    "openai.resources.beta.realtime",
    "openai.resources.beta.threads",
    "openai.resources.chat.completions",
    "openai.resources.responses",
    "packaging.requirements",
    "requests",
    "wrapt",
)
"""What applications, exporters and instrumentations import; what is not installed is left out."""


def main() -> None:
    """Import, and serve until there are no more commands; in the process of a command, run that to its end."""
    for name in SLOW:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # or each process would go through all of it at its end
    for line in iter(sys.stdin.readline, ""):
        process = os.fork()
        if not process:
            become(**json.loads(line))
            return
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(arguments: list[str], cwd: str, environ: dict[str, str], out: str, log: str) -> None:
    """Do what ``python`` does with these arguments, in this directory and environment."""
    for descriptor, file in enumerate((os.devnull, out, log)):
        os.dup2(os.open(file, os.O_RDWR), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:1] = ["", *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]  # for this file's directory
    site.execsitecustomize()
    sys.orig_argv[1:] = arguments
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
