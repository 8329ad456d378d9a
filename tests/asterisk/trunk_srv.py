"""A check of carriers whose servers are in DNS SRV records, on a real Asterisk: which server gets a call, and whose calls
are accepted.
"""

from __future__ import annotations

import re
from typing import Any

from dialer.switch.asterisk.ami_codec import AmiMessage
from tests.asterisk.dns_server import Service, serve_names
from tests.asterisk.sipp_scripts import render_answers
from tests.asterisk.stage import Lab
from tests.asterisk.trunk_lab import TrunkLab

_ACCOUNT = {"username": "acc1", "password": "a-password-for-the-lab", "registers": True}
_SERVERS = {  # SIPp, by name: the address of the server
    "refuses": "127.0.0.5",
    "answers": "127.0.0.6",
    "answers-tcp": "127.0.0.7",
    "nobody": "127.0.0.8",
}
TRUNKS: dict[str, dict[str, Any]] = {
    **{name: {"listens": address, "host": "127.0.0.99"} for name, address in _SERVERS.items()},
    "by-priority": {"host": "by-priority.test", "port": None, **_ACCOUNT},
    "fails-over": {"host": "fails-over.test", "port": None},
    "fails-over-tcp": {"host": "fails-over.test", "port": None, "transport": "tcp"},
    "silent": {"host": "silent.test", "port": None},
}


async def check_trunk_srv(lab: Lab) -> list[str]:
    """Run the check. Return the faults. Raises NoAsterisk if a tool or a permission is missing."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    trunks = TrunkLab(lab.asterisk.program, lab.sipp, lab.directory, TRUNKS)
    await trunks.answer_calls("refuses", render_answers("503 Service Unavailable"))
    await trunks.answer_calls("answers", render_answers("180 Ringing", "486 Busy Here"))
    await trunks.answer_calls("answers-tcp", render_answers("180 Ringing", "486 Busy Here"), "-t", "t1")

    def list_services(*names: str) -> list[Service]:
        """Return the records of these servers in falling priority. DNS lists them the other way round."""
        ranked = enumerate(names, start=1)
        return [Service(10 * rank, f"{name}.test", trunks.get_port(name)) for rank, name in ranked][::-1]

    services = {
        "_sip._udp.by-priority.test": list_services("answers", "refuses"),
        "_sip._udp.fails-over.test": list_services("refuses", "answers"),
        "_sip._tcp.fails-over.test": list_services("nobody", "answers-tcp"),
        "_sip._udp.silent.test": list_services("nobody", "answers"),
    }
    hosts = {f"{name}.test": address for name, address in _SERVERS.items()}
    statuses: dict[str, str] = {}
    async with serve_names(lab.directory, hosts, services) as trunks.asterisk.prefix, trunks.run_asterisk():
        await trunks.wait_for_message("answers", "REGISTER")
        for name in ("by-priority", "fails-over", "fails-over-tcp", "silent"):
            _, events = await trunks.place_call(name)
            statuses[name] = _find_status(events)
        shown = await trunks.asterisk.run_command("pjsip show identify fails-over-identify")
    calls = {name: len(trunks.list_received_messages(name, "INVITE")) for name in _SERVERS}
    faults = []
    if statuses != {"by-priority": "486", "fails-over": "486", "fails-over-tcp": "486", "silent": "480"}:
        faults.append(f"calls ended with {statuses}")
    if calls != {"refuses": 1, "answers": 2, "answers-tcp": 1, "nobody": 0}:
        faults.append(f"the servers received {calls} calls")
    callers = set(re.findall(r"Match: (\S+)/32", shown))
    if callers != {_SERVERS[name] for name in ("refuses", "answers", "nobody", "answers-tcp")}:
        faults.append(f"calls of the carrier are accepted from {callers}")
    return [*faults, *trunks.asterisk.unexpected_log_lines()]


def _find_status(events: list[AmiMessage]) -> str:
    """Return the SIP status with which a call ended, as Asterisk reports it."""
    return next(each.get("TechCause") for each in events if each.event_name == "Hangup")
