"""Checks of Asterisk's pjsip.conf: how carriers and phones are identified, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dialer.deploy.asterisk.checks.finding import (
    Configuration,
    is_setting_value_true,
    is_weak_password,
    report_broken_setting,
    report_unsafe_setting,
)
from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection
from dialer.deploy.asterisk.render import list_asterisk_trunks
from dialer.domain.finding import Finding
from dialer.settings.site import Settings
from dialer.settings.unfinished import is_placeholder_host

_OLD_TLS = frozenset({"default", "unspecified", "tlsv1", "tlsv1_1", "sslv2", "sslv3", "sslv23"})
_INBOUND = "matdan-inbound"
_CALLERS = frozenset({_INBOUND, "matdan-phones"})
_HOST = re.compile(r"sips?:(?:[^@;>]*@)?(\[[^\]]+\]|[^:;>]+)")
_REDIRECTED = "FORWARD_CONTEXT=matdan-redirected"


def check_pjsip_conf(configuration: Configuration) -> Iterator[Finding]:
    """Check pjsip.conf: endpoints of carriers and phones, their authentication and transports."""
    conf = configuration.get_parsed_conf_file("pjsip.conf")
    if "pjsip.conf" not in configuration.files:
        return
    identified = {section.get_setting_value("endpoint") for section in conf.find_sections_of_type("identify")}
    contexts = {
        section.name
        for section in configuration.get_parsed_conf_file("extensions.conf").list_sections_without_templates()
    }
    for endpoint in conf.find_sections_of_type("endpoint"):
        yield from _check_endpoint_identification(endpoint, identified)
        yield from _check_unsafe_pjsip_defaults(endpoint)
        yield from _check_sections_named_by_endpoint(endpoint, conf, contexts)
    for auth in conf.find_sections_of_type("auth"):
        if auth.get_setting_value("password") and is_weak_password(
            auth.get_setting_value("password"), auth.get_setting_value("username")
        ):
            yield report_unsafe_setting(
                auth, "password", f"the password of [{auth.name}] is weak", "use 20 random letters"
            )
    for aor in conf.find_sections_of_type("aor"):
        yield from _report_placeholder_host_in_contact(aor)
    for identify in conf.find_sections_of_type("identify"):
        networks = ",".join(each.value for each in identify.find_all_settings("match")).split(",")
        if not {"0.0.0.0/0", "::/0"}.isdisjoint(map(str.strip, networks)):
            text = f"[{identify.name}] accepts every address as the carrier's"
            yield report_unsafe_setting(identify, "match", text, "match= its address")
    yield from _check_registrations(conf)
    for transport in conf.find_sections_of_type("transport"):
        yield from _check_sip_transport(transport)
    yield from _check_tls_certificates_of_carriers(conf, configuration.settings)
    if configuration.settings is not None:
        yield from _check_endpoints_rendered_by_matdan(conf, configuration.settings)


def group_endpoints_by_kind(conf: ConfFile) -> Mapping[str, list[ConfSection]]:
    """Return the SIP endpoints by kind: "phone" if they have a password, otherwise "trunk"."""
    kinds: dict[str, list[ConfSection]] = {"trunk": [], "phone": []}
    for endpoint in conf.find_sections_of_type("endpoint"):
        kinds["phone" if endpoint.get_setting_value("auth") else "trunk"].append(endpoint)
    return kinds


def _report_placeholder_host_in_contact(aor: ConfSection) -> Iterator[Finding]:
    host = _HOST.match(aor.get_setting_value("contact"))
    if host is not None and is_placeholder_host(host[1]):
        text = f"the contact of [{aor.name}] is {host[1]}, which is a placeholder"
        yield report_broken_setting(aor, "contact", text, "contact= the carrier's SIP host")


def _check_endpoint_identification(endpoint: ConfSection, identified: set[str]) -> Iterator[Finding]:
    """Check that a caller without a password cannot use the endpoint of a phone or a carrier."""
    name = endpoint.name
    if name == "anonymous":
        yield report_unsafe_setting(
            endpoint, "type", "[anonymous] accepts calls from any caller", "remove it, and noload its module"
        )
        return
    if endpoint.get_setting_value("auth"):
        if not endpoint.find_all_settings("permit") and not endpoint.get_setting_value("acl"):
            text = f"phone [{name}] may register from anywhere"
            yield report_unsafe_setting(endpoint, "auth", text, "deny=0.0.0.0/0 and permit= the seats' networks")
        return
    by = endpoint.get_setting_value("identify_by", "username,ip")
    if "username" in by:
        text = f"any caller that uses the name {name} is accepted as [{name}], because it has no password"
        yield report_unsafe_setting(endpoint, "identify_by", text, "identify_by=ip, with an identify section; or auth=")
    elif name not in identified:
        text = f"no identify section has the address of [{name}], so its calls are refused"
        yield report_broken_setting(
            endpoint, "identify_by", text, f"type=identify, endpoint={name}, match= its address"
        )


def _check_unsafe_pjsip_defaults(endpoint: ConfSection) -> Iterator[Finding]:
    """Yield a fault for each setting of an endpoint that is unsafe for a dialler, such as `allow_transfer=yes`.

    A missing setting counts with Asterisk's default, which may be unsafe.
    """
    name = endpoint.name
    for key, found, what in (
        ("direct_media", report_broken_setting, "may send voice past Asterisk, so key presses and recordings are lost"),
        (
            "send_connected_line",
            report_unsafe_setting,
            "gets the name of the connected party by re-INVITE, so voters see agents' names",
        ),
        ("allow_transfer", report_unsafe_setting, "may transfer calls to any number by REFER"),
    ):
        if is_setting_value_true(endpoint.get_setting_value(key, "yes")):
            yield found(endpoint, key, f"[{name}] {what}", f"{key}=no")
    if endpoint.get_setting_value("media_encryption") == "sdes" and "udp" in endpoint.get_setting_value("transport"):
        text = f"[{name}] sends the keys of its encrypted voice unencrypted"
        yield report_unsafe_setting(endpoint, "media_encryption", text, "use a tls transport")
    context = endpoint.get_setting_value("context", "default")
    if context in _CALLERS and _REDIRECTED not in {
        setting.value.replace(" ", "") for setting in endpoint.find_all_settings("set_var")
    }:
        text = f"a redirection (SIP 3xx) by [{name}] starts a call in [{context}], like an inbound call"
        yield report_unsafe_setting(endpoint, "set_var", text, f"set_var={_REDIRECTED}")


def _check_sections_named_by_endpoint(endpoint: ConfSection, conf: ConfFile, contexts: set[str]) -> Iterator[Finding]:
    for key, kind in (("aors", "aor"), ("auth", "auth"), ("outbound_auth", "auth"), ("transport", "transport")):
        names = {name.strip() for name in endpoint.get_setting_value(key).split(",") if name.strip()}
        known = {section.name for section in conf.find_sections_of_type(kind)}
        for name in sorted(names - known):
            yield report_broken_setting(
                endpoint, key, f"[{endpoint.name}] names the {kind} [{name}], which is missing", "add it"
            )
    context = endpoint.get_setting_value("context", "default")
    if contexts and context not in contexts:
        text = f"[{endpoint.name}] leads to the context [{context}], which is missing in extensions.conf"
        yield report_broken_setting(endpoint, "context", text, "correct context=")
    if not endpoint.find_all_settings("allow"):
        yield report_broken_setting(endpoint, "allow", f"[{endpoint.name}] has no codec", "allow=alaw,ulaw")


def _check_registrations(conf: ConfFile) -> Iterator[Finding]:
    """Check that the carriers' calls reach a number, and that a registration is tried again after a refusal."""
    has_inbound = any(each.get_setting_value("context") == _INBOUND for each in conf.find_sections_of_type("endpoint"))
    for registration in conf.find_sections_of_type("registration"):
        user = registration.get_setting_value("contact_user", "s")
        if has_inbound and not user.startswith(tuple("+0123456789")):
            text = f"[{registration.name}] registers as {user}, but {_INBOUND} accepts calls to numbers only"
            yield report_broken_setting(
                registration, "contact_user", text, "contact_user= the number that callers dial"
            )
        if is_setting_value_true(registration.get_setting_value("auth_rejection_permanent", "yes")):
            text = f"[{registration.name}] is never tried again after the carrier has refused it once"
            yield report_broken_setting(registration, "auth_rejection_permanent", text, "auth_rejection_permanent=no")


