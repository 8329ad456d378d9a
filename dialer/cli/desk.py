"""`dialer desk`: the pages for supervisors, served; a certificate for them; and built, in a clone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.logs import json_logging, quiet_logging
from dialer.cli.options import SettingsFile, of_extra
from dialer.desk.pages_built import OPEN_AT_PREFIX, PagesNotBuilt, are_built, build
from dialer.domain.clock import SystemClock
from dialer.errors import MatdanError
from dialer.mqtt.client import MqttVersion
from dialer.settings.desk import PageServer
from dialer.settings.site import load_settings

app = CommandGroup()


class DeskNotReady(MatdanError):
    """The desk lacks something. The text says what, and what to do."""


@app.command()
async def serve(
    config: SettingsFile,
    mqtt: Annotated[
        MqttVersion, typer.Option(help="MQTT version; use 3.1.1 for a broker without version 5.")
    ] = MqttVersion.V5,
    training: Annotated[
        bool,
        typer.Option(
            "--training", help="Serve only the agents' pages, on simulated lines; nothing is stored and no phone rings."
        ),
    ] = False,
) -> None:
    """Serve the pages until SIGTERM or Ctrl-C.

    It needs the broker and the dialler's store, which it only reads. With --training it needs neither: voters, roll
    and switch are simulated.
    """
    with of_extra("desk"):
        from dialer.desk.server import find_desk_broker, serve_desk  # noqa: PLC0415 - FastAPI and all
    if not are_built():
        raise DeskNotReady("the desk's pages are not built: `dialer desk pages` builds them")
    settings = load_settings(config)
    if training:
        from dialer.simulation.demo.training import run_training  # noqa: PLC0415 - the simulated switch and all

        quiet_logging()
        await run_training(settings, lambda address: typer.echo(f"{OPEN_AT_PREFIX}{address}"))
        return
    json_logging(verbose=False)
    broker = replace(find_desk_broker(settings), version=mqtt)
    await serve_desk(settings, broker, lambda origin: typer.echo(f"{OPEN_AT_PREFIX}{origin}"))


@app.command()
def pages() -> None:
    """Build the pages in a clone; needs npm and its registry.

    A wheel contains them.
    """
    try:
        typer.echo(f"built {build()}")
    except PagesNotBuilt as error:
        raise DeskNotReady(f"the desk's pages are not built: {error}") from error


NamesOption = Annotated[
    list[str] | None,
    typer.Option("--name", help="A host name or address of the desk. Repeatable. [default: the settings']"),
]
RenewOption = Annotated[bool, typer.Option("--renew", help="Create a new certificate; CA and keys stay.")]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", metavar="FOLDER", help="Folder of the CA and its key. [default: beside the certificate]"),
]


@app.command()
def certificate(
    config: SettingsFile, name: NamesOption = None, renew: RenewOption = False, ca: CaOption = None
) -> None:
    """Create the desk's certificate, signed by the site's own CA, which is installed on the PCs once.

    It writes desk.certificate and desk.private_key. The CA is valid for the desk's names only. The output says how to
    install it.
    """
    settings = load_settings(config)
    tell_certificate(settings.desk, settings.centre.id, name or [], ca, renew=renew, serve="dialer desk serve")


def tell_certificate(
    desk: PageServer, owner: str, names: list[str], ca: Path | None, *, renew: bool, serve: str
) -> None:
    """Make a certificate for these pages of `owner`, which the command `serve` serves."""
    with of_extra("desk"):
        from dialer.desk.certificate import locate_certificate_files, make_certificate  # noqa: PLC0415 - of an extra
    own = urlsplit(desk.origin(desk.port)).hostname or desk.host
    files = locate_certificate_files(desk, ca)
    made = make_certificate(files, owner, own, names, SystemClock().now(), renew=renew)
    told = " and ".join(map(str, made.names))
    if made.ca_is_new:
        typer.echo(f"made {files.ca}, the site's own CA, for {told} alone, until {made.ca_until:%Y-%m-%d}")
    typer.echo(f"made {files.certificate} for {told}, until {made.until:%Y-%m-%d}; start `{serve}` again")
    if made.ca_is_new:
        typer.echo(_ON_PCS.format(ca=files.ca.name, fingerprint=made.fingerprint, key=files.ca_key))


_ON_PCS = """
Now install {ca} on every PC that opens the desk (not {key}, which stays here). Its SHA-256:
  {fingerprint}
Windows (Chrome, Edge, Firefox), as administrator:
  certutil -addstore -f Root {ca}
macOS (Safari, Chrome, Firefox):
  sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}
Debian, Chromium, as each user (package libnss3-tools):
  mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n matdan-desk -i {ca}
Debian, Firefox: put it into /usr/local/share/matdan, and into /etc/firefox/policies/policies.json:
  {{"policies": {{"Certificates": {{"Install": ["/usr/local/share/matdan/{ca}"]}}}}}}
Debian, other programs: put it into /usr/local/share/ca-certificates as matdan-desk.crt, then
  sudo update-ca-certificates"""
