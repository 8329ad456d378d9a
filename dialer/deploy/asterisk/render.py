"""Rendering Asterisk's configuration files from a site's settings. No I/O except for reading the templates."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment
from pydantic import SecretStr

from dialer import content
from dialer.deploy.asterisk.agi_secret import FINGERPRINT_VARIABLE, compute_dialplan_fingerprint, derive_agi_secret
from dialer.deploy.asterisk.events import EVENTS
from dialer.deploy.asterisk.modules import list_needed_asterisk_modules
from dialer.deploy.templates import load_configuration_templates
from dialer.errors import SettingError
from dialer.settings.asterisk import Ami
from dialer.settings.number_notation import get_number_formats_of_trunks
from dialer.settings.recordings import RecordingSettings
from dialer.settings.seats import ECHO_CODE, AgentLogin, SeatSettings, get_sip_password_of_browser_phone
from dialer.settings.servers import (
    derive_server_password,
    list_phones_without_seat,
    list_supervisor_and_transfer_phones,
    select_settings_of_asterisk_server,
)
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier, Transport, Trunk
from dialer.settings.unfinished import CREATE_ONE

TEMPLATES = content.CONFIG / "asterisk"

MARKER = "; Written by `dialer asterisk render`: change the settings and render again, an edit here is lost."
"""The first line of every file that Matdan may overwrite."""

FILES = tuple(sorted(path.stem for path in TEMPLATES.glob("*.conf.j2")))

OWN_FILES = "site.d"
"""The folder of the site's own files, one for each rendered file, in the folder of Asterisk's configuration."""

RESTART_SECONDS = 20
"""How long the dialplan waits while the dialler restarts."""

JOIN_SECONDS = 2
"""How long another server may take to connect a voter to its seat before the dialler releases the seat."""

UNVERIFIED_TLS = "tls-unverified"
"""The name of the TLS transport for trunks whose servers need not prove who they are (`unverified_tls`)."""

_SPARE_CALLS = 20  # in addition to trunk channels and seats: supervisors, third parties, calls being rejected


@cache
def _load_asterisk_templates() -> Environment:
    environment = load_configuration_templates("asterisk")
    environment.filters.update(
        bracketed=_bracket_ipv6_address,
        host_network=_convert_host_to_ip_network,
        aors=_map_aor_names_to_carrier_hosts,
        inbound_sources=_list_carrier_addresses_of_inbound_calls,
        proxy_uri=_format_proxy_uri,
        sip_uri=_format_sip_uri,
        transport=_choose_sip_transport_of_trunk,
    )
    return environment


def render_asterisk_template(name: str, **values: Any) -> str:
    """Return the text of the template `name`.j2, filled in with these values. Raises jinja2.UndefinedError for a
    missing value.
    """
    return _load_asterisk_templates().get_template(f"{name}.j2").render(**values)


def render_dialplan(
    log_in_code: str = "*1",
    *,
    manager_secret: str = "dialler",  # noqa: S107 - only for simulated sites
    recordings: RecordingSettings | None = None,
    servers: bool = False,
) -> str:
    """Return the dialplan (extensions.conf) for default settings, as the simulated Asterisk uses it.

    `servers` says whether the site has several Asterisk servers.
    """
    ami, agent_login = Ami(secret=SecretStr(manager_secret)), AgentLogin(code=log_in_code)
    settings = Settings(ami=ami, agent_login=agent_login, recordings=recordings or RecordingSettings())
    return render_asterisk_template("extensions.conf", **_make_template_values_of_dialplan(settings), others=servers)


def render_conferences(mixing_milliseconds: int = 20) -> str:
    """Return confbridge.conf, with the conference profiles of seats and of participants."""
    return render_asterisk_template(
        "confbridge.conf", marker=MARKER, asterisk={"mixing_milliseconds": mixing_milliseconds}
    )


def render_asterisk_site_files(
    settings: Settings, passwords: Mapping[str, str], *, server: str | None = None, file: str = "settings"
) -> dict[str, str]:
    """Return Asterisk's configuration files for a site, by file name. Raises SettingError.

    If the site has several servers, `server` is the one to render. `passwords`, by endpoint, are for seats without a
    password in the settings. Errors name the settings file `file`.
    """
    every_seat, shared_port = len(settings.seats), settings.asterisk.sip_port
    settings, others = select_settings_of_asterisk_server(settings, server, file)
    _refuse_unrenderable_settings(settings, file, has_other_servers=bool(others))
    trunks, asterisk = list_asterisk_trunks(settings), settings.asterisk
    lines: list[Trunk | SeatSettings] = [*trunks, *settings.seats]
    webrtc = any(seat.webrtc for seat in settings.seats)
    sip = f":{asterisk.sip_port}"
    values = {
        **_make_template_values_of_dialplan(settings),
        "asterisk": asterisk,
        "ami": settings.ami,
        "trunks": trunks,
        "contact_users": {trunk.name: _choose_contact_phone_number(trunk, settings) for trunk in trunks},
        "seats": settings.seats,
        "phones_without_seat": list_phones_without_seat(settings),
        "passwords": {
            **{seat.endpoint: _get_sip_password_of_seat(seat, settings, passwords) for seat in settings.seats},
            **{endpoint: passwords[endpoint] for endpoint in list_phones_without_seat(settings)},
        },
        "transports": _list_sip_transports_in_use(settings, between=bool(others)),
        # the address and port of ws are in http.conf
        "transport_ports": {
            "udp": sip,
            "tcp": sip,
            "tls": f":{asterisk.tls_port}",
            UNVERIFIED_TLS: f":{asterisk.tls_port + 1}",
            "ws": "",
        },
        "carriers_prove_names": any(_choose_sip_transport_of_trunk(trunk) == Transport.TLS.value for trunk in trunks),
        "modules": list_needed_asterisk_modules(
            webrtc=webrtc,
            srtp=webrtc or any(line.srtp for line in lines),
            registers=any(trunk.registers for trunk in trunks),
            history=asterisk.history is not None,
            jitter_buffer=any(line.jitter_buffer for line in lines),
            servers=bool(others),
            stir_shaken=any(trunk.stir_shaken is not None for trunk in trunks),
            g722="g722" in asterisk.codecs or any("g722" in trunk.codecs for trunk in trunks),
        ),
        "stir_shaken_trunks": [trunk for trunk in trunks if trunk.stir_shaken is not None],
        "events": EVENTS,
        # With several servers, every seat of the site may have a call through this one.
        "max_calls": sum(trunk.channels for trunk in trunks)
        + len(settings.seats)
        + (every_seat if others else 0)
        + _SPARE_CALLS,
        "server": server,
        "others": {each.name: derive_server_password(server or "", each.name, settings.ami.secret) for each in others},
        "server_contacts": {
            each.name: f"{_bracket_ipv6_address(each.host)}:{each.sip_port or shared_port}" for each in others
        },
        "server_networks": {each.name: _convert_host_to_ip_network(each.host) for each in others},
        "country": settings.centre.region.lower(),
    }
    return {
        name: render_asterisk_template(name, **values) + _make_include_line_of_site_additions(name) for name in FILES
    }


def list_files_with_site_additions() -> list[str]:
    """Return the names of the rendered files that include the site's own additions.

    The additions to a file are in a file of the same name in the folder `OWN_FILES`.
    """
    return [name for name in FILES if name != "asterisk.conf"]  # read before Asterisk knows its folder


def _make_include_line_of_site_additions(name: str) -> str:
    """Return the end of a rendered file, which includes the site's own additions ("" = the file takes no additions).

    The additions are in a file of their own, which rendering never overwrites.
    """
    if name not in list_files_with_site_additions():
        return ""
    return f"\n; The site's own settings, which rendering keeps.\n#tryinclude {OWN_FILES}/{name}\n"


def _make_template_values_of_dialplan(settings: Settings) -> dict[str, Any]:
    secret = derive_agi_secret("" if settings.ami.secret is None else settings.ami.secret.get_secret_value())

    def make_agi_token_expression(path: str) -> str:
        """Return the dialplan expression with which Asterisk computes the FastAGI token, which proves that Asterisk is
        calling.
        """
        return f"${{SHA1({secret}/{path}/${{UNIQUEID}}/${{CHANNEL}}/{secret})}}"

    return {
        "marker": MARKER,
        "agi_server": f"{_bracket_ipv6_address(_find_fastagi_host(settings))}:{settings.fastagi.port}",
        "agi_token": make_agi_token_expression,
        "dialplan_fingerprint": f"{FINGERPRINT_VARIABLE}={compute_dialplan_fingerprint(secret)}",
        "browser_seats": sum(seat.webrtc for seat in settings.seats),
        "log_in_code": settings.agent_login.code,
        "echo_code": ECHO_CODE,
        "restart_seconds": RESTART_SECONDS,
        "join_seconds": JOIN_SECONDS,
        "hold": settings.hold,
        "recordings": settings.recordings,
        "named_phones": list_supervisor_and_transfer_phones(settings),
        "verifies_callers": any(
            each.stir_shaken is not None and each.stir_shaken.are_inbound_calls_verified for each in settings.trunks
        ),
        "outside_numbers": _list_external_transfer_numbers(settings),
    }


def _list_external_transfer_numbers(settings: Settings) -> list[tuple[str, str, str]]:
    """Return the outside numbers to which calls can be transferred.

    Each is (endpoint of the trunk, number, number in the carrier's notation).
    """
    endpoints, notations = (
        {trunk.name: trunk.endpoint for trunk in settings.trunks},
        get_number_formats_of_trunks(settings),
    )
    called = ((endpoints.get(each.trunk or ""), each.number) for each in settings.transfers)
    pairs = dict.fromkeys((where, number) for where, number in called if where and number)
    return [(where, number, notations[where].format_called_number(number)) for where, number in pairs]


def list_asterisk_trunks(settings: Settings) -> tuple[Trunk, ...]:
    """Return the trunks whose calls Asterisk carries. Twilio's trunks are not in Asterisk's files."""
    return tuple(trunk for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK)


def list_seats_without_password(settings: Settings) -> tuple[str, ...]:
    """Return the endpoints of seats and other phones whose password must be generated."""
    seats = (seat.endpoint for seat in settings.seats if seat.password is None and not seat.webrtc)
    return (*seats, *list_phones_without_seat(settings))


def _refuse_unrenderable_settings(settings: Settings, file: str, *, has_other_servers: bool) -> None:
    """Raise SettingError for settings from which Asterisk's files cannot be rendered."""
    trunks = list_asterisk_trunks(settings)
    if not settings.trunks and not has_other_servers:
        raise SettingError(
            file, "trunks", "the settings have no trunk", "add a [[trunks]] table with the carrier's host"
        )
    if not trunks and not settings.seats:
        problem = "no trunk uses Asterisk, and there are no seats"
        raise SettingError(file, "trunks", problem, "this site needs no Asterisk: do not render its files")
    for number, trunk in enumerate(settings.trunks):
        if trunk in trunks and trunk.host is None:
            raise SettingError(
                file, f"trunks.{number}.host", f"trunk {trunk.name!r} has no host", "add the carrier's SIP host"
            )
    if settings.ami.secret is None:
        raise SettingError(file, "ami.secret", "is not set", CREATE_ONE)
    lines: list[Trunk | SeatSettings] = [*trunks, *settings.seats]
    names = Counter([*(line.endpoint for line in lines), *list_phones_without_seat(settings)])
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise SettingError(file, "endpoint", f"{twice[0]!r} is used twice", "give each trunk and seat its own endpoint")
    ours = [name for name in names if name.startswith(("matdan-", "transport-")) or name in {"global", "system"}]
    if ours:
        raise SettingError(file, "endpoint", f"{ours[0]!r} is reserved in pjsip.conf", "choose another endpoint")


def _get_sip_password_of_seat(seat: SeatSettings, settings: Settings, made: Mapping[str, str]) -> str:
    if seat.webrtc:
        return get_sip_password_of_browser_phone(seat, settings.ami.secret)
    return made[seat.endpoint] if seat.password is None else seat.password.get_secret_value()


def _list_sip_transports_in_use(settings: Settings, *, between: bool) -> Sequence[str]:
    used = {_choose_sip_transport_of_trunk(trunk) for trunk in list_asterisk_trunks(settings)}
    used |= {"ws" if seat.webrtc else seat.transport.value for seat in settings.seats}
    used |= {Transport.UDP.value} if list_phones_without_seat(settings) or between else set()
    return [name for name in ("udp", "tcp", "tls", UNVERIFIED_TLS, "ws") if name in used]


def _choose_sip_transport_of_trunk(trunk: Trunk) -> str:
    return trunk.transport.value if trunk.unverified_tls is None else UNVERIFIED_TLS


def _choose_contact_phone_number(trunk: Trunk, settings: Settings) -> str:
    """Return the phone number in the contact address with which a trunk registers at its carrier.

    Many carriers send inbound calls to this address. It must be a number, because the dialplan's context
    [matdan-inbound] accepts numbers only. The first of these that exists is used:

    - the trunk's first caller ID that is in [[inbound.numbers]]
    - the first number in [[inbound.numbers]] that is not a caller ID of any trunk
    - the trunk's first caller ID
    """
    inbound = [each.number for each in settings.inbound.numbers]
    shown = {caller_id for each in settings.trunks for caller_id in each.caller_ids}
    own = [caller_id for caller_id in trunk.caller_ids if caller_id in inbound]
    return next(iter([*own, *(number for number in inbound if number not in shown)]), trunk.caller_ids[0])


def _find_fastagi_host(settings: Settings) -> str:
    """Return the host at which Asterisk reaches the dialler's FastAGI server.

    This is the setting fastagi.host, or asterisk.dialler_address if the server listens on all addresses.
    """
    host = settings.fastagi.host
    return settings.asterisk.dialler_address if host in {"0.0.0.0", "::"} else host  # noqa: S104


def _bracket_ipv6_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _convert_host_to_ip_network(host: str) -> str:
    """Return an IP address as a network of one host. A host name is returned unchanged, because Asterisk resolves it."""
    try:
        return f"{host}/{ipaddress.ip_address(host).max_prefixlen}"
    except ValueError:
        return host


def _format_sip_uri(trunk: Trunk, user: str | None = None, host: str | None = None) -> str:
    """Return the SIP URI of a trunk's carrier for Asterisk's files, such as "sip:user@198.51.100.7:5060".

    `host` is one of the carrier's hosts; None means the first. If the settings give no port for a host name, the URI
    has none. Asterisk then looks up the name's SRV records first.
    """
    account = "" if user is None else f"{user.partition('@')[0]}@"
    address = _bracket_ipv6_address(host or trunk.host or "")
    default_port = 5061 if trunk.transport is Transport.TLS else 5060
    port = trunk.port or (None if _is_host_name(host or trunk.host or "") else default_port)
    return f"sip:{account}{address}{'' if port is None else f':{port}'}{_format_transport_parameter(trunk, port)}"


def _format_proxy_uri(trunk: Trunk) -> str:
    address = trunk.outbound_proxy or ""
    return f"sip:{address}{_format_transport_parameter(trunk, address.partition(':')[2])}\\;lr"


def _format_transport_parameter(trunk: Trunk, port: object) -> str:
    """Return the transport parameter of a SIP URI. A UDP URI with a port needs none: return "".

    A URI without a port has the parameter even for UDP. Otherwise, Asterisk would use SRV records of any transport.
    """
    return "" if trunk.transport is Transport.UDP and port else f"\\;transport={trunk.transport.value}"


def _is_host_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _map_aor_names_to_carrier_hosts(trunk: Trunk) -> dict[str, str]:
    """Return the hosts of a trunk's carrier by AOR (address of record) name in pjsip.conf.

    Asterisk calls the first AOR that is reachable.
    """
    backups = {f"{trunk.endpoint}-backup{number}": host for number, host in enumerate(trunk.backup_hosts, start=1)}
    return {trunk.endpoint: trunk.host or "", **backups}


def _list_carrier_addresses_of_inbound_calls(trunk: Trunk) -> list[str]:
    """Return the hosts and networks from which a trunk's carrier may send calls.

    If the trunk has an outbound proxy, the proxy replaces the carrier's hosts, because calls come from the proxy.
    Asterisk would ignore the whole list if a host behind the proxy had no address in DNS.
    """
    hosts = [trunk.host or "", *trunk.backup_hosts]
    proxies = [trunk.outbound_proxy.partition(":")[0]] if trunk.outbound_proxy else hosts
    return [*proxies, *trunk.networks]
