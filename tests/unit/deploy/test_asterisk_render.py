"""Rendering of Asterisk's files: few permissions, no injection by values, and all files or none are written."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.deploy.asterisk.agi_secret import compute_agi_token, compute_dialplan_fingerprint, derive_agi_secret
from dialer.deploy.asterisk.conf_file import ConfFile, parse_asterisk_conf
from dialer.deploy.asterisk.events import EVENTS
from dialer.deploy.asterisk.file_changes import (
    FileChange,
    find_endpoint_passwords,
    plan_file_changes,
    write_planned_files,
)
from dialer.deploy.asterisk.lint import lint_file_texts
from dialer.deploy.asterisk.render import (
    FILES,
    MARKER,
    OWN_FILES,
    list_seats_without_password,
    render_asterisk_site_files,
    render_dialplan,
)
from dialer.errors import AsteriskFilesError, SettingError
from dialer.settings.seats import get_sip_password_of_browser_phone
from dialer.settings.site import Settings
from dialer.settings.trunks import Trunk
from dialer.simulation.asterisk.extensions import find_dialplan_extension, parse_dialplan
from tests.support.asterisk_support import PASSWORDS, a_site

BARE = """
[[trunks]]
name = "carrier"
endpoint = "carrier"
host = "10.9.0.10"
caller_ids = ["+911140000001"]

