"""The command line: arguments, printing, exit codes. Commands are loaded when they are called."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import NoReturn

import click

from vggstudy._version import __version__
from vggstudy.cli.examples import epilog
from vggstudy.errors import StudyError
from vggstudy.suggest import closest

COLLECT_AFTER = 500_000
"""New objects between two collections: nearly all that a command makes live until its end."""

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Protocols": {
        "init": ("starting", "Write a commented starter protocol."),
        "check": ("protocols", "Check a protocol and show its grid."),
        "schema": ("protocols", "Print the JSON Schema of the protocol file."),
        "protocols": ("protocols", "List the shipped protocols, or print one."),
    },
    "Runs": {
        "power": ("planning", "Choose replicates: how many does a half-width or a power need?"),
        "plan": ("runs", "Show what a study will run, has run and lacks."),
        "register": ("registering", "Write a receipt of what a study states, for others to stamp."),
        "run": ("runs", "Execute the runs that a study lacks; always resumes."),
        "status": ("status", "Show the state of a study, cell by cell."),
        "show": ("showing", "Show the record of one run."),
        "list": ("listing", "List the studies that there are."),
    },
    "Results": {
        "import": ("importing", "Make a table of runs of what another tool has recorded."),
        "analyze": ("results", "Estimate: write and print the claims of a study or a CSV."),
        "report": ("results", "Render the HTML report of a study or a CSV."),
        "open": ("listing", "Open the report of a study in the browser."),
        "compare": ("comparing", "Set studies side by side: does one replicate the other?"),
        "cite": ("results", "List claims, or cite one in a paper."),
        "export": ("exporting", "Write runs, cells or claims as a table; figures for a paper."),
        "verify": ("standing", "Say what a study rests on, and what is not as planned."),
        "pack": ("publish", "Copy a study into three files, for publishing."),
        "unpack": ("publish", "Make a study of a packed one."),
    },
    "System": {
        "doctor": ("system", "Check the installation, or check and mend a study."),
    },
}

EPILOG = (
    "Exit codes: 0 complete, 1 internal error, 2 usage, 3 invalid protocol or input, "
    "4 crashed or missing runs remain, 5 study unknown, locked or damaged, 130 interrupted."
)


class Commands(click.Group):
    """A group whose commands are imported one by one, when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, section by section."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        for section in SECTIONS.values():
            if cmd_name in section:
                module = importlib.import_module(f"vggstudy.cli.{section[cmd_name][0]}")
                command: click.Command = getattr(module, f"{cmd_name}_command")
                command.epilog = command.epilog or epilog(cmd_name)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the command that was probably meant."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            match = closest(args[0], self.list_commands(ctx))
            hint = f" Did you mean '{match}'?" if match else ""
            msg = f"No such command '{args[0]}'.{hint}"
            raise click.UsageError(msg, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands in their sections, without importing them."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vggstudy")
def main() -> None:
    """From a protocol file to a confidence interval that a paper can cite.

    A protocol declares a replicated grid of training runs; 'run' executes what is missing,
    'report' labels, analyses and renders it, 'cite' puts an interval into a paper.
    """


def run_cli() -> NoReturn:
    """Entry point: runs the command and turns expected errors into a message and a code."""
    gc.set_threshold(COLLECT_AFTER)
    sys.exit(_invoke(sys.argv[1:]))


def _invoke(arguments: list[str]) -> int:
    """Exit code of a command line."""
    try:
        code = main.main(args=arguments, prog_name="vggstudy", standalone_mode=False)
    except StudyError as error:
        _complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return 130
    except SystemExit:
        return 0  # click's answer where the reader of our output has gone (`| head`)
    except OSError as error:
        _complain(_os_sentence(error))
        return 1
    except Exception as error:
        if os.environ.get("VGGSTUDY_TRACEBACK"):
            raise
        _complain(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a defect of vggstudy. Run again with VGGSTUDY_TRACEBACK=1 and report it."
        )
        return 1
    return code if isinstance(code, int) else 0


def _os_sentence(error: OSError) -> str:
    """What the operating system refused, on which file."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _complain(message: str) -> None:
    """Write an error to stderr, control characters made visible."""
    from vggstudy.cli.console import printable

    click.echo(f"vggstudy: error: {printable(message)}", err=True)
