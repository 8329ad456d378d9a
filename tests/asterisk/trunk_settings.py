"""A check of the settings of trunks on a real Asterisk: what each carrier receives, and who an anonymous caller is."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from dialer.deploy.asterisk.lint import lint_files_in_directory
from tests.asterisk.packets import DscpWatch
from tests.asterisk.sipp_scripts import (
    render_anonymous_caller,
    render_answers,
    render_carrier_that_checks_calls,
    render_challenging_carrier,
)
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import CALLER_ID, VOTER, TrunkLab, find_header
from tests.support.waiting import HANG_SECONDS

_ACCOUNT = {"username": "acc1", "password": "a-password-for-the-lab"}
TRUNKS: dict[str, dict[str, Any]] = {
    "usual": {},
    "national": {
        "number_format": "national",
        "number_prefix": "0",
        "caller_id_format": "e164-without-plus",
        "codecs": ["ulaw"],
        "identity_header": "remote-party-id",
        "session_timers": "required",
        "prack": "required",
    },
    "quiet": {"identity_header": "none", "session_timers": "no", "prack": "no", "number_format": "e164-without-plus"},
    "behind-proxy": {
        **_ACCOUNT,
        "host": "carrier.internal",  # has no address: all messages go to the proxy
        "from_user": "acc1-office",
        "behind_proxy": True,
        "from_domain": "office.internal",
        "registers": True,
    },
    "password": _ACCOUNT,
    "checks-calls": {},
    "two-hosts": {"host": "127.0.0.9", "backup_hosts": ["127.0.0.1"], "qualify_seconds": 1},
    "trusted": {"host": "127.0.0.3", "listens": "127.0.0.3"},
    "untrusted": {"host": "127.0.0.4", "listens": "127.0.0.4", "trust_identity": False},
}
_CS3, _EF = 24, 46  # DSCP values
_CALLER = "+917020000001"


async def check_trunk_settings(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, lab.directory, TRUNKS)
    trunks.write_own_file("pjsip.conf", "[quiet](+)\nfrom_user=own\n[usual](+type=aor)\nqualify_frequency=1\n")
    called = [name for name, own in TRUNKS.items() if "listens" not in own]
    scripts = {"password": render_challenging_carrier(), "checks-calls": render_carrier_that_checks_calls()}
    for name in called:
        await trunks.answer_calls(name, scripts.get(name) or render_answers("180 Ringing", "486 Busy Here"))
    watch = DscpWatch()
    watch.start()
    async with trunks.run_asterisk():
        await _wait_until_hosts_are_qualified(trunks)
        for name in called:
            await trunks.place_call(name)
        register = await trunks.wait_for_message("behind-proxy", "REGISTER")
        faults = [] if register.startswith("REGISTER sip:carrier.internal") else [f"behind-proxy: {register}"]
        await trunks.wait_for_message("usual", "OPTIONS")
        script = render_anonymous_caller(CALLER_ID, _CALLER)
        callers = {name: (await trunks.receive_call(name, script)).caller for name in ("trusted", "untrusted")}
    watch.stop()
    if callers != {"trusted": _CALLER, "untrusted": None}:
        faults.append(f"anonymous callers with a P-Asserted-Identity: {callers}")
    answers = [each.split(" ", 2)[1] for each in trunks.list_received_messages("checks-calls", "SIP/2.0 ")]
    if answers != ["200", "603", "200"]:
        faults.append(f"OPTIONS, REFER and BYE of the carrier were answered {answers}")
    voice = set().union(*(watch.dscp_by_port.get(port, set()) for port in {*trunks.voice_ports} - {trunks.sip_port}))
    if (watch.dscp_by_port[trunks.sip_port], voice) != ({_CS3}, {_EF}):
        faults.append(f"DSCP is {watch.dscp_by_port[trunks.sip_port]} for SIP, {voice} for voice")
    findings = [str(each) for each in lint_files_in_directory(trunks.asterisk.etc, trunks.settings)]
    return [*faults, *findings, *_compare_calls(trunks), *trunks.asterisk.unexpected_log_lines()]


def _compare_calls(trunks: TrunkLab) -> list[str]:
    """Return a line for each call that differs from what its trunk's settings say."""
    here, faults = "127.0.0.1", []
    wanted = {
        "usual": (VOTER, CALLER_ID, here, CALLER_ID, "", "8 0", {"100rel", "timer"}, ""),
        "national": ("07010000001", CALLER_ID[1:], here, "", CALLER_ID[1:], "0", {"100rel", "timer"}, "100rel, timer"),
        "quiet": (VOTER[1:], "own", here, "", "", "8 0", set(), ""),
        "behind-proxy": (VOTER, "acc1-office", "office.internal", CALLER_ID, "", "8 0", {"100rel", "timer"}, ""),
        "password": (VOTER, CALLER_ID, here, CALLER_ID, "", "8 0", {"100rel", "timer"}, ""),
        "two-hosts": (VOTER, CALLER_ID, here, CALLER_ID, "", "8 0", {"100rel", "timer"}, ""),
    }
    for name, expected in wanted.items():
        invites = trunks.list_received_messages(name, "INVITE")
        if not invites:
            faults.append(f"{name}: the carrier received no call")
            continue
        sent = invites[-1]
        called = re.match(r"INVITE sip:([^@]*)@", sent)
        caller = re.search(r"<sip:([^@]*)@([^>:]*)", find_header(sent, "From"))
        media = re.search(r"^m=audio \d+ RTP/AVP ([\d ]+?)(?: 101)?\s*$", sent, re.MULTILINE)
        identity, remote = (
            re.search(r"<sip:([^@]*)@", find_header(sent, key)) for key in ("P-Asserted-Identity", "Remote-Party-ID")
        )
        found = (
            called and called[1],
            *((caller[1], caller[2]) if caller else ("", "")),
            identity[1] if identity else "",
            remote[1] if remote else "",
            media and media[1],
            {"100rel", "timer"} & set(re.split(r",\s*", find_header(sent, "Supported"))),
            find_header(sent, "Require"),
        )
        if found != expected:
            faults.append(f"{name}: sent {found}, expected {expected}")
        if (name == "password") != bool(find_header(sent, "Proxy-Authorization")):
            faults.append(f"{name}: Proxy-Authorization is {find_header(sent, 'Proxy-Authorization')!r}")
        if (name == "quiet") == bool(find_header(sent, "Session-Expires")):
            faults.append(f"{name}: Session-Expires is {find_header(sent, 'Session-Expires')!r}")
    return faults


async def _wait_until_hosts_are_qualified(trunks: TrunkLab) -> None:
    """Wait until all hosts have answered OPTIONS but the first of two. Asterisk drops answers that come before it has
    fully booted, and places no call to such a host until it answers the next OPTIONS.
    """
    expected = (r"two-hosts/\S*.* Unavail ", r"two-hosts-backup1/\S*.* Avail ", r"usual/\S*.* Avail ")
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            shown = await trunks.asterisk.run_command("pjsip show contacts")
            if all(re.search(each, shown) for each in expected):
                return
            await asyncio.sleep(0.2)