[[seats]]
name = "01"
endpoint = "agent01"
"""


def parse_rendered_file(name: str, settings: Settings | None = None) -> ConfFile:
    read = parse_asterisk_conf(name, render_asterisk_site_files(settings or a_site(), PASSWORDS)[name])
    assert not read.problems
    return read


def get_section(file: ConfFile, name: str, kind: str) -> dict[str, str]:
    (found,) = [section for section in file.find_sections_of_type(kind) if section.name == name]
    return {setting.key: setting.value for setting in found.settings}


def test_every_rendered_asterisk_file_is_marked_as_generated_and_can_be_parsed() -> None:
    files = render_asterisk_site_files(a_site(), PASSWORDS)
    assert set(files) == set(FILES)
    for name, text in files.items():
        assert text.startswith(MARKER + "\n"), name
        assert not parse_asterisk_conf(name, text).problems, name
        assert "{{" not in text
        assert "None" not in text


def test_linter_finds_no_fault_in_rendered_asterisk_files() -> None:
    settings = a_site()
    printed = [str(finding) for finding in lint_file_texts(render_asterisk_site_files(settings, PASSWORDS), settings)]
    assert printed == []


def test_asterisk_identifies_a_trunk_without_account_only_by_address() -> None:
    pjsip = parse_rendered_file("pjsip.conf")
    endpoint = get_section(pjsip, "carrier-a", "endpoint")
    assert endpoint["identify_by"] == "ip"
    assert (endpoint["direct_media"], endpoint["send_connected_line"], endpoint["allow_transfer"]) == ("no", "no", "no")
    assert get_section(pjsip, "carrier-a-identify", "identify")["match"] == "10.9.0.10"
    assert get_section(pjsip, "carrier-a", "aor")["contact"] == "sip:10.9.0.10:5060"
    assert "outbound_auth" not in endpoint


def test_rendered_trunk_detects_dtmf_automatically_unless_its_settings_name_a_method() -> None:
    trunks = a_site().model_dump(exclude_unset=True)["trunks"]
    settings = a_site(trunks=[trunks[0], {**trunks[1], "dtmf": "inband"}])
    pjsip = parse_rendered_file("pjsip.conf", settings)
    assert get_section(pjsip, "carrier-a", "endpoint")["dtmf_mode"] == "auto"
    assert get_section(pjsip, "carrier-b", "endpoint")["dtmf_mode"] == "inband"
    with pytest.raises(ValidationError, match=r"trunks\.1\.dtmf"):
        a_site(trunks=[trunks[0], {**trunks[1], "dtmf": "tones"}])


def test_trunk_with_an_account_registers_over_tls() -> None:
    pjsip = parse_rendered_file("pjsip.conf")
    assert get_section(pjsip, "carrier-b-auth", "auth")["password"] == "p$&,=>w {x} |y|"
    registration = get_section(pjsip, "carrier-b-registration", "registration")
    assert registration["server_uri"] == "sip:sip.carrier-b.internal;transport=tls"
    assert registration["client_uri"] == "sip:matdan@sip.carrier-b.internal;transport=tls"
    assert registration["auth_rejection_permanent"] == "no"
    assert get_section(pjsip, "carrier-b", "endpoint")["media_encryption"] == "sdes"
    assert get_section(pjsip, "carrier-b-identify", "identify")["match"] == "sip.carrier-b.internal,198.51.100.0/24"
    assert get_section(pjsip, "transport-tls", "transport")["cert_file"] == "/etc/asterisk/keys/matdan.pem"


def test_tls_carriers_certificate_is_verified_unless_the_trunk_gives_a_reason() -> None:
    first, second = a_site().model_dump(exclude_unset=True)["trunks"]
    pjsip = parse_rendered_file("pjsip.conf")
    transport = get_section(pjsip, "transport-tls", "transport")
    assert (transport["verify_server"], transport["ca_list_file"]) == ("yes", "/etc/ssl/certs/ca-certificates.crt")
    reason = {"unverified_tls": "the carrier signs its certificate itself"}
    pjsip = parse_rendered_file("pjsip.conf", a_site(trunks=[first, {**second, **reason}]))
    assert get_section(pjsip, "carrier-b", "endpoint")["transport"] == "transport-tls-unverified"
    assert get_section(pjsip, "carrier-b-registration", "registration")["transport"] == "transport-tls-unverified"
    transport = get_section(pjsip, "transport-tls-unverified", "transport")
    assert "verify_server" not in transport
    assert transport["bind"] == "0.0.0.0:5062"
    for words in ("yes", "two\nlines of words"):
        with pytest.raises(ValidationError, match=r"trunks\.1\.unverified_tls"):
            a_site(trunks=[first, {**second, "unverified_tls": words}])


def test_only_trunks_and_seats_with_a_jitter_buffer_get_one() -> None:
    def list_buffered_endpoints(settings: Settings) -> list[str]:
        found = parse_rendered_file("pjsip.conf", settings).find_sections_of_type("endpoint")
        line = "JITTERBUFFER(adaptive)=default"
        return [each.name for each in found if line in [one.value for one in each.find_all_settings("set_var")]]

    usual = a_site()
    raw = usual.model_dump(exclude_unset=True)
    trunk, seat = raw["trunks"][1], raw["seats"][0]
    site = a_site(
        trunks=[raw["trunks"][0], {**trunk, "jitter_buffer": True}],
        seats=[{**seat, "jitter_buffer": True}, *raw["seats"][1:]],
    )
    assert list_buffered_endpoints(site) == [trunk["endpoint"], seat["endpoint"]]
    assert list_buffered_endpoints(usual) == []
    module = "load=func_jitterbuffer.so"
    assert module in render_asterisk_site_files(site, PASSWORDS)["modules.conf"]
    assert module not in render_asterisk_site_files(usual, PASSWORDS)["modules.conf"]


@pytest.mark.parametrize(
    ("changes", "contact"),
    [
        ({"host": "sip.carrier.net"}, "sip:sip.carrier.net;transport=udp"),
        ({"host": "sip.carrier.net", "transport": "tcp"}, "sip:sip.carrier.net;transport=tcp"),
        ({"host": "sip.carrier.net", "port": 5060}, "sip:sip.carrier.net:5060"),
        ({"host": "10.9.0.10"}, "sip:10.9.0.10:5060"),
        ({"host": "2001:db8::1", "transport": "tls"}, "sip:[2001:db8::1]:5061;transport=tls"),
    ],
)
def test_asterisk_looks_for_srv_records_of_a_host_name_without_a_port(changes: dict[str, Any], contact: str) -> None:
    first, _ = a_site().model_dump(exclude_unset=True)["trunks"]
    pjsip = parse_rendered_file("pjsip.conf", a_site(trunks=[{**first, **changes}]))
    assert get_section(pjsip, "carrier-a", "aor")["contact"] == contact


def test_phones_over_tls_need_no_certificate_authorities() -> None:
    first, _ = a_site().model_dump(exclude_unset=True)["trunks"]
    settings = a_site(trunks=[first], seats=[{"name": "01", "endpoint": "agent01", "transport": "tls"}])
    transport = get_section(parse_rendered_file("pjsip.conf", settings), "transport-tls", "transport")
    assert not {"verify_server", "ca_list_file"} & transport.keys()
    assert lint_file_texts(render_asterisk_site_files(settings, PASSWORDS), settings) == []


def test_rendered_trunk_has_the_sip_settings_that_its_carrier_asks_for() -> None:
    first, second = a_site().model_dump(exclude_unset=True)["trunks"]
    asked = {
        "backup_hosts": ["10.9.0.11"],
        "outbound_proxy": "proxy.carrier-b.internal:5070",
        "from_user": "acc1",
        "from_domain": "voice.carrier-b.internal",
        "codecs": ["g722", "alaw"],
        "identity_header": "remote-party-id",
        "trust_identity": False,
        "session_timers": "no",
        "prack": "required",
    }
    settings = a_site(trunks=[{**first, "backup_hosts": ["10.9.0.12"]}, {**second, **asked}])
    pjsip = parse_rendered_file("pjsip.conf", settings)
    endpoint, proxy = get_section(pjsip, "carrier-b", "endpoint"), "sip:proxy.carrier-b.internal:5070;transport=tls;lr"
    assert endpoint["aors"] == "carrier-b,carrier-b-backup1"
    assert get_section(pjsip, "carrier-b-backup1", "aor")["contact"] == "sip:10.9.0.11:5061;transport=tls"
    assert (endpoint["from_user"], endpoint["from_domain"]) == ("acc1", "voice.carrier-b.internal")
    assert endpoint["allow"] == "!all,g722,alaw"
    assert (endpoint["send_pai"], endpoint["send_rpid"], endpoint["trust_id_inbound"]) == ("no", "yes", "no")
    assert (endpoint["timers"], endpoint["100rel"]) == ("no", "required")
    assert endpoint["outbound_proxy"] == proxy
    assert get_section(pjsip, "carrier-b", "aor")["outbound_proxy"] == proxy
    assert get_section(pjsip, "carrier-b-registration", "registration")["outbound_proxy"] == proxy
    sources = [get_section(pjsip, f"{name}-identify", "identify")["match"] for name in ("carrier-a", "carrier-b")]
    assert sources == ["10.9.0.10,10.9.0.12", "proxy.carrier-b.internal,198.51.100.0/24"]
    assert [str(each) for each in lint_file_texts(render_asterisk_site_files(settings, PASSWORDS), settings)] == []


INBOUND_NUMBER = {"mode": "missed-call", "campaign": "turnout"}


@pytest.mark.parametrize(
    ("caller_ids", "numbers", "registered"),
    [
        (["+911140000002", "+911140000003"], [], "+911140000002"),
        (["+911140000002", "+911140000003"], ["+911140000001", "+911140000003"], "+911140000003"),
        (["+911140000002"], ["+911140000001", "+911140000077"], "+911140000077"),  # trunk a shows the first of them
        (["01140000002"], ["+911140000001"], "01140000002"),
    ],
)
def test_trunk_registers_with_the_carrier_under_a_phone_number(
    caller_ids: list[str], numbers: list[str], registered: str
) -> None:
    """Carriers send calls to the registered address, and [matdan-inbound] accepts only numbers."""
    values = a_site().model_dump(exclude_unset=True)
    values["trunks"][1]["caller_ids"] = caller_ids
    values["campaigns"] = [{"id": "turnout", "kind": "agents"}]
    values["inbound"] = {"numbers": [{**INBOUND_NUMBER, "number": number} for number in numbers]}
    settings = Settings.model_validate(values)
    registration = get_section(parse_rendered_file("pjsip.conf", settings), "carrier-b-registration", "registration")
    assert registration["contact_user"] == registered
    assert registration["client_uri"] == "sip:matdan@sip.carrier-b.internal;transport=tls"
    inbound = parse_dialplan(render_asterisk_site_files(settings, PASSWORDS)["extensions.conf"])
    assert find_dialplan_extension(inbound, "matdan-inbound", registered) is not None
    assert find_dialplan_extension(inbound, "matdan-inbound", "matdan") is None


@pytest.mark.parametrize("endpoint", ["carrier-a", "carrier-b", "agent01", "agent02"])
def test_asterisk_rejects_redirects_of_calls_by_the_carrier(endpoint: str) -> None:
    settings = a_site()
    text = render_asterisk_site_files(settings, PASSWORDS)["pjsip.conf"]
    (found,) = [
        each
        for each in parse_asterisk_conf("pjsip.conf", text).find_sections_of_type("endpoint")
        if each.name == endpoint
    ]
    assert "FORWARD_CONTEXT=matdan-redirected" in [setting.value for setting in found.find_all_settings("set_var")]
    contexts = parse_dialplan(render_asterisk_site_files(settings, PASSWORDS)["extensions.conf"])
    for asked_for in ("+911140000001", "s", "x.y-z", "*1", "h"):
        redirected = find_dialplan_extension(contexts, "matdan-redirected", asked_for)
        assert redirected is not None
        assert [step.application for step in redirected.steps.values()] == ["Hangup"]


def make_twilio_site(*trunks: int, **changes: Any) -> Settings:
    """Return a site with these trunks and a Twilio account."""
    own = a_site().model_dump(exclude_unset=True)["trunks"]
    theirs = {"name": "t", "endpoint": "twilio", "carrier": "twilio", "channels": 500, "caller_ids": ["+911140000009"]}
    account = {
        "enabled": True,
        "account_sid": "AC" + "0" * 32,
        "auth_token": "tok",
        "public_url": "https://x.example/tw",
    }
    values = {"trunks": [*(own[number] for number in trunks), {**theirs, "calls_per_second": 1}], "twilio": account}
    return a_site(**{**values, **changes})


@pytest.mark.parametrize("trunks", [(0, 1), (0,), ()])
def test_asterisk_files_are_rendered_without_the_twilio_trunks(trunks: tuple[int, ...]) -> None:
    settings = make_twilio_site(*trunks)
    files = render_asterisk_site_files(settings, PASSWORDS)
    assert "twilio" not in "".join(files.values())
    kept = [
        section.name
        for section in parse_asterisk_conf("pjsip.conf", files["pjsip.conf"]).find_sections_of_type("identify")
    ]
    assert kept == [("carrier-a-identify", "carrier-b-identify")[number] for number in trunks]
    assert f"maxcalls={30 * len(trunks) + 2 + 20} ;" in files["asterisk.conf"]
    assert [str(finding) for finding in lint_file_texts(files, settings)] == []


def test_site_with_only_twilio_trunks_needs_no_asterisk() -> None:
    with pytest.raises(SettingError, match="needs no Asterisk"):
        render_asterisk_site_files(make_twilio_site(seats=[]), {})


def test_asterisk_trunk_in_a_site_with_twilio_needs_a_host() -> None:
    settings = make_twilio_site(0)
    trunks = [settings.trunks[1], settings.trunks[0].model_copy(update={"host": None})]
    with pytest.raises(SettingError, match=r"trunks\.1\.host"):
        render_asterisk_site_files(settings.model_copy(update={"trunks": tuple(trunks)}), PASSWORDS)


def test_rendered_seats_have_a_password_and_their_allowed_networks() -> None:
    pjsip = parse_rendered_file("pjsip.conf")
    assert get_section(pjsip, "agent01-auth", "auth")["password"] == "made-for-agent-01"
    assert "webrtc" not in get_section(pjsip, "agent01", "endpoint")
    (endpoint,) = [each for each in pjsip.find_sections_of_type("endpoint") if each.name == "agent01"]
    assert endpoint.find_all_settings("permit")[0].value == "127.0.0.0/8"
    assert endpoint.find_all_settings("deny")
    assert get_section(pjsip, "agent01", "aor")["max_contacts"] == "1"
    assert get_section(pjsip, "agent01", "aor")["qualify_frequency"] == "5"  # not called before it has answered


def make_site_with_browser_phones(count: int, **changes: Any) -> Settings:
    browsers = [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}", "webrtc": True} for n in range(1, count + 1)]
    return a_site(seats=browsers, **changes)


def test_browser_phone_connects_only_through_the_desk() -> None:
    """The desk is on the dialler's machine; no port for browser phones is open on the local network."""
    settings = make_site_with_browser_phones(
        150, ami={"secret": "a-long-random-secret", "host": "10.0.0.6"}, asterisk={"dialler_address": "10.0.0.5"}
    )
    pjsip, http = parse_rendered_file("pjsip.conf", settings), parse_rendered_file("http.conf", settings).sections[0]
    phone = get_section(pjsip, "agent150", "endpoint")
    assert (phone["webrtc"], phone["transport"]) == ("yes", "transport-ws")
    assert get_section(pjsip, "transport-ws", "transport")["websocket_write_timeout"] == "1000"
    (endpoint,) = [each for each in pjsip.find_sections_of_type("endpoint") if each.name == "agent150"]
    rules = [(each.key, each.value) for each in endpoint.settings if each.key in {"deny", "permit"}]
    assert rules[-3:] == [("deny", "0.0.0.0/0"), ("deny", "::/0"), ("permit", "10.0.0.5/32")]
    assert (http.get_setting_value("bindaddr"), http.get_setting_value("bindport")) == ("10.0.0.6", "8088")
    assert (http.get_setting_value("sessionlimit"), http.get_setting_value("tlsenable")) == ("350", "")
    assert [str(finding) for finding in lint_file_texts(render_asterisk_site_files(settings, {}), settings)] == []


