"""What help shows of a group of commands."""

from typing import Any

from typer.core import TyperGroup


class Commands(TyperGroup):
    """A group of commands, of which help shows the first sentence whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names of all commands and what they do."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=300)) for name, one in found if one])
