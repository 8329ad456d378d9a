"""Headquarters' files, made from its settings: nats-server's with a key and rights for each centre, the web server's, PostgreSQL's,
and what is carried to each centre. Pure.

A centre may write its own batches, answers and what is live of it, and read what is for it: orders to all, its zone and itself,
opt-outs, and the marks of its constituencies. A consumer of one subject has that in the subject by which it is asked for (NATS 2.9
and newer), where the server holds it to what is allowed; others may not be made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dialer.domain.signing import public_key_text
from dialer.nats.messages import (
    CMD,
    OPT_OUT_SUBJECT,
    PEERS,
    ack_subject,
    batch_subject,
    inbox_of,
    live_subject,
    mark_subject,
    marks_subject,
    order_subject,
    reply_subject,
    snapshot_subject,
)
from dialer.nats.nkey import public_key
from dialer.settings.headquarters import HqCentre, HqSettings

MARKER = "# Written by `dialer hq render`: change hq.toml and render again, an edit here is lost."
NATS, CADDY, NGINX, POSTGRESQL = "nats-server.conf", "Caddyfile", "nginx.conf", "postgresql.sql"
CA, CERTIFICATE, KEY = "hq-ca.pem", "hq-server.pem", "hq-server.key"
OWN_SEED = "hq.nk"
ROOT = "root.json"
MOST_PAYLOAD_BYTES = 1 << 20


def readable(centre: HqCentre) -> dict[str, list[str]]:
    """The subjects that a centre may read, by stream."""
    marks = [mark_subject("*", centre.state or "", number) for number in centre.constituencies]
    orders = [order_subject(to) for to in ("all", f"zone:{centre.zone}", f"centre:{centre.id}")]
    return {PEERS: [OPT_OUT_SUBJECT, *(marks or [marks_subject(centre.state)])], CMD: orders}


def rights_of(centre: HqCentre) -> dict[str, dict[str, list[str]]]:
    """What a centre may write and read at nats-server, by nothing but which the server lets it."""
    api, streams = "$JS.API", readable(centre)
    return {
        "publish": {
            "allow": [
                batch_subject(centre.id),
                live_subject(centre.id, ">"),
                reply_subject(centre.id, "*"),
                snapshot_subject(centre.id),
                *(f"{api}.STREAM.INFO.{stream}" for stream in streams),
                *(f"{api}.CONSUMER.CREATE.{stream}.*.{each}" for stream, read in streams.items() for each in read),
                *(f"$JS.FC.{stream}.>" for stream in streams),
            ]
        },
        "subscribe": {"allow": [ack_subject(centre.id), f"{inbox_of(centre.id)}.>"]},
    }


def nats_configuration(settings: HqSettings, own_nkey: str, nkeys: Mapping[str, str]) -> str:
    """nats-server's file; `nkeys` are the centres' public ones."""
    server, users = settings.server, [_user("headquarters", own_nkey, {"publish": ">", "subscribe": ">"})]
    users += [
        _user(each.id, nkeys[each.id], rights_of(each)) for each in sorted(settings.centres, key=lambda its: its.id)
    ]
    files = server.files_directory
    tls = (
        f'tls {{\n  cert_file: "{files}/{CERTIFICATE}"\n  key_file: "{files}/{KEY}"\n  min_version: "1.3"\n}}\n'
        if settings.encrypted
        else ""
    )
    host = "0.0.0.0" if settings.encrypted else server.host  # noqa: S104 - centres come from everywhere, each with its key
    return f"""{MARKER}
server_name: "matdan-headquarters"
listen: "{host}:{server.port}"
max_payload: {MOST_PAYLOAD_BYTES}
{tls}
# Acknowledged is on disk: without this two minutes of batches may go with the power.
jetstream {{
  store_dir: "{server.data_directory}"
  sync_interval: always
}}

authorization {{
  users: [
{",".join(chr(10) + user for user in users).lstrip(chr(10))}
  ]
}}
"""


def _user(name: str, nkey: str, permissions: Mapping[str, object]) -> str:
    return f"    # {name}\n    {{ nkey: {nkey}, permissions: {json.dumps(permissions)} }}"


@dataclass(frozen=True, slots=True)
class _Site:
    """An address of a web server, and what is served there."""

    encrypted: bool
    name: str
    port: int
    paths: dict[str, str]  # to a folder, or to the address of the pages' own process

    @property
    def address(self) -> str:
        return f"{'https' if self.encrypted else 'http'}://{self.name}:{self.port}"


def _sites(settings: HqSettings) -> list[_Site]:
    """Of material, and of the pages where people type an address that is not the process's own. Both may be of one name."""
    desk, found = settings.desk, list[_Site]()
    served = {settings.server.material_address or "http://127.0.0.1:8480/material": str(_public(settings))}
    if desk.address is not None and desk.certificate is None:
        served[f"{desk.address}/"] = f"http://{desk.host}:{desk.port}"
    for address, what in served.items():
        parts = urlsplit(address)
        encrypted = parts.scheme == "https"
        site = _Site(encrypted, parts.hostname or "", parts.port or (443 if encrypted else 80), {})
        if site.address not in [each.address for each in found]:
            found.append(site)
        next(each for each in found if each.address == site.address).paths[parts.path.strip("/")] = what
    return found