def test_password_of_a_browser_phone_is_derived_from_the_manager_secret() -> None:
    settings = make_site_with_browser_phones(2)
    passwords = [
        get_section(parse_rendered_file("pjsip.conf", settings), f"agent{n:02d}-auth", "auth")["password"]
        for n in (1, 2)
    ]
    assert passwords == [get_sip_password_of_browser_phone(seat, settings.ami.secret) for seat in settings.seats]
    assert len(set(passwords)) == 2
    assert all(re.fullmatch("[0-9a-f]{40}", each) for each in passwords)
    assert list_seats_without_password(settings) == ()
    other = make_site_with_browser_phones(2, ami={"secret": "another-long-secret"})
    assert get_sip_password_of_browser_phone(other.seats[0], other.ami.secret) not in passwords
    own = settings.seats[0].model_copy(update={"password": SecretStr("own")})
    assert get_sip_password_of_browser_phone(own, None) == "own"


CORE = frozenset({"Answer", "Busy", "Goto", "GotoIf", "Hangup", "NoOp", "Ringing", "Set", "Wait"})
MODULE_OF = {
    "AGI": "res_agi",
    "AMD": "app_amd",
    "BackgroundDetect": "app_talkdetect",
    "ChanSpy": "app_chanspy",
    "ConfBridge": "app_confbridge",
    "ControlPlayback": "app_controlplayback",
    "Echo": "app_echo",
    "MixMonitor": "app_mixmonitor",
    "StopMixMonitor": "app_mixmonitor",
    "MusicOnHold": "res_musiconhold",
    "Playback": "app_playback",
    "TryExec": "app_exec",
    "UserEvent": "app_userevent",
    "WaitForSilence": "app_waitforsilence",
    "CALLERID": "func_callerid",
    "CHANNEL": "func_channel",
    "DB": "func_db",
    "DB_EXISTS": "func_db",
    "FILE": "func_env",
    "HANGUPCAUSE": "func_hangupcause",
    "HANGUPCAUSE_KEYS": "func_hangupcause",
    "Return": "app_stack",
    "SHA1": "func_sha1",
    "CONFBRIDGE_INFO": "app_confbridge",
    "STRFTIME": "func_strings",
}


