"""Render headquarters' configuration files, and the settings of its centres, from headquarters' settings. Without I/O.

The files configure nats-server (with a key and permissions for each centre), the web server and PostgreSQL.

A centre may publish its own batches, replies, live status and sample of numbers. It may read orders, opt-outs, the
marks (facts about voters) of its constituencies, and the call times of its state. To read, a centre creates a NATS
consumer. The server allows each centre one consumer for each subject that it may read (NATS 2.9 and newer). So no
centre can fill the server's memory with consumers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dialer.domain.signing import format_public_key
from dialer.nats.messages import (
    CALLS,
    CMD,
    OPT_OUT_SUBJECT,
    PEERS,
    build_acknowledgement_subject,
    build_batch_subject,
    build_calls_subject_of_state,
    build_inbox_prefix,
    build_live_status_subject,
    build_marks_subject_of_constituency,
    build_marks_subject_of_state,
    build_order_subject,
    build_reply_subject,
    build_snapshot_subject,
    list_consumer_names,
)
from dialer.nats.nkey import decode_public_key
from dialer.nats.number_sample import build_number_sample_subject
from dialer.settings.headquarters import HqCentre, HqSettings

MARKER = "# Written by `dialer hq render`: change hq.toml and render again, an edit here is lost."
NATS, CADDY, NGINX, POSTGRESQL = "nats-server.conf", "Caddyfile", "nginx.conf", "postgresql.sql"
CA, CERTIFICATE, KEY = "hq-ca.pem", "hq-server.pem", "hq-server.key"
OWN_SEED = "hq.nk"
ROOT = "root.json"
MAX_PAYLOAD_BYTES = 1 << 20
HEALTH_PORT = 8222
"""Port at which nats-server tells programs on its own machine whether it can store messages."""
MAX_SUBSCRIPTIONS = 2_000
"""Subscriptions of one connection: an uplink has one for each subject that it reads."""
OWN_CONNECTIONS, CENTRE_CONNECTIONS = 200, 8
"""Connections that the server accepts: for headquarters itself, and for each centre, which needs one."""


def list_subjects_readable_by_centre(centre: HqCentre) -> dict[str, list[str]]:
    """Return the NATS subjects that a centre may read, by the stream that they belong to."""
    marks = [build_marks_subject_of_constituency("*", centre.state or "", number) for number in centre.constituencies]
    orders = [build_order_subject(to) for to in ("all", f"zone:{centre.zone}", f"centre:{centre.id}")]
    if centre.state is not None and not marks:
        marks = [build_marks_subject_of_state(centre.state)]
    calls = {} if centre.state is None else {CALLS: [build_calls_subject_of_state(centre.state)]}
    return {PEERS: [OPT_OUT_SUBJECT, *marks], CMD: orders, **calls}


def build_nats_permissions(centre: HqCentre) -> dict[str, dict[str, list[str]]]:
    """Return what a centre may publish and subscribe to at nats-server. Everything else is denied."""
    api, streams = "$JS.API", list_subjects_readable_by_centre(centre)
    return {
        "publish": {
            "allow": [
                build_batch_subject(centre.id),
                build_live_status_subject(centre.id, ">"),
                build_reply_subject(centre.id, "*"),
                build_snapshot_subject(centre.id),
                build_number_sample_subject(centre.id),
                *(f"{api}.STREAM.INFO.{stream}" for stream in streams),
                *(
                    request
                    for stream, subjects in streams.items()
                    for each in subjects
                    for name in list_consumer_names(centre.id, each)
                    for request in (
                        f"{api}.CONSUMER.CREATE.{stream}.{name}.{each}",
                        f"{api}.CONSUMER.DELETE.{stream}.{name}",
                    )
                ),
                *(f"$JS.FC.{stream}.>" for stream in streams),
            ]
        },
        "subscribe": {"allow": [build_acknowledgement_subject(centre.id), f"{build_inbox_prefix(centre.id)}.>"]},
    }


def render_nats_configuration(settings: HqSettings, own_nkey: str, nkeys: Mapping[str, str]) -> str:
    """Return the configuration file of nats-server. `nkeys` has the public nkey (NATS key) of each centre."""
    server, users = settings.server, [_render_nats_user("headquarters", own_nkey, {"publish": ">", "subscribe": ">"})]
    users += [
        _render_nats_user(each.id, nkeys[each.id], build_nats_permissions(each))
        for each in sorted(settings.centres, key=lambda its: its.id)
    ]
    files = server.files_directory
    tls = (
        f'tls {{\n  cert_file: "{files}/{CERTIFICATE}"\n  key_file: "{files}/{KEY}"\n  min_version: "1.3"\n}}\n'
        if settings.encrypts_nats_connections
        else ""
    )
    host = "0.0.0.0" if settings.encrypts_nats_connections else server.host  # noqa: S104 - centres connect from anywhere, each with its key
    return f"""{MARKER}
server_name: "matdan-headquarters"
listen: "{host}:{server.port}"
http: "127.0.0.1:{HEALTH_PORT}"
max_payload: {MAX_PAYLOAD_BYTES}
max_subscriptions: {MAX_SUBSCRIPTIONS}
max_connections: {OWN_CONNECTIONS + CENTRE_CONNECTIONS * len(settings.centres)}
{tls}
# A message is on disk when it is acknowledged. By default, a power failure may lose two minutes of batches.
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


def _render_nats_user(name: str, nkey: str, permissions: Mapping[str, object]) -> str:
    return f"    # {name}\n    {{ nkey: {nkey}, permissions: {json.dumps(permissions)} }}"


