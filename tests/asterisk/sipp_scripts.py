"""SIPp scenario files: the carrier with the voters of a scenario, agents' phones, and unknown callers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.scenario import SIP_STATUS, PhoneReaction, Scenario, Voters

A_LAW = 8
_HEAD = '<?xml version="1.0" encoding="us-ascii"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="{name}">\n'
_REASONS = {
    302: "Moved Temporarily",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    503: "Service Unavailable",
    603: "Decline",
}
_BODY = """v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
"""
_OFFER = """Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=x 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 6000 RTP/AVP 8"""  # the end of an INVITE that offers G.711 A-law


def _render_response(
    status: str, *, body: bool = False, cseq: str = "[last_CSeq:]", tag: bool = True, retrans: bool = False
) -> str:
    to = "[last_To:];tag=[pid]S[call_number]" if tag else "[last_To:]"
    lines = [f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", to, "[last_Call-ID:]", cseq]
    user = "+911140000001@" if status.startswith("3") else ""  # redirected to a number of the site
    lines.append(f"Contact: <sip:{user}[local_ip]:[local_port]>")
    if body:
        lines += ["Content-Type: application/sdp", "Content-Length: [len]", "", _BODY.rstrip()]
    else:
        lines += ["Content-Length: 0"]
    text = "\n".join(lines)
    again = ' retrans="500"' if retrans else ""
    return f"<send{again}><![CDATA[\n\n{text}\n\n]]></send>\n"


def _render_request(method: str, number: int, body: str = "", kind: str = "application/dtmf-relay") -> str:
    """Return a SIP request within a call, as text of a SIPp script. From and To are swapped, and $from and $contact
    come from the INVITE.
    """
    lines = [
        f"{method} [$contact] SIP/2.0",
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
        "From: <sip:voter@[local_ip]:[local_port]>;tag=[pid]S[call_number]",
        "To[$from]",
        "[last_Call-ID:]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[local_ip]:[local_port]>",
        "Max-Forwards: 70",
    ]
    if body:
        lines += [f"Content-Type: {kind}", "Content-Length: [len]", "", body]
    else:
        lines += ["Content-Length: 0"]
    text = "\n".join(lines)
    again = "" if method == "ACK" else ' retrans="500"'
    return f"<send{again}><![CDATA[\n\n{text}\n\n]]></send>\n"


_INVITE = (
    '<recv request="OPTIONS" optional="true" next="options"/>\n'
    '<recv request="INVITE">\n<action>\n'
    '<ereg regexp="sip:.?917([0-9][0-9])" search_in="msg" assign_to="whole,group"/>\n'
    '<ereg regexp=":.*" search_in="hdr" header="From" assign_to="from"/>\n'
    '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact" assign_to="contact"/>\n'
    "</action>\n</recv>\n"
)
_OPTIONS = '<label id="options"/>\n' + _render_response("200 OK")
_CANCELLED = (
    '<label id="cancelled"/>\n'
    + _render_response("200 OK")
    + _render_response("487 Request Terminated", cseq="CSeq: [cseq] INVITE", retrans=True)
    + '<recv request="ACK"/>\n<nop next="over"/>\n'
)
_ENDED = '<label id="ended"/>\n' + _render_response("200 OK", tag=False) + '<nop next="over"/>\n'
_OVER = '<label id="over"/>\n<nop/>\n'


def _render_audio_step(audio: str) -> str:
    return f'<nop><action><exec rtp_stream="{audio},-1,{A_LAW},PCMA/8000"/></action></nop>\n'


def render_carrier(scenario: Scenario, audio: str) -> str:
    """Return the script of the carrier, with a branch per group of voters. Voters who answer send `audio`."""
    parts = [_HEAD.format(name="carrier"), _INVITE, _render_response("100 Trying", tag=False)]
    for group, _ in enumerate(scenario.voters):
        parts.append(
            f'<nop><action><strcmp assign_to="is{group}" variable="group" value="{group:02d}"/>'
            f'<test assign_to="go{group}" variable="is{group}" compare="equal" value="0"/></action></nop>\n'
            f'<nop next="group{group}" test="go{group}"/>\n'
        )
    parts += [_render_response("404 Not Found"), '<recv request="ACK"/>\n<nop next="over"/>\n']
    for group, voters in enumerate(scenario.voters):
        parts += [f'<label id="group{group}"/>\n', _render_voter_branch(group, voters, audio)]
    used = ["whole", "from", "contact"] + [f"is{group}" for group, _ in enumerate(scenario.voters)]
    parts += [_CANCELLED, _ENDED, '<nop next="over"/>\n', _OPTIONS, _OVER]
    return "".join(parts) + f'<Reference variables="{",".join(used)}"/>\n</scenario>\n'


def _render_voter_branch(group: int, voters: Voters, audio: str) -> str:
    milliseconds = max(1, round(voters.rings * 1000))
    status = SIP_STATUS.get(voters.does)
    ringing = (
        _render_response("183 Session Progress", body=True) if voters.early_media else _render_response("180 Ringing")
    )
    if voters.does is PhoneReaction.NO_ANSWER:
        return ringing + '<recv request="CANCEL" next="cancelled"/>\n'
    if status is not None:
        rings = ringing if voters.does is PhoneReaction.REJECT else ""
        return (
            rings
            + f'<recv request="CANCEL" timeout="{milliseconds}" ontimeout="fails{group}" next="cancelled"/>\n'
            + f'<label id="fails{group}"/>\n'
            + _render_response(f"{status} {_REASONS[status]}", retrans=True)
            + '<recv request="ACK"/>\n<nop next="over"/>\n'
        )
    return (
        ringing
        + f'<recv request="CANCEL" timeout="{milliseconds}" ontimeout="answers{group}" next="cancelled"/>\n'
        + f'<label id="answers{group}"/>\n'
        + _render_response("200 OK", body=True, retrans=True)
        + '<recv request="ACK"/>\n'
        + _render_audio_step(audio)
        + _render_talk_steps(group, voters)
    )


def _render_talk_steps(group: int, voters: Voters) -> str:
    """Return the steps after the answer: timed keys, and the voter's hang-up unless Asterisk hangs up first."""
    parts, now, number = [], 0.0, 1
    deeds = [(seconds, key) for seconds, key in sorted(voters.keys)]
    if voters.stays is not None:
        deeds.append((voters.stays, ""))
    for seconds, key in deeds:
        wait = max(1, round((seconds - now) * 1000))
        label = f"deed{group}x{number}"
        parts.append('<recv response="200" optional="true"/>\n' if number > 1 else "")
        parts.append(
            f'<recv request="BYE" timeout="{wait}" ontimeout="{label}" next="ended"/>\n<label id="{label}"/>\n'
        )
        if key:
            parts.append(_render_request("INFO", number, f"Signal={key}\nDuration=160\n"))
        else:
            parts.append(_render_request("BYE", number) + '<recv response="200"/>\n<nop next="over"/>\n')
        now = seconds
        number += 1
    if voters.stays is None:
        parts.append('<recv response="200" optional="true"/>\n' if number > 1 else "")
        parts.append('<recv request="BYE" next="ended"/>\n')
    return "".join(parts)


