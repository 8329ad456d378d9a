"""The AMI codec: captured sessions, streams split anywhere, and hostile input in both directions."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.errors import ProtocolError, UnsafeValue
from dialer.switch.asterisk.ami_codec import (
    MAX_ACTION_LINES,
    MAX_LINE_BYTES,
    AmiDecoder,
    AmiMessage,
    encode_action,
    encode_message,
)
from tests.support.captures import NAMES, captured_bytes

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=150)


def decode_in_pieces(data: bytes, pieces: Iterable[int] = (), **options: object) -> list[AmiMessage]:
    """Decode `data` cut at the given places."""
    decoder = AmiDecoder(**options)  # type: ignore[arg-type]  # a test's shorthand
    messages: list[AmiMessage] = []
    begin = 0
    for end in [*sorted(pieces), len(data)]:
        messages += decoder.decode_bytes(data[begin:end])
        begin = end
    assert not decoder.has_incomplete_message
    return messages


def list_fields(messages: Iterable[AmiMessage]) -> list[list[tuple[str, str]]]:
    return [message.list_fields() for message in messages]


def parse_session(data: bytes) -> list[list[tuple[str, str]]]:
    """Return the messages of an AMI session, parsed in the simplest way, to be compared with the decoder's."""
    _, _, body = data.decode().partition("\r\n")
    found = []
    for text in body.split("\r\n\r\n"):
        pairs = [line.split(":", 1) for line in text.split("\r\n") if line]
        if pairs:
            found.append([(name, value.removeprefix(" ")) for name, value in pairs])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_captured_ami_session_decodes_the_same_in_one_piece_or_byte_by_byte(name: str) -> None:
    data = captured_bytes(name, "asterisk-ami")
    expected = parse_session(data)

    assert expected
    assert list_fields(decode_in_pieces(data)) == expected
    assert list_fields(decode_in_pieces(data, range(len(data)))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_captured_ami_actions_are_decoded_and_encoded_to_the_captured_bytes(name: str) -> None:
    data = captured_bytes(name, "client-ami")
    actions = decode_in_pieces(data, expects_banner=False)

    assert actions[0].action_name == "Login"
    assert b"".join(encode_message(action.list_fields()) for action in actions) == data


@pytest.mark.parametrize("name", NAMES)
def test_captured_ami_messages_are_encoded_to_the_captured_bytes(name: str) -> None:
    data = captured_bytes(name, "asterisk-ami")
    assert BANNER + b"".join(encode_message(message.list_fields()) for message in decode_in_pieces(data)) == data


def test_captures_of_ami_sessions_for_the_codec_tests_exist() -> None:
    assert len(NAMES) == 28


@DETERMINISTIC
@given(st.data())
def test_ami_session_decodes_to_the_same_messages_however_the_bytes_are_split(data: st.DataObject) -> None:
    session = captured_bytes(data.draw(st.sampled_from(["command-output", "unknown-endpoint", "busy"])), "asterisk-ami")
    cuts = data.draw(st.lists(st.integers(0, len(session)), max_size=8))
    assert list_fields(decode_in_pieces(session, cuts)) == parse_session(session)


def test_ami_decoder_returns_wanted_events_and_all_responses() -> None:
    data = captured_bytes("busy", "asterisk-ami")
    wanted = {"Hangup", "OriginateResponse", "DialEnd"}
    everything = decode_in_pieces(data)
    expected = [message for message in everything if message.response_status or message.event_name in wanted]

    kept = decode_in_pieces(data, range(0, len(data), 7), wanted_events=wanted)

    assert list_fields(kept) == list_fields(expected)
    assert {message.event_name for message in kept} == wanted | {""}
    assert len(kept) < len(everything)


def test_ami_event_without_fields_is_selected_by_name() -> None:
    data = BANNER + b"Event: Shutdown\r\n\r\nEvent: Shutdow\r\n\r\n"
    assert [message.event_name for message in decode_in_pieces(data, wanted_events={"Shutdown"})] == ["Shutdown"]


def test_unwanted_ami_events_after_blank_lines_are_dropped() -> None:
    data = BANNER + b"\r\n\r\n\r\nEvent: VarSet\r\nX: y\r\n\r\n\r\nEvent: Hangup\r\nCause: 16\r\n\r\n\r\n"
    whole: list[int] = []
    for cuts in (whole, list(range(len(data)))):
        assert [message.event_name for message in decode_in_pieces(data, cuts, wanted_events={"Hangup"})] == ["Hangup"]


def test_set_of_wanted_ami_events_can_change_between_reads() -> None:
    decoder = AmiDecoder(wanted_events=())
    event = b"Event: ConfbridgeList\r\nActionID: a6\r\n\r\n"
    assert decoder.decode_bytes(BANNER + event) == []
    decoder.set_wanted_events(None)
    assert [message.event_name for message in decoder.decode_bytes(event)] == ["ConfbridgeList"]
    decoder.set_wanted_events(("Hangup",))
    assert decoder.decode_bytes(event) == []


def test_ami_message_distinguishes_repeated_blank_and_missing_fields() -> None:
    message = AmiMessage(
        b"Response: Success\r\nOutput: first\r\nOutput:   indented\r\nOutput: \r\nOutput:\r\nAccountCode: \r\nOdd: a: b"
    )

    assert message.response_status == "Success"
    assert message.event_name == message.action_name == message.action_id == ""
    assert message.get_all_values_of_field("Output") == ["first", "  indented", "", ""]
    assert message.get("Output") == "first"
    assert message.get("AccountCode", "unset") == ""
    assert message.get("Odd") == "a: b"
    assert message.get("Absent", "unset") == "unset"
    assert "AccountCode" in message
    assert "Account" not in message
    assert 7 not in message
    assert message.get_all_values_of_field("Absent") == []


def test_ami_field_is_matched_only_by_its_whole_name_at_line_start() -> None:
    message = AmiMessage(b"Event: UserEvent\r\nNote: Cause: 99\r\nDestCause: 98\r\nCause: 16\r\nUserEvent: VoterUp")
    assert message.event_name == "UserEvent"
    assert message.get("Cause") == "16"
    assert message.get("UserEvent") == "VoterUp"
    assert message.response_status == ""


def test_originate_response_is_decoded_as_an_event() -> None:
    message = AmiMessage(b"Event: OriginateResponse\r\nResponse: Failure\r\nReason: 3")
    assert (message.event_name, message.response_status, message.get("Response")) == (
        "OriginateResponse",
        "",
        "Failure",
    )


def test_field_names_of_ami_actions_ignore_case() -> None:
    (action,) = decode_in_pieces(
        b"action: Originate\r\nCHANNELID: x\r\nVariable: a=1\r\nvariable: b=2\r\n\r\n", expects_banner=False
    )
    assert action.action_name == "Originate"
    assert action.get("ChannelId") == "x"
    assert action.get_all_values_of_field("Variable") == ["a=1", "b=2"]


def test_invalid_utf8_bytes_in_ami_messages_are_replaced() -> None:
    data = BANNER + "Event: A\r\nCallerIDName: मतदाता\r\n\r\n".encode() + b"Event: B\r\nCallerIDName: \xff\xfex\r\n\r\n"
    good, bad = decode_in_pieces(data, range(len(data)))
    assert good.get("CallerIDName") == "मतदाता"
    assert bad.get("CallerIDName") == "\ufffd\ufffdx"


def test_repr_of_ami_message_omits_fields() -> None:
    message = AmiMessage(b"Event: Hangup\r\nCallerIDNum: 9845012345")
    assert repr(message) == "<AmiMessage Event: Hangup>"


@pytest.mark.parametrize("cut", range(60))
def test_ami_decoder_accepts_sessions_with_lf_line_endings(cut: int) -> None:
    data = b"Asterisk Call Manager/11.0.0\nEvent: A\nX: 1\n\nEvent: B\nY: 2\n\n"
    assert list_fields(decode_in_pieces(data, [cut])) == [[("Event", "A"), ("X", "1")], [("Event", "B"), ("Y", "2")]]


def test_bare_line_feed_in_an_ami_value_starts_no_new_field() -> None:
    forged = BANNER + b"Event: VarSet\r\nValue: x\nCause: 16\n\nEvent: Hangup\r\n\r\n"
    (message,) = decode_in_pieces(forged)
    assert message.event_name == "VarSet"
    assert "Cause" not in message
    assert message.get("Value") == "x\nCause: 16\n\nEvent: Hangup"


@pytest.mark.parametrize("cut", range(40))
def test_ami_action_decoder_accepts_mixed_line_endings(cut: int) -> None:
    data = b"Action: Ping\nActionID: 1\r\n\r\nAction: Logoff\r\n\n"
    actions = decode_in_pieces(data, [cut], expects_banner=False)
    assert list_fields(actions) == [[("Action", "Ping"), ("ActionID", "1")], [("Action", "Logoff")]]


def test_blank_lines_between_ami_messages_are_ignored() -> None:
    data = BANNER + b"\r\n\r\nEvent: A\r\n\r\n\r\n\r\n\r\nEvent: B\r\n\r\n"
    assert [message.event_name for message in decode_in_pieces(data)] == ["A", "B"]


def test_ami_banner_is_decoded_from_several_reads() -> None:
    decoder = AmiDecoder()
    assert [decoder.decode_bytes(bytes([byte])) for byte in BANNER] == [[]] * len(BANNER)
    assert decoder.banner == "Asterisk Call Manager/11.0.0"


@pytest.mark.parametrize(
    "garbage",
    [b"SSH-2.0-OpenSSH_9.7\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\n", b"Asterisk?\r\n"],
)
def test_ami_decoder_refuses_a_peer_that_does_not_speak_ami(garbage: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an Asterisk manager"):
        AmiDecoder().decode_bytes(garbage)


def test_ami_message_that_does_not_start_with_a_field_name_is_refused() -> None:
    with pytest.raises(ProtocolError, match="does not speak AMI"):
        AmiDecoder().decode_bytes(BANNER + b"\x00\x01\x02 nonsense\r\n\r\n")


def test_endless_ami_line_is_refused_at_the_length_limit() -> None:
    decoder = AmiDecoder(max_line_bytes=1000)
    decoder.decode_bytes(BANNER + b"Event: A\r\nX: ")
    with pytest.raises(ProtocolError, match="line of more than 1000 bytes"):
        for _ in range(100):
            decoder.decode_bytes(b"a" * 100)


def test_endless_ami_banner_is_refused() -> None:
    with pytest.raises(ProtocolError, match="line of more than"):
        AmiDecoder(max_line_bytes=1000).decode_bytes(b"Asterisk Call Manager" + b"/" * 1000)


def test_too_long_line_in_a_complete_ami_message_is_refused() -> None:
    with pytest.raises(ProtocolError, match="line of more than 1000 bytes"):
        AmiDecoder(max_line_bytes=1000).decode_bytes(BANNER + b"Event: A\r\nX: " + b"a" * 1000 + b"\r\n\r\n")


def test_ami_lines_and_messages_have_separate_length_limits() -> None:
    decoder = AmiDecoder(max_line_bytes=100, max_message_bytes=3000)
    line = b"Output: all is well\r\n"
    (message,) = decoder.decode_bytes(BANNER + b"Response: Success\r\n" + line * 100 + b"\r\n")
    assert len(message.get_all_values_of_field("Output")) == 100
    with pytest.raises(ProtocolError, match="message of more than 3000 bytes"):
        for _ in range(1000):
            decoder.decode_bytes(line)


ORIGINATE = [("Channel", "PJSIP/15550100@trunk"), ("Variable", "MATDAN=1"), ("Variable", "OTHER=2"), ("Account", "")]


def test_encoded_ami_action_has_the_bytes_that_asterisk_accepts() -> None:
    assert encode_action("Originate", ORIGINATE, "id-1") == (
        b"Action: Originate\r\nActionID: id-1\r\nChannel: PJSIP/15550100@trunk\r\n"
        b"Variable: MATDAN=1\r\nVariable: OTHER=2\r\nAccount: \r\n\r\n"
    )


@pytest.mark.parametrize(
    "value", ["a\r\nAction: Logoff", "a\nb", "a\rb", "a\0b", "\n", "a\r\n\r\nAction: X", "a\x1bb", "\ud800"]
)
@pytest.mark.parametrize("place", ["name", "value", "action_id"])
def test_ami_encoder_refuses_values_that_could_inject_an_action(value: str, place: str) -> None:
    with pytest.raises(UnsafeValue) as refused:
        if place == "name":
            encode_action(value, (), "1")
        elif place == "value":
            encode_action("Originate", [("Channel", value)], "1")
        else:
            encode_action("Originate", (), value)
    assert "Logoff" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["", "A b", "A:", "-A", "1A", "A\n", "Ä", "A" * 65, "Action", "actionid"])
def test_invalid_ami_field_name_is_refused(key: str) -> None:
    with pytest.raises(UnsafeValue):
        encode_action("Ping", [(key, "x")], "1")


def test_ami_encoder_refuses_values_longer_than_asterisks_limits() -> None:
    longest = "x" * (MAX_LINE_BYTES - len("Data: \r\n"))
    assert encode_action("Ping", [("Data", longest)], "1")
    with pytest.raises(UnsafeValue, match="Data is longer than 1024 bytes"):
        encode_action("Ping", [("Data", longest + "x")], "1")
    with pytest.raises(UnsafeValue, match="Data is longer"):
        encode_action("Ping", [("Data", "म" * 400)], "1")
    most = [("Variable", "a=1")] * (MAX_ACTION_LINES - 2)
    assert encode_action("Ping", most, "1")
    with pytest.raises(UnsafeValue, match="129 lines"):
        encode_action("Ping", [*most, ("Variable", "b")], "1")


def split_actions_like_asterisk(data: bytes) -> list[list[str]]:
    """Return the AMI actions in `data` as Asterisk reads them: a lone LF ends a line too."""
    runs: list[list[str]] = [[]]
    for line in data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if line:
            runs[-1].append(line)
        else:
            runs.append([])
    return [run for run in runs if run]


HOSTILE = st.text(
    alphabet=st.one_of(st.sampled_from('\r\n\0: ,$(){}"\\&|\x0b\x0c\x85\u2028\u2029Action'), st.characters()),
    max_size=40,
)


@DETERMINISTIC
@given(HOSTILE, st.lists(st.tuples(st.one_of(st.just("Variable"), HOSTILE), HOSTILE), max_size=4), HOSTILE)
def test_ami_encoder_yields_exactly_one_action_or_an_error(
    name: str, fields: list[tuple[str, str]], action_id: str
) -> None:
    try:
        data = encode_action(name, fields, action_id)
    except UnsafeValue:
        return
    (lines,) = split_actions_like_asterisk(data)
    assert len(lines) == 2 + len(fields)
    (action,) = decode_in_pieces(data, expects_banner=False)
    assert action.list_fields() == [("Action", name), ("ActionID", action_id), *fields]


VALUES = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@DETERMINISTIC
@given(st.lists(st.tuples(st.sampled_from(["Variable", "Channel", "X-y"]), VALUES), max_size=6), st.data())
def test_every_valid_value_survives_ami_encoding_and_decoding(
    fields: list[tuple[str, str]], data: st.DataObject
) -> None:
    encoded = encode_action("Originate", fields, "id")
    cuts = data.draw(st.lists(st.integers(0, len(encoded)), max_size=5))
    (action,) = decode_in_pieces(encoded, cuts, expects_banner=False)
    assert action.list_fields()[2:] == fields
