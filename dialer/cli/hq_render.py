"""`dialer hq render`: write the configuration files of headquarters' machine, and an archive for each centre."""

from __future__ import annotations

import io
import os
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.options import ForceOption, HeadquartersOptions, require_installed_package_extra
from dialer.domain.output import create_private_file
from dialer.errors import AsteriskFilesError

if TYPE_CHECKING:
    from dialer.settings.headquarters import HqSettings


def render_headquarters_files(
    hq: HeadquartersOptions,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write the files to.")],
    force: ForceOption = False,
) -> None:
    """Write the configuration of nats-server, the web server and PostgreSQL, and an archive for each centre.

    Existing keys and certificates are kept. A centre's archive contains its private key: deliver it safely, then delete
    it.
    """
    from dialer.deploy.asterisk.file_changes import plan_file_changes, write_planned_files
    from dialer.deploy.systemd.render import render_fail2ban_files, render_nats_recovery_units
    from dialer.hq import render as files

    settings = hq.headquarters_settings
    to.mkdir(mode=0o700, exist_ok=True)
    (to / "centres").mkdir(mode=0o700, exist_ok=True)
    own, _ = _read_or_create_nkey(to / files.OWN_SEED)
    nkeys: dict[str, str] = {}
    seeds: dict[str, str] = {}
    for centre in settings.centres:
        if centre.nkey is not None:
            nkeys[centre.id] = centre.nkey
        else:
            nkeys[centre.id], seeds[centre.id] = _read_or_create_nkey(to / "centres" / f"{centre.id}.nk")
    if settings.encrypts_nats_connections:
        _create_server_certificate(settings, to)
    rendered = {
        files.NATS: files.render_nats_configuration(settings, own, nkeys),
        files.CADDY: files.render_caddy_configuration(settings),
        files.NGINX: files.render_nginx_configuration(settings),
    }
    rendered |= render_nats_recovery_units(settings.server.data_directory, files.HEALTH_PORT, files.MARKER)
    jails = render_fail2ban_files(asterisk=False, desk_port=settings.desk.port, marker=files.MARKER)
    rendered |= {f"fail2ban-{path.parent.name}": text for path, text in jails.items()}
    for name in write_planned_files(to, plan_file_changes(to, rendered, files.MARKER), force=force):
        typer.echo(f"wrote {to / name}")
    (to / files.POSTGRESQL).write_text(files.render_postgresql_statements(), encoding="utf-8")
    root = settings.bundles.folder / "public" / "metadata" / "1.root.json"
    for centre in settings.centres:
        lines = files.render_centre_settings(
            settings, centre, [files.find_server_address(settings)], own, with_root=root.exists()
        )
        parts = {f"{centre.id}.toml": lines.encode()}
        if centre.id in seeds:
            parts[f"{centre.id}.nk"] = f"{seeds[centre.id]}\n".encode()
        if settings.encrypts_nats_connections:
            parts[files.CA] = (to / files.CA).read_bytes()
        if root.exists():
            parts[files.ROOT] = root.read_bytes()
        _write_centre_archive(to / "centres" / f"{centre.id}.tar", parts)
    typer.echo(f"wrote {to / 'centres'}/ID.tar for {len(settings.centres)} centres: deliver each to its centre")
    typer.echo(
        f'next: set in hq.toml: servers = ["{files.find_server_address(settings)}"], nkey_file = "{to / files.OWN_SEED}"'
    )


def _read_or_create_nkey(path: Path) -> tuple[str, str]:
    """Return the public key and the secret seed in a NATS key file. If the file does not exist, create it with a new
    key.
    """
    from dialer.domain.signing import write_secret_file

    with require_installed_package_extra("hq"):
        import nkeys
    if not path.exists():
        write_secret_file(path, nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode() + "\n")
    seed = path.read_text(encoding="ascii").strip()
    return nkeys.from_seed(bytearray(seed.encode())).public_key.decode(), seed


def _create_server_certificate(settings: HqSettings, to: Path) -> None:
    from dialer.desk.certificate import CertificateFiles, create_certificate_of_page_server
    from dialer.hq import render as files

    ours = CertificateFiles(to / files.CERTIFICATE, to / files.KEY, to / files.CA, to / "hq-ca.key")
    if not ours.certificate.exists():
        create_certificate_of_page_server(ours, "headquarters", settings.server.host, [], time.time(), renew=False)


def _write_centre_archive(path: Path, parts: dict[str, bytes]) -> None:
    """Write a tar archive with a centre's files. Only this user can read the archive.

    Raises AsteriskFilesError if the archive cannot be written.
    """
    try:
        with os.fdopen(create_private_file(path), "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
            for name, content in parts.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o600
                archive.addfile(entry, io.BytesIO(content))
    except OSError as error:
        raise AsteriskFilesError(
            f"{path} cannot be written ({error.strerror}): free some disk space, then render again"
        ) from error
