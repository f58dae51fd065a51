"""The command-line application: its commands, and how every failure ends.

Exit codes: 0 done, 1 a defect of the program (with traceback), 2 something the user can mend (one
line on stderr), 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from neurosim._version import __version__
from neurosim.cli.check import check
from neurosim.cli.chips import chips
from neurosim.cli.compare import compare
from neurosim.cli.console import Interrupted
from neurosim.cli.explain import explain
from neurosim.cli.import_ import import_
from neurosim.cli.noc import noc
from neurosim.cli.plot import plot
from neurosim.cli.report import report
from neurosim.cli.run import run
from neurosim.cli.schema import schema
from neurosim.cli.show import show
from neurosim.cli.sweep import sweep
from neurosim.cli.timeline import timeline
from neurosim.cli.warm import warm
from neurosim.errors import UserError

DONE, REFUSED, INTERRUPTED = 0, 2, 130

app = typer.Typer(
    name="neurosim",
    help="Run trained event-based networks on simulated neuromorphic chips.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run)
app.command("check")(check)
app.command("show")(show)
app.command("schema")(schema)
app.command("chips")(chips)
app.command("import")(import_)
app.command("noc")(noc)
app.command("sweep")(sweep)
app.command("plot")(plot)
app.command("compare")(compare)
app.command("explain")(explain)
app.command("report")(report)
app.command("timeline")(timeline)
app.command("warm")(warm)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"neurosim {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run trained event-based networks on simulated neuromorphic chips."""


def execute(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every user error is one plain line."""
    words = list(arguments) or ["--help"]
    try:
        code = get_command(app).main(words, prog_name="neurosim", standalone_mode=False)
    except UserError as error:
        for line in (str(error), *getattr(error, "__notes__", ())):
            print(line, file=sys.stderr)
        return REFUSED
    except typer.TyperException as error:
        return _usage(error)
    except Interrupted as stop:
        print(f"neurosim: interrupted, {stop}", file=sys.stderr)
        return INTERRUPTED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("neurosim: interrupted, nothing was written", file=sys.stderr)
    return code if isinstance(code, int) else DONE


def _usage(error: typer.TyperException) -> int:
    """A command line that cannot be read: one line, with the command that explains it."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "neurosim"
    message = " ".join(error.format_message().replace("Value error, ", "").split())
    print(f"{command}: {message} (see: {command} --help)", file=sys.stderr)
    return REFUSED