def test_rendered_asterisk_files_have_a_phone_for_each_supervisor_and_transfer_target() -> None:
    values = {
        "supervisors": [{"name": "asha", "endpoint": "asha"}, {"name": "ravi", "endpoint": "agent01"}],
        "transfers": [{"name": "boss", "kind": "supervisor", "endpoint": "asha"}],
    }
    settings = Settings.model_validate({**a_site().model_dump(exclude_unset=True), **values})
    file = parse_asterisk_conf(
        "pjsip.conf", render_asterisk_site_files(settings, {**PASSWORDS, "asha": "made-for-asha-1234"})["pjsip.conf"]
    )
    assert get_section(file, "asha", "endpoint")["transport"] == "transport-udp"
    assert get_section(file, "asha-auth", "auth")["password"] == "made-for-asha-1234"
    assert [part.name for part in file.find_sections_of_type("endpoint")].count("asha") == 1
    assert list_seats_without_password(settings)[-1] == "asha"


def test_dialplan_uses_the_hold_music_and_recordings_folder_of_the_site() -> None:
    settings = Settings.model_validate(
        {
            **a_site().model_dump(exclude_unset=True),
            "hold": {"music_class": "party", "limit_seconds": 120},
            "recordings": {"directory": "/srv/recordings", "prompt": "matdan/recorded"},
        }
    )
    text = render_asterisk_site_files(settings, PASSWORDS)["extensions.conf"]
    assert "MusicOnHold(party,120)" in text
    assert "MixMonitor(/srv/recordings/${RECORDED}.wav,b)" in text
    assert "Playback(matdan/recorded)" in text
    assert "Playback(matdan/recorded)" not in render_dialplan()