@dataclass(frozen=True, slots=True)
class _Site:
    """A site of the web server: its address, and the files or program that it serves."""

    encrypted: bool
    name: str
    port: int
    paths: dict[str, str]  # URL path -> folder with files, or address of the process that serves the pages

    @property
    def web_site_address(self) -> str:
        return f"{'https' if self.encrypted else 'http'}://{self.name}:{self.port}"


def _list_web_sites(settings: HqSettings) -> list[_Site]:
    """Return the web server's sites: one for campaign material and, if it serves headquarters' pages, one for these
    pages.
    """
    desk, sites = settings.desk, list[_Site]()
    served = {
        settings.server.material_address or "http://127.0.0.1:8480/material": str(
            _find_published_bundles_folder(settings)
        )
    }
    if desk.address is not None and desk.certificate is None:
        served[f"{desk.address}/"] = f"http://{desk.host}:{desk.port}"
    for address, source in served.items():
        parts = urlsplit(address)
        encrypted = parts.scheme == "https"
        site = _Site(encrypted, parts.hostname or "", parts.port or (443 if encrypted else 80), {})
        if site.web_site_address not in [each.web_site_address for each in sites]:
            sites.append(site)
        next(each for each in sites if each.web_site_address == site.web_site_address).paths[parts.path.strip("/")] = (
            source
        )
    return sites


def render_caddy_configuration(settings: HqSettings) -> str:
    """Return the Caddyfile for campaign material and headquarters' pages. Caddy obtains the certificates itself."""
    lines = [MARKER, *_CADDY_TIME_LIMITS]
    for site in _list_web_sites(settings):
        lines.append(f"{site.web_site_address} {{")
        for path, source in site.paths.items():
            if path:
                lines += [f"\thandle_path /{path}/* {{", f"\t\troot * {source}", "\t\tfile_server", "\t}"]
        rest = f"reverse_proxy {pages}" if (pages := site.paths.get("")) else "respond 404"
        lines += ["\thandle {", f"\t\t{rest}", "\t}", "}"]
    return "\n".join([*lines, ""])


# Half-open requests of a stranger end here and never reach the pages' server.
_CADDY_TIME_LIMITS = (
    "{",
    "\tservers {",
    "\t\ttimeouts {",
    "\t\t\tread_header 10s",
    "\t\t\tread_body 5m",
    "\t\t}",
    "\t}",
    "}",
)
_NGINX_TIME_LIMITS = ("client_header_timeout 10s;", "client_body_timeout 10s;")
_PROXY_LINES = (
    "proxy_http_version 1.1;",
    "proxy_set_header Host $http_host;",
    'proxy_set_header Connection "";',
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_buffering off;",
    "proxy_read_timeout 1h;",
)


def render_nginx_configuration(settings: HqSettings) -> str:
    """Return nginx's server blocks for campaign material and headquarters' pages. The site must provide the certificates."""
    files, lines = settings.server.files_directory, [MARKER]
    for site in _list_web_sites(settings):
        kind = " ssl" if site.encrypted else ""
        lines += ["server {", f"    listen {site.port}{kind};", f"    server_name {site.name};"]
        lines += [f"    {each}" for each in _NGINX_TIME_LIMITS]
        if site.encrypted:
            lines += [f"    ssl_certificate {files}/web.pem;", f"    ssl_certificate_key {files}/web.key;"]
        for path, source in site.paths.items():
            directives = (
                (f"alias {source}/;", "limit_except GET { deny all; }")
                if path
                else (f"proxy_pass {source};", *_PROXY_LINES)
            )
            location = f"/{path}/" if path else "/"
            lines += [f"    location {location} {{", *(f"        {each}" for each in directives), "    }"]
        lines.append("}")
    return "\n".join([*lines, ""])


def _find_published_bundles_folder(settings: HqSettings) -> Path:
    return settings.bundles.folder.absolute() / "public"


def render_postgresql_statements() -> str:
    """Return the SQL that creates headquarters' role and database. Run it once with `psql` as the user postgres."""
    return f"""{MARKER.replace("#", "--", 1)}
-- The role has no password: only the system user matdan of this machine may use it, through the socket.
CREATE ROLE matdan LOGIN;
CREATE DATABASE matdan OWNER matdan;
-- A transaction is on disk when it is committed. This is the default; it is set here so that tuning the server cannot change it.
ALTER ROLE matdan SET synchronous_commit = on;
"""


def render_centre_settings(
    settings: HqSettings, centre: HqCentre, servers: Sequence[str], own_nkey: str, *, with_root: bool
) -> str:
    """Return the settings that must be added to a centre's settings file.

    `own_nkey` is headquarters' public nkey (NATS key). `with_root` adds the settings with which the centre receives
    campaign material.
    """
    files = settings.server.files_directory
    lines = [
        MARKER,
        f"# Add this to the settings of {centre.id}, and copy the other files of this archive into {files}.",
        "[headquarters]",
        'user = "uplink"',
        f'zone = "{centre.zone}"',
        f"servers = {json.dumps([*servers])}",
        f'key = "{format_public_key(decode_public_key(own_nkey))}"',
        f'nkey_file = "{files}/{centre.id}.nk"',
    ]
    if settings.encrypts_nats_connections:
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


def find_server_address(settings: HqSettings) -> str:
    """Return the address at which centres connect to nats-server."""
    return f"{'tls' if settings.encrypts_nats_connections else 'nats'}://{settings.server.host}:{settings.server.port}"