def render_phone(audio: str) -> str:
    """Return the script of an agent's phone that answers at once and sends audio until it is hung up."""
    return (
        _HEAD.format(name="phone")
        + '<recv request="OPTIONS" optional="true" next="options"/>\n<recv request="INVITE"/>\n'
        + _render_response("180 Ringing")
        + _render_response("200 OK", body=True, retrans=True)
        + '<recv request="ACK"/>\n'
        + _render_audio_step(audio)
        + '<recv request="BYE"/>\n'
        + _render_response("200 OK", tag=False)
        + '<nop next="over"/>\n'
        + _OPTIONS
        + _OVER
        + "</scenario>\n"
    )


def render_phone_with_hold_key(audio: str, hold_seconds: tuple[float, float]) -> str:
    """Return the script of an agent's phone that is on hold between these times after its answer (seconds)."""
    parts = [
        _HEAD.format(name="hold-key"),
        '<recv request="OPTIONS" optional="true" next="options"/>\n<recv request="INVITE">\n<action>\n',
        '<ereg regexp=":.*" search_in="hdr" header="From" assign_to="from"/>\n',
        '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact" assign_to="contact"/>\n</action>\n</recv>\n',
        _render_response("180 Ringing"),
        _render_response("200 OK", body=True, retrans=True),
        '<recv request="ACK"/>\n',
        _render_audio_step(audio),
    ]
    waited = 0.0
    for number, (at, direction) in enumerate(zip(hold_seconds, ("sendonly", "sendrecv"), strict=True), start=1):
        wait = round((at - waited) * 1000)
        parts += [
            f'<recv request="BYE" timeout="{wait}" ontimeout="key{number}" next="ended"/>\n<label id="key{number}"/>\n',
            _render_request("INVITE", number, f"{_BODY}a={direction}\n", "application/sdp"),
            '<recv response="100" optional="true"/>\n<recv response="200"/>\n',
            _render_request("ACK", number),
        ]
        waited = at
    parts += ['<recv request="BYE" next="ended"/>\n', _ENDED, _OPTIONS, _OVER]
    return "".join(parts) + '<Reference variables="from,contact"/>\n</scenario>\n'


