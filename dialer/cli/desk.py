"""`dialer desk`: serve the pages for supervisors and agents, create their TLS certificate, and build them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import SettingsFile, format_option_choices, require_installed_package_extra
from dialer.domain.enums import MqttVersion
from dialer.errors import MatdanError

if TYPE_CHECKING:
    from dialer.settings.desk import PageServer

app = CommandGroup()


class DeskNotReady(MatdanError):
    """The server of the pages cannot start. The text says what is missing, and what to do."""


@app.command("serve")
async def serve_centre_pages(
    config: SettingsFile,
    mqtt: Annotated[
        MqttVersion,
        typer.Option(
            metavar=format_option_choices(MqttVersion),
            help="MQTT version. Use 3.1.1 for a broker that lacks version 5.",
        ),
    ] = MqttVersion.V5,
    training: Annotated[
        bool,
        typer.Option(
            "--training",
            help="Serve only the agents' pages, on simulated lines. Nothing is stored and no phone rings.",
        ),
    ] = False,
) -> None:
    """Serve the pages for supervisors and agents until SIGTERM or Ctrl-C.

    The server needs the broker, and reads the dialler's store. With --training it needs neither broker nor store:
    voters, roll and calls are simulated.
    """
    from dialer.cli.logs import configure_json_logging, configure_quiet_logging
    from dialer.desk.pages_built import OPEN_AT_PREFIX, are_pages_built
    from dialer.settings.site import load_settings

    with require_installed_package_extra("desk"):
        from dialer.desk.server import get_broker_settings_of_desk, run_desk_process
    if not are_pages_built():
        raise DeskNotReady("the desk's pages are not built: run `dialer desk pages`")
    settings = load_settings(config)
    if training:
        from dialer.simulation.demo.training import run_training

        configure_quiet_logging()
        await run_training(settings, lambda address: typer.echo(f"{OPEN_AT_PREFIX}{address}"))
        return
    configure_json_logging(verbose=False)
    broker = replace(get_broker_settings_of_desk(settings), version=mqtt)
    await run_desk_process(settings, broker, lambda origin: typer.echo(f"{OPEN_AT_PREFIX}{origin}"))


@app.command("pages")
def build_desk_pages() -> None:
    """Build the pages for supervisors and agents in a source checkout.

    It needs npm and access to the npm registry. An installed package contains the pages already.
    """
    from dialer.desk.pages_built import PagesNotBuilt, build_pages

    try:
        typer.echo(f"built {build_pages()}")
    except PagesNotBuilt as error:
        raise DeskNotReady(f"the desk's pages are not built: {error}") from error


NamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="HOST",
        help="A host name or IP address of the desk. Repeatable. [default: the host in the settings]",
    ),
]
RenewOption = Annotated[bool, typer.Option("--renew", help="Create a new certificate, with the same CA and keys.")]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", metavar="DIR", help="Folder of the CA and its key. [default: the certificate's folder]"),
]


@app.command("certificate")
def create_desk_certificate(
    config: SettingsFile, name: NamesOption = None, renew: RenewOption = False, ca: CaOption = None
) -> None:
    """Create the TLS certificate of the pages, and the site's own CA that signs it. Each PC must install the CA once.

    The files desk.certificate and desk.private_key of the settings are written. The CA is valid for the pages' host
    names only. The output explains how to install it.
    """
    from dialer.settings.site import load_settings

    settings = load_settings(config)
    create_page_server_certificate(
        settings.desk, settings.centre.id, name or [], ca, renew=renew, serve="dialer desk serve"
    )


def create_page_server_certificate(
    desk: PageServer, owner: str, names: list[str], ca: Path | None, *, renew: bool, serve: str
) -> None:
    """Create the TLS certificate of a page server, and print what to do next.

    `owner` is the name in the CA certificate, such as the centre. `serve` is the command that starts the server.
    """
    from dialer.domain.clock import SystemClock

    with require_installed_package_extra("desk"):
        from dialer.desk.certificate import create_certificate_of_page_server, locate_certificate_files
    own = urlsplit(desk.get_url_of_pages(desk.port)).hostname or desk.host
    files = locate_certificate_files(desk, ca)
    made = create_certificate_of_page_server(files, owner, own, names, SystemClock().now(), renew=renew)
    hosts = " and ".join(map(str, made.names))
    if made.ca_is_new:
        typer.echo(f"created {files.ca}, the site's own CA, valid only for {hosts}, until {made.ca_until:%Y-%m-%d}")
    typer.echo(f"created {files.certificate} for {hosts}, valid until {made.until:%Y-%m-%d}; restart `{serve}`")
    if made.ca_is_new:
        typer.echo(_INSTALL_CA.format(ca=files.ca.name, fingerprint=made.fingerprint, key=files.ca_key))


_INSTALL_CA = """
Next: install {ca} on every PC that opens the pages. Do not copy {key}. SHA-256 of {ca}:
  {fingerprint}
Windows (Chrome, Edge, Firefox), as administrator:
  certutil -addstore -f Root {ca}
macOS (Safari, Chrome, Firefox):
  sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}
Debian, Chromium, as each user (package libnss3-tools):
  mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n matdan-desk -i {ca}
Debian, Firefox: copy it to /usr/local/share/matdan, and add to /etc/firefox/policies/policies.json:
  {{"policies": {{"Certificates": {{"Install": ["/usr/local/share/matdan/{ca}"]}}}}}}
Debian, other programs: copy it to /usr/local/share/ca-certificates/matdan-desk.crt, then
  sudo update-ca-certificates"""
