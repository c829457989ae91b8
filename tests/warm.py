"""A Python that has imported what takes long to import, and becomes a process of its own for each command.

It reads commands from a socket and forks for each: see `processes.Application`. It has imported nothing of
OpenTelemetry or of ours, so nothing on which a variable of a command's environment could have an effect.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import site
import socket
import sys
from contextlib import suppress
from select import select

SLOW = (
    "aiohttp",
    "braintrust",
    "click",
    "cramjam",
    "google.protobuf.internal.builder",
    "grpc",
    "httptools",
    "openai._legacy_response",
    "openai.lib._chat_completion_resources",
    "openai.resources.beta.assistants",
    "openai.resources.beta.realtime",
    "openai.resources.beta.threads",
    "openai.resources.chat.completions",
    "openai.resources.responses",
    "packaging.requirements",
    "prometheus_client",
    "requests",
    "uvicorn",
    "uvloop",
    "wrapt",
)
"""What applications, exporters, instrumentations and servers import; what is not installed is left out."""


def main() -> None:
    """Import, and serve until there are no more commands; in the process of a command, run that to its end."""
    inherited: dict[str, object] = {}
    atexit.register(leave_alone, inherited)  # the first one, so the last that is called
    known = set(sys.modules)
    for name in SLOW:
        with suppress(ImportError):
            importlib.import_module(name)
    inherited.update((name, module) for name, module in sys.modules.items() if name not in known)
    gc.freeze()  # or each process would go through all of it at its end
    connection = socket.socket(fileno=os.dup(0))
    running: dict[int, int] = {}
    has_ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select([connection, has_ended], [], [])
        if has_ended in ready:
            os.read(has_ended, 4096)
            tell_of_ends(running)
        if connection in ready:
            size, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
            if not size:
                return
            command = json.loads(received(connection, int.from_bytes(size, "big")))
            out, log, news = descriptors
            process = os.fork()
            if not process:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                connection.close()
                become(**command, out=out, log=log, to_close=[out, log, news, has_ended, wake, *running.values()])
                return
            os.write(news, b"%d\n" % process)
            running[process] = news
            os.close(out)
            os.close(log)


def leave_alone(inherited: dict[str, object]) -> None:
    """Keep the interpreter from taking apart at its end what the fork came with: that would copy all of its memory."""
    for name, module in inherited.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def received(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    body = b""
    while len(body) < size:
        body += connection.recv(size - len(body))
    return body


def tell_of_ends(running: dict[int, int]) -> None:
    """Write for each process that has ended with which code."""
    while running:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        news = running.pop(process)
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(news, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(news)


def become(arguments: list[str], cwd: str, environ: dict[str, str], out: int, log: int, to_close: list[int]) -> None:
    """Do what ``python`` does with these arguments, in this directory and environment."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, file in enumerate((nothing, out, log)):
        os.dup2(file, descriptor)
    for file in (nothing, *to_close):
        os.close(file)
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