def render_dialling_phone(voice_port: int) -> str:
    """Return the script of a phone that dials a code and stays until it is hung up, with its audio on `voice_port`."""
    invite = f"""INVITE sip:{{code}}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[remote_ip]>;tag=[pid]D[call_number]
To: <sip:{{code}}@[remote_ip]>
Call-ID: [call_id]
CSeq: {{number}} INVITE
Contact: <sip:[service]@[local_ip]:[local_port]>
{{authentication}}Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=phone 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {voice_port} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15"""
    acknowledge = """ACK {target} SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: {number} ACK
Max-Forwards: 70
Content-Length: 0"""
    asked = invite.format(code="*1", number=1, authentication="")
    given = invite.format(code="*1", number=2, authentication="[authentication]\n")
    refused = acknowledge.format(target="sip:*1@[remote_ip]:[remote_port]", number=1)
    answered = acknowledge.format(target="[next_url]", number=2)
    return (
        _HEAD.format(name="dialling")
        + f'<send retrans="500"><![CDATA[\n\n{asked}\n\n]]></send>\n<recv response="401" auth="true"/>\n'
        + f"<send><![CDATA[\n\n{refused}\n\n]]></send>\n"
        + f'<send retrans="500"><![CDATA[\n\n{given}\n\n]]></send>\n'
        + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="200" rrs="true"/>\n'
        + f"<send><![CDATA[\n\n{answered}\n\n]]></send>\n"
        + '<recv request="BYE"/>\n'
        + _render_response("200 OK", tag=False)
        + "</scenario>\n"
    )


def render_registration(answer: int = 200) -> str:
    """Return the script of a phone's registration, which expects status 200, or 401 for a wrong password."""
    request = """REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[remote_ip]>;tag=[pid]R[call_number]
To: <sip:[service]@[remote_ip]>
Call-ID: [call_id]
CSeq: {number} REGISTER
Contact: <sip:[service]@[local_ip]:[local_port]>
{authentication}Max-Forwards: 70
Expires: 3600
Content-Length: 0"""
    first = request.format(number=1, authentication="")
    second = request.format(number=2, authentication="[authentication]\n")
    return (
        _HEAD.format(name="registration")
        + f'<send retrans="500"><![CDATA[\n\n{first}\n\n]]></send>\n<recv response="401" auth="true"/>\n'
        + f'<send retrans="500"><![CDATA[\n\n{second}\n\n]]></send>\n<recv response="{answer}"/>\n</scenario>\n'
    )


def render_registrar() -> str:
    """Return the script of a carrier that refuses the first registration of an account, and grants the second.

    Both begin with a password challenge. Asterisk uses one Call-ID, so this is one call of SIPp.
    """
    challenge = _render_response("401 Unauthorized").replace(
        "Content-Length", 'WWW-Authenticate: Digest realm="lab", nonce="4f2b1c", algorithm=MD5\nContent-Length'
    )
    granted = _render_response("200 OK").replace(
        "Contact: <sip:[local_ip]:[local_port]>", "[last_Contact:];expires=300"
    )
    return (
        _HEAD.format(name="registrar")
        + f'<recv request="REGISTER"/>\n{challenge}' * 3
        + f'<recv request="REGISTER"/>\n{granted}</scenario>\n'
    )