def test_rendered_modules_conf_loads_the_module_of_every_dialplan_application() -> None:
    loaded = {setting.value for setting in parse_rendered_file("modules.conf").sections[0].find_all_settings("load")}
    contexts = parse_dialplan(render_dialplan())
    steps = [step for entries in contexts.values() for entry in entries for step in entry.steps.values()]
    used = {step.application for step in steps} - CORE
    used |= {name for step in steps for name in re.findall(r"(?:\$\{|^)([A-Z_]+)\(", step.data)}
    assert {name: MODULE_OF[name] for name in used if f"{MODULE_OF[name]}.so" not in loaded} == {}


def test_only_asterisk_modules_and_ports_in_use_are_enabled() -> None:
    modules = [setting.value for setting in parse_rendered_file("modules.conf").sections[0].find_all_settings("load")]
    assert {"res_srtp.so", "res_pjsip_transport_websocket.so", "res_pjsip_outbound_registration.so"} <= set(modules)
    browsers = [
        setting.value
        for setting in parse_rendered_file("modules.conf", make_site_with_browser_phones(1))
        .sections[0]
        .find_all_settings("load")
    ]
    assert "res_pjsip_transport_websocket.so" in browsers
    plain = a_site(trunks=[a_site().trunks[0].model_dump()], seats=[a_site().seats[0].model_dump()])
    modules = [
        setting.value for setting in parse_rendered_file("modules.conf", plain).sections[0].find_all_settings("load")
    ]
    assert not {"res_srtp.so", "res_http_websocket.so", "res_pjsip_outbound_registration.so"} & set(modules)
    assert parse_rendered_file("http.conf", plain).sections[0].get_setting_value("enabled") == "no"
    assert [each.name for each in parse_rendered_file("pjsip.conf", plain).find_sections_of_type("transport")] == [
        "transport-udp"
    ]


