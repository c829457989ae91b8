"""The command ``braintrust-run-output relay``: its options, each an environment variable as well."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .settings import (
    ENV_PREFIX,
    RelaySettings,
    find_destination,
    logs_url,
    parse_address,
    parse_duration,
    parse_header,
    parse_headers,
    parse_size,
    traces_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_Function = TypeVar("_Function", bound="Callable[..., None]")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_METAVARS: dict[Callable[[str], object], str] = {
    parse_address: "HOST:PORT",
    parse_duration: "DURATION",
    parse_size: "SIZE",
    traces_url: "URL",
    logs_url: "URL",
}
_HEADER = ENV_PREFIX + "HEADER"


def _option(
    name: str,
    help: str,  # noqa: A002 (as click calls it)
    *,
    parse: Callable[[str], object] | None = None,
    **attributes: Any,
) -> Callable[[_Function], _Function]:
    """Make an option that is an environment variable as well, read by one of the settings' functions."""

    def read(_context: click.Context, _parameter: click.Parameter, value: object) -> object:
        if parse is None or not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    if parse is not None:
        attributes["metavar"] = _METAVARS[parse]
    variable = ENV_PREFIX + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, help=help, envvar=variable, callback=read, **attributes)


def _read_headers(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    try:
        return dict(map(parse_header, given)) if given else parse_headers(os.environ.get(_HEADER, ""))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(short_help="Put the output on roots of traces over many services.")
@_option("--listen", "Where OTLP over HTTP is taken.", parse=parse_address, default="127.0.0.1:4318", show_default=True)
@_option("--grpc", "Where OTLP over gRPC is taken, e.g. 127.0.0.1:4317.  [default: nowhere]", parse=parse_address)
@_option("--to", "Where traces go.  [default: as OTEL_EXPORTER_OTLP_* say, else BRAINTRUST_*]", parse=traces_url)
@_option("--logs-to", "Where log records go.  [default: they are only read]", parse=logs_url)
@click.option(
    "--header",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_read_headers,
    help="A header for the next hop. Repeat it.",
)
@_option("--forward-headers", "Send the authorization and x-bt-parent of each request on.", is_flag=True, default=False)
@_option(
    "--hold",
    "How long a trace is quiet before its root goes on.",
    parse=parse_duration,
    default="10s",
    show_default=True,
)
@_option("--max-hold", "How long a root waits at the most.", parse=parse_duration, default="60s", show_default=True)
@_option(
    "--remember",
    "How long a trace is remembered for a late root.",
    parse=parse_duration,
    default="15m",
    show_default=True,
)
@_option("--max-remembered-bytes", "Most that is remembered.", parse=parse_size, default="256MiB", show_default=True)
@_option("--max-held-bytes", "Most that waiting roots take.", parse=parse_size, default="256MiB", show_default=True)
@_option("--max-in-flight-bytes", "Most that requests take.", parse=parse_size, default="128MiB", show_default=True)
@_option("--max-request-bytes", "Greatest request, decompressed.", parse=parse_size, default="64MiB", show_default=True)
@_option("--state-dir", "Where what waits survives a restart.  [default: a temporary one]", type=_DIRECTORY)
@_option(
    "--durability",
    "What survives: a kill of the process (normal), a loss of power as well (full).",
    type=click.Choice(["normal", "full"]),
    default="normal",
    show_default=True,
)
@_option("--compression", "Of what is sent.", type=click.Choice(["none", "gzip"]), default="none", show_default=True)
@_option("--timeout", "How long the next hop may take.", parse=parse_duration, default="10s", show_default=True)
@_option("--metrics", "Where Prometheus finds metrics, e.g. 127.0.0.1:9464.  [default: nowhere]", parse=parse_address)
@_option("--certificate", "A PEM file: TLS for what is listened on.", type=_FILE)
@_option("--private-key", "A PEM file with the certificate's key.", type=_FILE)
def relay(*, to: str | None, header: dict[str, str], **options: Any) -> None:
    """Take OTLP from services and send it on, with the run's output on the root of each trace.

    For traces whose root and whose model call are in different processes or languages. Root spans wait until their
    trace has been quiet for --hold; all others go on at once.

    Each option is an environment variable as well: BRAINTRUST_RUN_OUTPUT_RELAY_MAX_HOLD for --max-hold. What is written
    is set as for the processor, by BRAINTRUST_RUN_OUTPUT_KEY and the like.

    Exit codes: 0 it was stopped and nothing is left, 1 it was stopped and roots are left, 2 wrong usage, or an address
    or the state directory cannot be had.
    """
    if (options["certificate"] is None) != (options["private_key"] is None):
        raise click.UsageError("give --certificate and --private-key, or neither")
    try:
        destination = find_destination(os.environ)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if to is None:
        to, headers = destination.traces, {**destination.headers, **header}
    else:
        headers = header
    from ..config import RunOutputConfig
    from .server import run

    settings = RelaySettings(traces_to=to, headers=headers, **options)
    sys.exit(run(settings, RunOutputConfig.from_env(), lambda text: click.echo(text, nl=False)))