def render_answers(*responses: str, hangs_up: bool = False) -> str:
    """Return the script of a carrier that grants registrations, and gives these responses to each call.

    A response is a status line such as "486 Busy Here"; "+ sdp" at its end adds a session description. Without a final
    response the carrier waits until the call is cancelled. With `hangs_up` an answered call is hung up after two
    seconds.
    """
    parts = [
        _HEAD.format(name="answers"),
        '<recv request="OPTIONS" optional="true" next="options"/>\n',
        '<recv request="REGISTER" optional="true" next="registers"/>\n<recv request="INVITE">\n<action>\n',
        '<ereg regexp=":.*" search_in="hdr" header="From" assign_to="from"/>\n',
        '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact" assign_to="contact"/>\n</action>\n</recv>\n',
    ]
    for response in ("100 Trying", *responses):
        status, _, body = response.partition(" + ")
        final = not status.startswith("1")
        parts.append(_render_response(status, body=body == "sdp", tag=status != "100 Trying", retrans=final))
        if final:
            parts.append('<recv request="ACK"/>\n')
    if hangs_up and responses and responses[-1].startswith("2"):
        parts += ['<pause milliseconds="2000"/>\n', _render_request("BYE", 1), '<recv response="200"/>\n']
    elif responses and responses[-1].startswith("2"):
        parts += ['<recv request="BYE"/>\n', _render_response("200 OK", tag=False)]
    if not responses or responses[-1].startswith("1"):
        parts.append('<recv request="CANCEL" next="cancelled"/>\n' + _CANCELLED)
    granted = _render_response("200 OK").replace(
        "Contact: <sip:[local_ip]:[local_port]>", "[last_Contact:];expires=300"
    )
    parts += ['<nop next="over"/>\n', '<label id="registers"/>\n', granted, '<nop next="over"/>\n', _OPTIONS, _OVER]
    return "".join(parts) + '<Reference variables="from,contact"/>\n</scenario>\n'


def render_phone_with_keys(tone: str = "", *, info: bool = False, voice_port: int = 0) -> str:
    """Return the script of a carrier whose phone answers, accepts changes of the call, and stays until it is hung up.

    The phone sends the audio `tone` all the time, or the key # by SIP INFO, or voice and RFC 4733 events from
    `voice_port`.
    """
    body = _render_response("200 OK", body=True, retrans=True)
    if voice_port:
        body = body.replace("[rtpstream_audio_port] RTP/AVP 8", f"{voice_port} RTP/AVP 8 101").replace(
            "PCMA/8000", "PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15"
        )
    changed = body.replace("[last_To:];tag=[pid]S[call_number]", "[last_To:]")
    return (
        _HEAD.format(name="keys")
        + '<recv request="INVITE">\n<action>\n'
        + '<ereg regexp=":.*" search_in="hdr" header="From" assign_to="from"/>\n'
        + '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact" assign_to="contact"/>\n</action>\n</recv>\n'
        + _render_response("180 Ringing")
        + body
        + '<recv request="ACK"/>\n'
        + (_render_audio_step(tone) if tone else "")
        + f'<recv request="INVITE"/>\n{changed}<recv request="ACK"/>\n'
        + ('<pause milliseconds="1000"/>\n' if info else "")
        + (_render_request("INFO", 1, "Signal=#\nDuration=160\n") + '<recv response="200"/>\n' if info else "")
        + '<recv request="BYE" optional="true" next="ended"/>\n'
        + f'<recv request="INVITE"/>\n{changed}<recv request="ACK"/>\n'
        + '<recv request="BYE" next="ended"/>\n'
        + _ENDED
        + _OVER
        + '<Reference variables="from,contact"/>\n</scenario>\n'
    )