@pytest.mark.parametrize(("codecs", "is_loaded"), [(("alaw", "ulaw"), False), (("g722", "alaw"), True)])
def test_rendered_asterisk_loads_the_module_of_every_codec_that_calls_may_use(
    codecs: tuple[str, ...], is_loaded: bool
) -> None:
    """Without its module, a call that negotiates G.722 has no audio in both directions."""
    files = render_asterisk_site_files(a_site(asterisk={"codecs": codecs}), PASSWORDS)
    assert ("codec_g722.so" in files["modules.conf"]) is is_loaded
    assert f"allow={','.join(codecs)}" in files["pjsip.conf"]


def test_asterisk_manager_interface_has_one_user_with_few_permissions() -> None:
    manager = parse_rendered_file("manager.conf")
    assert [each.name for each in manager.sections] == ["general", "matdan"]
    user = manager.sections[1]
    assert (user.get_setting_value("read"), user.get_setting_value("write")) == (
        "system,call,user",
        "originate,call,reporting",
    )
    assert user.get_setting_value("permit") == "127.0.0.1/32"
    assert [each.value for each in user.find_all_settings("eventfilter")] == [f"Event: {name}" for name in EVENTS]
    assert manager.sections[0].get_setting_value("bindaddr") == "127.0.0.1"


@pytest.mark.parametrize(
    ("fastagi", "reached"),
    [({}, "127.0.0.1:4573"), ({"host": "::", "port": 99}, "10.0.0.5:99"), ({"host": "::1"}, "[::1]:4573")],
)
def test_rendered_dialplan_has_the_address_of_the_agi_server(fastagi: dict[str, Any], reached: str) -> None:
    site = a_site(fastagi=fastagi, asterisk={"dialler_address": "10.0.0.5"})
    globals_ = parse_rendered_file("extensions.conf", site).find_section("globals")
    assert globals_ is not None
    assert globals_.get_setting_value("AGI_SERVER") == reached


def test_each_agi_request_carries_a_token_for_the_handler_and_channel() -> None:
    """Asterisk computes the token that the dialler expects: SHA1 of the text after substitution."""
    text, secret = (
        render_asterisk_site_files(a_site(), PASSWORDS)["extensions.conf"],
        derive_agi_secret("a-long-random-secret"),
    )
    message = re.findall(r"AGI\(agi://\$\{AGI_SERVER\}/(\w+),\$\{SHA1\((.*?)\)\}\)$", text, re.MULTILINE)
    assert [desk for desk, _ in message] == ["flow", "inbound", "seat", "control"]
    assert text.count("AGI(") == len(message)
    tokens = set()
    for desk, template in message:
        for unique_id, channel in (
            ("1.1", "PJSIP/a-00000001"),
            ("1.1", "PJSIP/a-00000002"),
            ("1.2", "PJSIP/a-00000001"),
        ):
            written = template.replace("${UNIQUEID}", unique_id).replace("${CHANNEL}", channel)
            token = hashlib.sha1(written.encode(), usedforsecurity=False).hexdigest()
            assert token == compute_agi_token(secret, desk, unique_id, channel)
            tokens.add(token)
    assert len(tokens) == 12
    assert compute_dialplan_fingerprint(secret) in text
    assert compute_dialplan_fingerprint(derive_agi_secret("another")) != compute_dialplan_fingerprint(secret)


def test_changed_extensions_of_the_dialplan_need_a_new_dialplan_version() -> None:
    """When this test fails, write the new digest here. If the dialler uses a new extension, also raise `_DIALPLAN_VERSION`."""
    contexts = parse_dialplan(render_dialplan())
    names = sorted(f"{name}/{entry.name}" for name, entries in contexts.items() for entry in entries)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    version = compute_dialplan_fingerprint("secret").partition("-")[0]
    assert (version, digest) == ("3", "0792e22a541c")


def test_no_rendered_sip_endpoint_is_in_a_dialplan_context_that_dials_out() -> None:
    contexts = parse_dialplan(render_dialplan())
    applications = {step.application for each in contexts.values() for entry in each for step in entry.steps.values()}
    assert not applications & {"Dial", "Originate", "DISA", "System", "TrySystem", "Page"}


@pytest.mark.parametrize(
    "wrong",
    ["a\r\nb", "a\nb", "a;b", "[a]", "", " ", "x" * 101, '"quoted"', "back\\slash", ">a", "नमस्ते", " leading"],
)
def test_password_with_characters_that_are_special_to_asterisk_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        a_site(seats=[{"name": "01", "endpoint": "agent01", "password": wrong}])
    assert "must be 1 to 100 ASCII letters" in str(caught.value)


