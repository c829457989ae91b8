"""The command ``braintrust-run-output``: each command reads its arguments, calls a function elsewhere, prints.

A command imports what it runs in its own body, so that none pays for another.
"""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from typing import Any

import click

from ._extras import install_hint, is_of_an_extra
from .relay.command import relay

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of SIGINT, as a shell has it."""
_EXTRAS = {"serve": "local", "demo": "demo", "relay": "relay"}
"""The extra that a command needs, where that is not ``cli``."""


class _Missing(click.ClickException):
    """What the command needs is not installed."""

    exit_code = 2


class _Commands(click.Group):
    """The commands. Each can be interrupted, and says which extra it lacks, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except ImportError as error:
            if not is_of_an_extra(error.name):
                raise  # a fault of ours, or of the installation
            command = ctx.invoked_subcommand or ""
            raise _Missing(f"{command} needs {error.name}: {install_hint(_EXTRAS.get(command, 'cli'))}") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="braintrust-run-output")
def main() -> None:
    """Get the model's run-time output into every Braintrust dataset row.

    After Ctrl-C the exit code is 130.
    """


# --- options that several commands have --------------------------------------------------------------------------

_FILE = click.Path(exists=True, dir_okay=False)
_project = click.option("--project", required=True, help="The project of the logs, and of the dataset.")
_since = click.option(
    "--since", default="24h", show_default=True, help="The earliest start of a trace in the logs: 24h, 7d, a date."
)
_until = click.option("--until", help="The latest start of a trace in the logs.  [default: now]")
_apply = click.option(
    "--apply/--dry-run", default=False, help="Write; a dry run, the default, only shows what would be."
)
_max_wait = click.option(
    "--max-wait",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    help="How long a call may wait for a busy Braintrust, in seconds.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")


@main.command(short_help="Say what will happen here, and what to change.")
@click.option("--probe", is_flag=True, help="Send one real span through the configured pipeline.")
@_json
def doctor(*, probe: bool, as_json: bool) -> None:
    """Say what will happen in this environment, and what to change.

    It starts a process as your application is started, looks at what that has, and calls each client of a model
    provider that is installed, against a stub on this machine. Only --probe sends anything.

    Exit codes: 0 nothing is wrong, 1 problems were found, 2 wrong usage.
    """
    from .doctor import examine
    from .doctor.display import show, waiting

    with waiting("Starting a process as your application is started"):
        report = examine(probe=probe)
    if as_json:
        click.echo(report.as_json())
    else:
        show(report)
    sys.exit(0 if report.ok else 1)


def _share(text: str) -> Fraction:
    """Return the share that a text gives in per cent."""
    number = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)\s*%", text.strip())
    if number is None or Fraction(number[1]) > 100:
        raise click.BadParameter(f"{text!r} is no share: give 99% or 99.5%")
    return Fraction(number[1]) / 100


@main.command(short_help="Check that a dataset's rows have a run output.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dataset", help="Check this dataset instead of a file.")
@click.option("--project", help="The project that the dataset is in.")
@click.option("--baseline", type=_FILE, help="An earlier export: is expected the same?")
@click.option(
    "--at-least", type=_share, metavar="SHARE", help="Be content if this share of the rows has it, 99% perhaps."
)
@_max_wait
@_json
def verify(file: str | None, *, dataset: str | None, project: str | None, **options: Any) -> None:
    """Check that every row of a dataset has metadata.run_output.

    FILE is an export: a JSON array of rows, {"events": [...]}, {"rows": [...]}, {"data": [...]}, JSON Lines or CSV. It
    may be of any size; - is standard input.

    Exit codes: 0 every row has it, 1 some do not, 2 wrong usage, or the rows could not be read, 130 interrupted.
    """
    if (file is None) == (dataset is None) or (dataset is None) != (project is None):
        raise click.UsageError("give a FILE, or --dataset and --project")
    from .braintrust.commands import run_verify

    sys.exit(run_verify(file, dataset=dataset, project=project, **options))


@main.command(short_help="Insert a dataset row for each recorded trace.")
@_project
@click.option("--dataset", required=True, help="The dataset; --apply makes it if there is none.")
@click.option("--otlp", type=_FILE, help="Take the traces of this OTLP JSON file, not those in the logs.")
@click.option("--intake", help="Take the traces of the local intake at this address.")
@_since
@_until
@click.option(
    "--per",
    type=click.Choice(["trace", "turn"]),
    default="trace",
    show_default=True,
    help="Make a row of each trace, or of each turn of a conversation.",
)
@click.option("--with-metadata", is_flag=True, help="Copy the root's other metadata as well.")
@_apply
@_max_wait
@_json
def insert(*, otlp: str | None, intake: str | None, **options: Any) -> None:
    """Insert a dataset row, with its run output, for each recorded trace. What a person has corrected stays.

    Exit codes: 0 done, 1 stopped half-way, 2 wrong usage, key or project, no network, an unreadable file, 130
    interrupted.
    """
    if otlp is not None and intake is not None:
        raise click.UsageError("give --otlp or --intake, not both")
    from .braintrust.commands import run_insert

    sys.exit(run_insert(otlp=otlp, intake=intake, **options))


@main.command(short_help="Write run outputs onto stored roots.")
@_project
@_since
@_until
@_apply
@_max_wait
@_json
def backfill(**options: Any) -> None:
    """Write the run output onto stored roots that have none, from their traces. Repeat it at will.

    Exit codes: 0 done, 1 stopped half-way, 2 wrong usage, key or project, or no network, 130 interrupted.
    """
    from .braintrust.commands import run_backfill

    sys.exit(run_backfill(**options))


@main.command(short_help="Serve a local intake with a page.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=4319, show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--database", type=click.Path(dir_okay=False), help="An SQLite file that keeps what arrives.  [default: none]"
)
def serve(*, port: int, database: str | None) -> None:
    """Serve a local, Braintrust-shaped intake, with a page that shows traces and their dataset rows.

    On loopback only. It needs the local extra.

    Exit codes: 0 it was stopped, by Ctrl-C too, 2 wrong usage, the port is taken or the database cannot be opened.
    """
    from .local.serving import serve as run

    sys.exit(run(_write, port=port, database=database))


@main.command(short_help="Run a small agent and show its dataset row.")
@click.option("--serve", "keep_serving", is_flag=True, help="Then show the trace in a page, until Ctrl-C.")
def demo(*, keep_serving: bool) -> None:
    """Run a small agent, instrumented without a change to it, and show the dataset row that it becomes.

    It needs the demo extra, no account and no network.

    Exit codes: 0 the row has its run output, 1 it has not, 2 wrong usage.
    """
    from .local.demo.run import run_demo

    sys.exit(run_demo(_write, keep_serving=keep_serving))


main.add_command(relay)


def _write(text: str) -> None:
    click.echo(text, nl=False)
