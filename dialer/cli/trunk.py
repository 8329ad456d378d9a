"""`dialer trunk`: test a trunk to the telephone network."""

from __future__ import annotations

from typing import Annotated

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SettingsFile

app = CommandGroup()


@app.callback()
def _require_subcommand_name_for_single_command() -> None:
    """Make Typer treat `test` as a subcommand although it is the only command."""


@app.command("test")
async def call_own_phone_over_trunk(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The trunk's name in the settings.")],
    number: Annotated[str, typer.Argument(metavar="+NUMBER", help="Your own phone's number, such as +919812345678.")],
    config: SettingsFile,
    ring: Annotated[float, typer.Option(min=5, max=120, metavar="SECONDS", help="How long to ring.")] = 30.0,
) -> None:
    """Call your own phone over a trunk, echo what you say, and print how the carrier responded and whether the key #
    arrives.

    Asterisk must run with the rendered files. The call is not stored, and no rule but the allowed prefixes applies to
    it. Exit 1 if the phone did not answer.
    """
    from dialer.settings.site import load_settings
    from dialer.site.trunk_test import describe_trunk_test, find_trunk_to_test, place_test_call

    settings = load_settings(config)
    typer.echo("Answer the call. When you hear yourself, press #, and again after 10 s if the call goes on.")
    test = await place_test_call(settings, find_trunk_to_test(settings, name), number, ring)
    for line in describe_trunk_test(test):
        typer.echo(line)
    raise typer.Exit(0 if test.answered_after is not None else 1)
