"""The command `cite verify`, and how `cite` tells it from the name of a study."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from vggstudy.cli.console import Console, common
from vggstudy.cli.given import TableChoice, split, table_options
from vggstudy.cli.rerunning import RerunChoice, rerun_options
from vggstudy.cli.standing import strict_option, trusted_options


class CiteCommands(click.Group):
    """`cite verify ...` checks; `cite show ...`, and anything else, lists or prints claims."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command first, wherever its name stands, or the one that is meant without."""
        if not args or args[0] in ("-h", "--help"):
            return super().parse_args(ctx, args)
        place = _first_word(args, self._valued())
        named = place is not None and args[place] in self.commands
        if place is not None and named:
            return super().parse_args(ctx, [args[place], *args[:place], *args[place + 1 :]])
        return super().parse_args(ctx, ["show", *args])

    def _valued(self) -> set[str]:
        """The options of the commands that take a value."""
        return {
            name
            for command in self.commands.values()
            for option in command.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }


def _first_word(args: list[str], valued: Collection[str]) -> int | None:
    """The place of the first argument that is no option, nor an option's value."""
    place = 0
    while place < len(args):
        if args[place] in valued:
            place += 2
        elif args[place].startswith("-") and args[place] != "-":
            place += 1
        else:
            return place
    return None


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--against", required=True, metavar="STUDY", help="Whose numbers they must be.")
@click.option(
    "--recompute", is_flag=True, help="Of a claims.json, compare ends within their error too."
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A folder outside the paper's own from which it may input files.",
)
@click.option(
    "--trust",
    "trusted",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A package or class beside the paper that you have read yourself, or the claims.json of "
    "--against that you vouch for.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="How findings are written: github makes annotations of them in a workflow.",
)
@click.option(
    "--unbound", is_flag=True, help="Warn of numbers in a paper's tables that name no claim."
)
@strict_option
@trusted_options
@rerun_options
@table_options
@common
def verify_command(
    console: Console,
    file: Path,
    against: str,
    recompute: bool,
    allowed: tuple[Path, ...],
    trusted: tuple[Path, ...],
    form: str,
    unbound: bool,
    strict: bool,
    rerun_count: int | None,
    rerun_seed: int | None,
    devices: str,
    table: TableChoice,
    **brought: Path | None,
) -> int:
    """Check a paper (.tex, .md) or a claims.json against what the records of STUDY say now.

    Says what it checked against: which runs, which protocol, amended when.

    0 where all its numbers are the study's, 1 where one is not, 2 where that cannot be told, 3
    where a record or a claims file is damaged.
    """
    from vggstudy.cli.verify import verify

    if rerun_count is None and rerun_seed is not None:
        msg = "--rerun-seed goes with --rerun N"
        raise click.UsageError(msg)
    return verify(
        console,
        file,
        against,
        table,
        recompute=recompute,
        allowed=allowed,
        trusted=trusted,
        strict=strict,
        brought=brought,
        annotate=form == "github",
        list_unbound=unbound,
        again=RerunChoice(rerun_count or 0, rerun_seed, tuple(split(devices))),
    )