def render_failures(statuses: Sequence[int]) -> str:
    """Return the script of a carrier that ends each call with the SIP status in the last three digits of the number."""
    parts = [
        _HEAD.format(name="failures"),
        '<recv request="INVITE">\n<action>\n'
        '<ereg regexp="sip:[^@]*([0-9][0-9][0-9])@" search_in="msg" assign_to="whole,status"/>\n</action>\n</recv>\n',
        _render_response("100 Trying", tag=False),
    ]
    for status in statuses:
        parts.append(
            f'<nop><action><strcmp assign_to="is{status}" variable="status" value="{status}"/>'
            f'<test assign_to="go{status}" variable="is{status}" compare="equal" value="0"/></action></nop>\n'
            f'<nop next="status{status}" test="go{status}"/>\n'
        )
    for status in statuses:
        parts += [f'<label id="status{status}"/>\n', _render_response(f"{status} Failed", retrans=True)]
        parts.append('<recv request="ACK"/>\n<nop next="over"/>\n')
    used = ",".join(["whole", *(f"is{status}" for status in statuses)])
    return "".join([*parts, _OVER, f'<Reference variables="{used}"/>\n</scenario>\n'])


def render_carrier_that_checks_calls() -> str:
    """Return the script of a carrier that answers a call, checks it by OPTIONS, tries to transfer it, and hangs up."""
    transfer = _render_request("REFER", 2).replace(
        "Max-Forwards", "Refer-To: <sip:+917010000009@[local_ip]>\nMax-Forwards"
    )
    return (
        _HEAD.format(name="checks")
        + '<recv request="INVITE">\n<action>\n'
        + '<ereg regexp=":.*" search_in="hdr" header="From" assign_to="from"/>\n'
        + '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact" assign_to="contact"/>\n</action>\n</recv>\n'
        + _render_response("200 OK", body=True, retrans=True)
        + '<recv request="ACK"/>\n'
        + _render_request("OPTIONS", 1)
        + '<recv response="200"/>\n'
        + transfer
        + '<recv response="603"/>\n<pause milliseconds="1000"/>\n'  # Asterisk speaks meanwhile
        + _render_request("BYE", 3)
        + '<recv response="200"/>\n<Reference variables="from,contact"/>\n</scenario>\n'
    )


def render_challenging_carrier() -> str:
    """Return the script of a carrier that demands a password for each call, and then is busy."""
    challenge = _render_response("407 Proxy Authentication Required").replace(
        "Content-Length", 'Proxy-Authenticate: Digest realm="lab", nonce="4f2b1c", algorithm=MD5\nContent-Length'
    )
    return (
        _HEAD.format(name="challenge")
        + f'<recv request="INVITE"/>\n{challenge}<recv request="ACK"/>\n<recv request="INVITE"/>\n'
        + _render_response("486 Busy Here", retrans=True)
        + '<recv request="ACK"/>\n</scenario>\n'
    )


def render_anonymous_caller(called: str, identity: str) -> str:
    """Return the script of an inbound call whose From is anonymous. P-Asserted-Identity has the number `identity`."""
    request = f"""INVITE sip:{called}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=[pid]A[call_number]
To: <sip:{called}@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 INVITE
P-Asserted-Identity: <sip:{identity}@[local_ip]>
Contact: <sip:carrier@[local_ip]:[local_port]>
{_OFFER}"""
    return (
        _HEAD.format(name="anonymous")
        + f'<send retrans="500"><![CDATA[\n\n{request}\n\n]]></send>\n'
        + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="486"/>\n</scenario>\n'
    )


def render_stranger(user: str) -> str:
    """Return the script of a call that claims to be `user`, and expects a password challenge or a rejection."""
    request = f"""INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:{user}@[remote_ip]>;tag=[pid]X[call_number]
To: <sip:[service]@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{user}@[local_ip]:[local_port]>
{_OFFER}"""
    acknowledge = f"""ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
From: <sip:{user}@[remote_ip]>;tag=[pid]X[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0"""
    return (
        _HEAD.format(name="stranger")
        + f'<send retrans="500"><![CDATA[\n\n{request}\n\n]]></send>\n'
        + '<recv response="401" optional="true" next="refused"/>\n<recv response="403"/>\n'
        + f'<label id="refused"/>\n<send><![CDATA[\n\n{acknowledge}\n\n]]></send>\n</scenario>\n'
    )