@pytest.mark.parametrize(
    "trunk",
    [
        {"host": "a\nb"},
        {"host": "a;b"},
        {"host": "sip:10.9.0.10"},
        {"host": "10.9.0.10", "outbound_proxy": "sip:proxy.net"},
        {"host": "10.9.0.10", "from_user": "a>b"},
        {"host": "10.9.0.10", "number_prefix": "0,1"},
        {"host": "10.9.0.10", "backup_hosts": ["10.9.0.11"], "qualify_seconds": 0},
        {"host": "a b"},
        {"username": "x"},
        {"password": "only"},
        {"registers": True},
        {"srtp": True},
        {"username": "a;b", "password": "c"},
        {"networks": ["everywhere"]},
        {"transport": "sctp"},
    ],
)
def test_trunk_with_contradictory_settings_is_refused(trunk: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Trunk.model_validate({"name": "a", "endpoint": "a", "caller_ids": ["+911140000001"], **trunk})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trunks": []}, "add a [[trunks]] table"),
        ({"trunks": [{"name": "a", "endpoint": "a", "caller_ids": ["123"]}]}, "add the carrier's SIP host"),
        ({"seats": [{"name": "01", "endpoint": "carrier-a"}]}, "'carrier-a' is used twice"),
        ({"seats": [{"name": "01", "endpoint": "matdan-seat"}]}, "choose another"),
    ],
)
def test_error_about_settings_that_cannot_be_rendered_names_the_missing_setting(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        render_asterisk_site_files(a_site(**changes), {"carrier-a": "x", "matdan-seat": "x"}, file="centre.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("centre.toml: ")


# Files on disk


def test_rendering_asterisk_files_twice_changes_no_file_and_no_password(tmp_path: Path) -> None:
    made = find_endpoint_passwords(tmp_path, ["agent01"])
    plans = plan_file_changes(tmp_path, render_asterisk_site_files(a_site(), made))
    assert {plan.change_kind for plan in plans} == {FileChange.NEW}
    assert set(write_planned_files(tmp_path, plans, force=False)) == set(FILES)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in FILES} == {0o640}
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    again = find_endpoint_passwords(tmp_path, ["agent01", "agent03"])
    assert again["agent01"] == made["agent01"]
    assert len(again["agent03"]) == 24
    plans = plan_file_changes(tmp_path, render_asterisk_site_files(a_site(), again))
    assert {plan.change_kind for plan in plans} == {FileChange.SAME}
    assert write_planned_files(tmp_path, plans, force=False) == []


def test_rendering_asterisk_files_keeps_the_files_written_by_the_site(tmp_path: Path) -> None:
    own = tmp_path / OWN_FILES / "pjsip.conf"
    own.parent.mkdir()
    own.write_text("[carrier-a](+)\nrtp_symmetric=yes\n", encoding="utf-8")
    for settings in (a_site(), a_site(recordings={"prompt": "matdan/recorded"})):
        files = render_asterisk_site_files(settings, PASSWORDS)
        write_planned_files(tmp_path, plan_file_changes(tmp_path, files), force=False)
    assert own.read_text(encoding="utf-8") == "[carrier-a](+)\nrtp_symmetric=yes\n"
    for name in FILES:
        included = f"#tryinclude {OWN_FILES}/{name}\n" in (tmp_path / name).read_text(encoding="utf-8")
        assert included is (name != "asterisk.conf")


def test_asterisk_file_that_matdan_did_not_write_is_overwritten_only_with_force(tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text("[mine]\n")
    plans = plan_file_changes(tmp_path, render_asterisk_site_files(a_site(), PASSWORDS))
    with pytest.raises(
        AsteriskFilesError, match=r"Matdan has not written these files: pjsip.conf; nothing was changed"
    ):
        write_planned_files(tmp_path, plans, force=False)
    assert {path.name for path in tmp_path.iterdir()} == {"pjsip.conf"}
    write_planned_files(tmp_path, plans, force=True)
    assert (tmp_path / "pjsip.conf").read_text().startswith(MARKER)
    assert (tmp_path / "pjsip.conf.before-matdan").read_text() == "[mine]\n"


def test_asterisk_files_in_an_unwritable_directory_give_one_line_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AsteriskFilesError, match="use a directory that you may write to"):
        write_planned_files(tmp_path / "file" / "etc", [], force=False)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Provide a folder with rendered files that will change, a file of the site, and a backup of an earlier rendering."""
    write_planned_files(
        tmp_path, plan_file_changes(tmp_path, render_asterisk_site_files(a_site(), PASSWORDS)), force=False
    )
    for name in ("acl.conf", "extensions.conf", "pjsip.conf"):
        (tmp_path / name).write_text(f"; the site's own {name}\n")
    (tmp_path / "acl.conf.before-matdan").write_text("; kept before\n")
    (tmp_path / "amd.conf").unlink()
    for name in ("asterisk.conf", "rtp.conf"):
        (tmp_path / name).write_text(f"{MARKER}\n; an earlier {name}\n")
    return tmp_path


def read_files_in(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


@pytest.mark.parametrize("at", [1, 4, 8])
def test_full_disk_while_rendering_leaves_every_asterisk_file_unchanged(
    etc: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written: list[int] = []

    def raise_disk_full(handle: int) -> None:
        written.append(handle)
        if len(written) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    before = read_files_in(etc)
    plans = plan_file_changes(etc, render_asterisk_site_files(a_site(), PASSWORDS))
    with pytest.raises(
        AsteriskFilesError, match=rf"^{re.escape(str(etc))} cannot be written \(No space left on device\)"
    ):
        write_planned_files(etc, plans, force=True)
    assert read_files_in(etc) == before
    assert [path for path in etc.iterdir() if path.is_dir()] == []


def test_all_asterisk_files_are_restored_if_one_file_cannot_be_replaced(etc: Path) -> None:
    in_the_way = etc / "pjsip.conf.before-matdan" / "kept"
    in_the_way.parent.mkdir()
    in_the_way.touch()
    before = read_files_in(etc)
    plans = plan_file_changes(etc, render_asterisk_site_files(a_site(), PASSWORDS))
    with pytest.raises(AsteriskFilesError, match=re.escape(f"{in_the_way.parent} cannot be written (Is a directory)")):
        write_planned_files(etc, plans, force=True)
    assert read_files_in(etc) == before
    assert [path for path in etc.iterdir() if path.is_dir()] == [in_the_way.parent]
    assert in_the_way.exists()
    in_the_way.unlink()
    in_the_way.parent.rmdir()
    written = write_planned_files(etc, plans, force=True)
    assert set(written) == {"acl.conf", "amd.conf", "asterisk.conf", "extensions.conf", "pjsip.conf", "rtp.conf"}
    after = read_files_in(etc)
    assert after == {
        **before,
        **{plan.name: plan.after.encode() for plan in plans},
        **{f"{name}.before-matdan": before[name] for name in ("acl.conf", "extensions.conf", "pjsip.conf")},
    }
    assert {path.name for path in etc.iterdir()} == set(after)


def run_asterisk_command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["asterisk", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_asterisk_render_command_shows_differences_writes_files_and_hides_secrets(tmp_path: Path) -> None:
    toml = tmp_path / "centre.toml"
    toml.write_text(BARE + '[ami]\nsecret = "a-long-random-secret"\n')
    etc = tmp_path / "etc"
    render = ("render", "-c", str(toml), "--to", str(etc))
    code, output = run_asterisk_command(*render, "--diff")
    assert (code, etc.exists()) == (1, False)
    assert "+++ b/pjsip.conf" in output
    assert "+password=(hidden)" in output
    code, output = run_asterisk_command(*render)
    assert code == 0
    assert f"wrote {etc}/pjsip.conf" in output
    assert "generated passwords for 1 seats" in output
    assert run_asterisk_command(*render, "--diff") == (0, "")
    assert "nothing was written" in run_asterisk_command(*render)[1]
    toml.write_text(BARE + '[ami]\nsecret = "another-long-secret"\nport = 5039\n')
    code, output = run_asterisk_command(*render, "--diff")
    assert code == 1
    assert "-port=5038\n+port=5039\n" in output
    assert "another-long-secret" not in output
    assert "a-long-random-secret" not in output
    assert "AGI(agi://${AGI_SERVER}/flow,${SHA1((hidden)/flow/${UNIQUEID}/${CHANNEL}/(hidden))})" in output
    assert not any(derive_agi_secret(secret) in output for secret in ("a-long-random-secret", "another-long-secret"))
    code, output = run_asterisk_command("lint", str(etc), "-c", str(toml))
    assert code == 1
    assert "manager.conf:8: will not work: the manager listens on 5038, the settings have 5039; port=5039" in output
    run_asterisk_command(*render)
    code, output = run_asterisk_command("lint", str(etc), "-c", str(toml))
    assert "manager.conf" not in output


def test_missing_directory_of_asterisk_files_is_reported(tmp_path: Path) -> None:
    toml = tmp_path / "centre.toml"
    toml.write_text(BARE + '[ami]\nsecret = "a-long-random-secret"\n')
    with pytest.raises(
        AsteriskFilesError, match=r"the folder .*ect does not exist; give the directory that the program reads"
    ):
        run_asterisk_command("render", "-c", str(toml), "--to", str(tmp_path / "ect" / "asterisk"))
    assert not (tmp_path / "ect").exists()
    note = f"note: {tmp_path / 'etc'} had no Asterisk files before"
    assert note in run_asterisk_command("render", "-c", str(toml), "--to", str(tmp_path / "etc"))[1]
    assert note not in run_asterisk_command("render", "-c", str(toml), "--to", str(tmp_path / "etc"))[1]


def test_file_instead_of_the_directory_of_asterisk_files_gives_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(AsteriskFilesError, match="is not a directory"):
        run_asterisk_command("lint", str(tmp_path / "nowhere"))
