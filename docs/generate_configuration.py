"""Write docs/configuration.md from `RunOutputConfig`: ``python docs/generate_configuration.py``."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.config import SETTINGS, variable

PAGE = Path(__file__).with_name("configuration.md")

_HEAD = """\
<!-- Generated from RunOutputConfig: edit its docstring, then run `python docs/generate_configuration.py`. -->

# Configuration

Every setting has the same name in three places:

- in code, `RunOutputConfig(root="first")`, for `install(config=...)` or `RunOutputSpanProcessor(config=...)`. A bad
  value is a `ValueError`.
- in the environment, `BRAINTRUST_RUN_OUTPUT_ROOT=first`, which is what counts where no configuration is given.
- in a declarative configuration file (`OTEL_CONFIG_FILE`), as an option of the `braintrust_run_output` instrumentor,
  which counts more than the environment ([example](../examples/declarative/instrumentor.yaml)).

A bad value in the environment or a file never stops an application: one WARNING names the variable or option, the value
and what is allowed, and the default is used. A name with the prefix `BRAINTRUST_RUN_OUTPUT_` that is no setting is
reported in the same way, with the name that was probably meant.

## Settings

"""

_TAIL = """\
## Turning it on and off from outside

| To do this | set |
|---|---|
| use it under `opentelemetry-instrument` | nothing: installing the package is enough |
| use it in plain `python app.py` | `OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output` |
| send traces to Braintrust | `OTEL_TRACES_EXPORTER=braintrust` and `BRAINTRUST_API_KEY`, `BRAINTRUST_PARENT` \
(for instance `project_name:weather`), `BRAINTRUST_API_URL` if it is not Braintrust's own |
| write no run outputs | `BRAINTRUST_RUN_OUTPUT_ENABLED=false` |
| leave the package out under `opentelemetry-instrument` \
| `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=braintrust_run_output` |
| have no spans at all | `OTEL_SDK_DISABLED=true` |

With `OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output` and no `OTEL_TRACES_EXPORTER`, traces go to Braintrust where
`BRAINTRUST_API_KEY` is set, and to `otlp` (over gRPC, unless `OTEL_EXPORTER_OTLP_PROTOCOL` says otherwise) elsewhere.
`OTEL_TRACES_EXPORTER=none` sends them nowhere.

`braintrust-run-output doctor` (`pip install 'braintrust-run-output[cli]'`) says what the variables of an environment
amount to, and with `--probe` whether a span arrives.

## The braintrust exporter

`OTEL_TRACES_EXPORTER=braintrust` needs no options. In a declarative configuration file it takes these
([example](../examples/declarative/exporter.yaml)):

"""


def page() -> str:
    """Return the page."""
    from braintrust_run_output.zero_code.exporter import BraintrustSpanExporter

    exporter = _arguments(BraintrustSpanExporter)
    exporter.pop("**unknown")
    rows = [f"| `{name}` | {meaning} |" for name, meaning in exporter.items()]
    return "".join(
        [_HEAD, *map(_setting, dataclasses.fields(RunOutputConfig)), _TAIL, "| option | meaning |\n|---|---|\n"]
    ) + "".join(f"{row}\n" for row in rows)


def _setting(field: dataclasses.Field[object]) -> str:
    meaning = _arguments(RunOutputConfig)[field.name]
    default = "not set" if field.default is None else _written(field.default)
    return (
        f"### `{field.name}`\n\n{meaning}\n\n"
        f"- Environment variable: `{variable(field.name)}`\n"
        f"- Allowed: {SETTINGS[field.name].allowed}\n"
        f"- Default: {default}\n\n"
    )


def _written(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _arguments(documented: type) -> dict[str, str]:
    """Return what the Args section of a docstring says of each argument, as Markdown."""
    docstring = inspect.getdoc(documented) or ""
    (section,) = re.findall(r"^Args:\n((?:    .*\n?|\n)+)", docstring, re.MULTILINE)
    found = re.findall(r"^    (\**\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).replace("``", "`") for name, text in found}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