def caddy_configuration(settings: HqSettings) -> str:
    """Caddy's file: material as files, and the pages; with certificates that Caddy itself gets."""
    lines = [MARKER]
    for site in _sites(settings):
        lines.append(f"{site.address} {{")
        for path, what in site.paths.items():
            if path:
                lines += [f"\thandle_path /{path}/* {{", f"\t\troot * {what}", "\t\tfile_server", "\t}"]
        rest = f"reverse_proxy {pages}" if (pages := site.paths.get("")) else "respond 404"
        lines += ["\thandle {", f"\t\t{rest}", "\t}", "}"]
    return "\n".join([*lines, ""])


_PASSED_ON = (
    "proxy_http_version 1.1;",
    "proxy_set_header Host $http_host;",
    'proxy_set_header Connection "";',
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_buffering off;",
    "proxy_read_timeout 1h;",
)


def nginx_configuration(settings: HqSettings) -> str:
    """nginx's servers, for its folder of sites: the same; certificates are the site's own."""
    files, lines = settings.server.files_directory, [MARKER]
    for site in _sites(settings):
        kind = " ssl" if site.encrypted else ""
        lines += ["server {", f"    listen {site.port}{kind};", f"    server_name {site.name};"]
        if site.encrypted:
            lines += [f"    ssl_certificate {files}/web.pem;", f"    ssl_certificate_key {files}/web.key;"]
        for path, what in site.paths.items():
            said = (
                (f"alias {what}/;", "limit_except GET { deny all; }") if path else (f"proxy_pass {what};", *_PASSED_ON)
            )
            place = f"/{path}/" if path else "/"
            lines += [f"    location {place} {{", *(f"        {each}" for each in said), "    }"]
        lines.append("}")
    return "\n".join([*lines, ""])


def _public(settings: HqSettings) -> Path:
    return settings.bundles.folder.absolute() / "public"


def postgresql_statements() -> str:
    """For `psql` as PostgreSQL's own user, once: a role and a database of headquarters'."""
    return f"""{MARKER.replace("#", "--", 1)}
-- On this machine alone, by the socket: the user matdan of the system is the role, and there is no password to steal.
CREATE ROLE matdan LOGIN;
CREATE DATABASE matdan OWNER matdan;
-- Committed is on disk (the default, which nobody's tuning may take away here).
ALTER ROLE matdan SET synchronous_commit = on;
"""


def centre_settings(
    settings: HqSettings, centre: HqCentre, servers: Sequence[str], own_nkey: str, *, with_root: bool
) -> str:
    """What is added to a centre's settings; the files that it names go beside it. `own_nkey` is headquarters' public one."""
    files = settings.server.files_directory
    lines = [
        MARKER,
        f"# For the settings of {centre.id}; the other files of this archive go into {files}.",
        "[headquarters]",
        'user = "uplink"',
        f'zone = "{centre.zone}"',
        f"servers = {json.dumps([*servers])}",
        f'key = "{public_key_text(public_key(own_nkey))}"',
        f'nkey_file = "{files}/{centre.id}.nk"',
    ]
    if settings.encrypted:
        lines.append(f'ca_file = "{files}/{CA}"')
    if settings.server.material_address is not None and with_root:
        lines += [
            f'material_url = "{settings.server.material_address}"',
            'material_folder = "/var/lib/matdan/material"',
            f'material_root = "{files}/{ROOT}"',
        ]
    for leader in settings.leaders:
        lines += ["", "[[headquarters.leaders]]", f'name = "{leader.name}"', f'key = "{leader.key}"']
    lines += ["", "[[supervisors]]", 'name = "uplink"', 'role = "uplink"', ""]
    return "\n".join(lines)


def server_address(settings: HqSettings) -> str:
    """By what centres name the server."""
    return f"{'tls' if settings.encrypted else 'nats'}://{settings.server.host}:{settings.server.port}"