def _check_sip_transport(transport: ConfSection) -> Iterator[Finding]:
    if transport.get_setting_value("protocol") != "tls":
        return
    if not transport.get_setting_value("cert_file"):
        yield report_broken_setting(
            transport, "protocol", f"[{transport.name}] has no certificate", "cert_file= and priv_key_file="
        )
    if transport.get_setting_value("method", "default") in _OLD_TLS:
        yield report_unsafe_setting(transport, "method", f"[{transport.name}] allows outdated TLS", "method=tlsv1_2")


def _check_tls_certificates_of_carriers(conf: ConfFile, settings: Settings | None) -> Iterator[Finding]:
    """Check that Asterisk verifies the TLS certificate of each carrier, unless the site's settings give a reason not
    to.
    """
    trunks = () if settings is None else list_asterisk_trunks(settings)
    excused = {trunk.endpoint for trunk in trunks if trunk.unverified_tls is not None}
    secure = {
        section.name: section
        for section in conf.find_sections_of_type("transport")
        if section.get_setting_value("protocol") == "tls"
    }
    for endpoint in group_endpoints_by_kind(conf)["trunk"]:
        transport = secure.get(endpoint.get_setting_value("transport"))
        if transport is None or endpoint.name in excused:
            continue
        if not is_setting_value_true(transport.get_setting_value("verify_server", "no")):
            text = f"[{endpoint.name}] sends voters' numbers and voice to any server that answers for its carrier"
            remedy = (
                "verify_server=yes; or write in the trunk's unverified_tls why it must be accepted, and give --config"
            )
            yield report_unsafe_setting(transport, "verify_server", text, remedy)
        elif not (transport.get_setting_value("ca_list_file") or transport.get_setting_value("ca_list_path")):
            text = f"[{transport.name}] knows no certificate authority, so it accepts no carrier"
            yield report_broken_setting(transport, "verify_server", text, "ca_list_file=, such as in asterisk.ca_file")


def _check_endpoints_rendered_by_matdan(conf: ConfFile, settings: Settings) -> Iterator[Finding]:
    existing = {section.name for section in conf.find_sections_of_type("endpoint")}
    wanted = [(f"trunk {trunk.name}", trunk.endpoint) for trunk in list_asterisk_trunks(settings)]
    wanted += [(f"seat {seat.name}", seat.endpoint) for seat in settings.seats]
    for what, endpoint in wanted:
        if endpoint not in existing:
            text = f"the endpoint [{endpoint}] of {what} is missing"
            yield report_broken_setting(conf.name, "", text, "render the file, or correct the settings")
