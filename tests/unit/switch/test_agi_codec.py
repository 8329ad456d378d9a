"""The FastAGI codec: captured calls, streams split anywhere, and hostile input in both directions."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.errors import ProtocolError, UnsafeValue
from dialer.switch.asterisk.agi_codec import (
    HANGUP,
    MAX_COMMAND_BYTES,
    AgiDecoder,
    AgiEnvironment,
    AgiInput,
    AgiReply,
    encode_command,
    encode_environment,
    encode_reply,
    parse_reply,
    split_agi_command,
)
from tests.support.captures import NAMES, captured_bytes, read_capture

WITH_AGI = [name for name in NAMES if captured_bytes(name, "asterisk-agi")]
ENVIRONMENT = b"agi_network: yes\nagi_uniqueid: 5d\n\n"
DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=150)


def decode_in_pieces(data: bytes, pieces: Iterable[int] = ()) -> list[AgiInput]:
    """Decode `data` cut at the given places."""
    decoder = AgiDecoder()
    found: list[AgiInput] = []
    begin = 0
    for end in [*sorted(pieces), len(data)]:
        found += decoder.decode_bytes(data[begin:end])
        begin = end
    return found


def decode_after_environment(data: bytes) -> list[AgiInput]:
    return decode_in_pieces(ENVIRONMENT + data)[1:]


def test_captures_of_agi_calls_for_the_codec_tests_exist() -> None:
    assert len(WITH_AGI) == 5


@pytest.mark.parametrize("name", WITH_AGI)
def test_captured_agi_call_decodes_the_same_in_one_piece_or_byte_by_byte(name: str) -> None:
    data = captured_bytes(name, "asterisk-agi")
    environment, *answers = decode_in_pieces(data)

    assert isinstance(environment, AgiEnvironment)
    assert environment.agi_url_path == "ivr"
    assert environment.unique_id.startswith("cap-")
    assert environment.channel_name.startswith("PJSIP/carrier-")
    assert environment.get_field("agi_accountcode", "unset") == ""
    assert environment.get_field("agi_arg_1", "unset") == "unset"
    assert len(environment.fields) == 22
    commands = [said for said in read_capture(name) if said.who == "server-agi"]
    assert len([answer for answer in answers if isinstance(answer, AgiReply)]) == len(commands)
    assert decode_in_pieces(data, range(len(data))) == [environment, *answers]


@pytest.mark.parametrize("name", WITH_AGI)
def test_agi_commands_encode_to_the_captured_bytes(name: str) -> None:
    for line in captured_bytes(name, "server-agi").decode().splitlines():
        verb = next(
            verb for verb in ("ANSWER", "GET DATA", "WAIT FOR DIGIT", "STREAM FILE", "HANGUP") if line.startswith(verb)
        )
        words = split_agi_command(line)[len(verb.split()) :]
        assert encode_command(verb, *words).decode() == line + "\n"


def test_captured_agi_hang_up_is_decoded_in_three_steps() -> None:
    _, answered, interrupted, hangup, dead = decode_in_pieces(captured_bytes("ivr-hangup-in-prompt", "asterisk-agi"))
    assert answered == AgiReply(200, "0")
    assert interrupted == AgiReply(200, "-1")
    assert isinstance(interrupted, AgiReply)
    assert interrupted.has_failure_result
    assert hangup is HANGUP
    assert isinstance(dead, AgiReply)
    assert dead.code == 511


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"200 result=0", AgiReply(200, "0")),
        (b"200 result=0 endpos=16179", AgiReply(200, "0", "", 16179)),
        (b"200 result= (timeout)", AgiReply(200, "", "timeout")),
        (b"200 result=12 (timeout)", AgiReply(200, "12", "timeout")),
        (b"200 result=", AgiReply(200, "")),
        (b"200 result=*0#", AgiReply(200, "*0#")),
        (b"200 result=53 (dtmf) endpos=8000", AgiReply(200, "53", "dtmf", 8000)),
        (b"200 result=-1 (hangup) endpos=4000", AgiReply(200, "-1", "hangup", 4000)),
        (b"200 result=1 (a (b) c)", AgiReply(200, "1", "a (b) c")),
        ("200 result=1 (हिन्दी)".encode(), AgiReply(200, "1", "हिन्दी")),
        (b"510 Invalid or unknown command", AgiReply(510)),
        (b"511 Command Not Permitted on a dead channel or intercept routine", AgiReply(511)),
        (b"520 Invalid command syntax.  Proper usage not available.", AgiReply(520)),
        (b"100 result=0 Trying...", None),
    ],
)
def test_each_kind_of_agi_reply_is_decoded(line: bytes, reply: AgiReply | None) -> None:
    assert parse_reply(line) == reply


def test_agi_reply_with_entered_digits_is_distinguished_from_a_timeout() -> None:
    assert not AgiReply(200, "").has_failure_result


def test_agi_usage_text_of_several_lines_is_decoded_as_one_reply() -> None:
    text = b" Usage: ANSWER\n\n200 is not a reply here\n"
    usage = b"520-Invalid command syntax.  Proper usage follows:\n" + text + b"520 End of proper usage.\n"
    assert decode_after_environment(usage + b"200 result=0\n") == [AgiReply(520), AgiReply(200, "0")]


def test_agi_decoder_accepts_hangup_before_the_pending_reply() -> None:
    assert decode_after_environment(b"HANGUP\n200 result=-1\n") == [HANGUP, AgiReply(200, "-1")]


@DETERMINISTIC
@given(st.lists(st.integers(0, 120), max_size=8))
def test_agi_stream_decodes_to_the_same_replies_however_the_bytes_are_split(cuts: list[int]) -> None:
    data = ENVIRONMENT + b"200 result=0\nHANGUP\n520-Usage\nmore\n520 End\n511 Command Not Permitted\n"
    expected = [AgiEnvironment({"agi_network": "yes", "agi_uniqueid": "5d"})]
    expected_answers = [AgiReply(200, "0"), HANGUP, AgiReply(520), AgiReply(511)]
    assert decode_in_pieces(data, [min(cut, len(data)) for cut in cuts]) == [*expected, *expected_answers]


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\n", b"nothing\n", b"\x16\x03\x01\n", b"network: yes\n"])
def test_agi_decoder_refuses_a_peer_that_does_not_speak_agi(opening: bytes) -> None:
    with pytest.raises(ProtocolError, match="does not speak FastAGI"):
        AgiDecoder().decode_bytes(opening)


def test_invalid_agi_reply_is_refused() -> None:
    with pytest.raises(ProtocolError, match="does not speak AGI"):
        decode_after_environment(b"OK\n")


def test_endless_agi_line_is_refused_at_the_length_limit() -> None:
    decoder = AgiDecoder()
    taken = 0
    with pytest.raises(ProtocolError, match="line of more than 2048 bytes"):
        for _ in range(10_000):
            decoder.decode_bytes(b"agi_x: " + b"a" * 1017)
            taken += 1024
    assert taken <= 2048


def test_agi_environment_is_refused_above_eight_kilobytes() -> None:
    decoder = AgiDecoder()
    taken = 0
    with pytest.raises(ProtocolError, match="environment of over 100 lines or 8192 bytes"):
        for number in range(10_000):
            line = b"agi_%d: %s\n" % (number, b"a" * 1000)
            decoder.decode_bytes(line)
            taken += len(line)
    assert taken <= 8192


def test_agi_environment_is_limited_to_a_hundred_lines() -> None:
    lines = b"".join(b"agi_%d: x\n" % number for number in range(100))
    (environment,) = decode_in_pieces(lines + b"\n")
    assert isinstance(environment, AgiEnvironment)
    assert len(environment.fields) == 100
    with pytest.raises(ProtocolError, match="environment of over 100 lines"):
        decode_in_pieces(lines + b"agi_more: x\n\n")


def test_endless_agi_usage_text_is_refused() -> None:
    with pytest.raises(ProtocolError, match="usage text of over 100 lines"):
        decode_after_environment(b"520-Usage\n" + b"line\n" * 200)


def test_repr_of_agi_environment_omits_the_callers_number() -> None:
    assert "98450" not in repr(AgiEnvironment({"agi_callerid": "9845012345"}))


@pytest.mark.parametrize(
    ("verb", "words", "line"),
    [
        ("ANSWER", (), "ANSWER"),
        ("STREAM FILE", ("lab/thanks", "", 0), 'STREAM FILE lab/thanks "" 0'),
        ("GET DATA", ("lab/welcome", 5000, 1), "GET DATA lab/welcome 5000 1"),
        ("SET VARIABLE", ("A", 'say "hi" \\ bye'), r'SET VARIABLE A "say \"hi\" \\ bye"'),
        ("STREAM FILE", ("a", "0123456789*#"), "STREAM FILE a 0123456789*#"),
        ("SET VARIABLE", ("A", "हाँ जी"), 'SET VARIABLE A "हाँ जी"'),
    ],
)
def test_agi_command_arguments_are_quoted(verb: str, words: tuple[str | int, ...], line: str) -> None:
    assert encode_command(verb, *words).decode() == line + "\n"


@pytest.mark.parametrize("argument", ["a\nHANGUP", "a\rb", "a\0b", "\n", "a\x1bb", "\ud800"])
def test_agi_encoder_refuses_values_that_could_inject_a_command(argument: str) -> None:
    with pytest.raises(UnsafeValue) as refused:
        encode_command("SET VARIABLE", "A", argument)
    assert "HANGUP" not in str(refused.value)


@pytest.mark.parametrize("verb", ["", "answer", "ANSWER\nHANGUP", " ANSWER", "A B C D E", "ANSWER;"])
def test_agi_command_name_must_consist_of_capital_words(verb: str) -> None:
    with pytest.raises(UnsafeValue):
        encode_command(verb)


def test_agi_encoder_refuses_values_longer_than_asterisks_limits() -> None:
    room = MAX_COMMAND_BYTES - len("NOOP \n")
    assert encode_command("NOOP", "x" * room)
    with pytest.raises(UnsafeValue, match="longer than 2048 bytes"):
        encode_command("NOOP", "x" * (room + 1))
    assert encode_command("NOOP", *range(127))
    with pytest.raises(UnsafeValue, match="over 128 words"):
        encode_command("NOOP", *range(128))


HOSTILE = st.text(alphabet=st.one_of(st.sampled_from('\r\n\0\t "\\,${}()|&\u2028A'), st.characters()), max_size=30)


@DETERMINISTIC
@given(st.lists(HOSTILE, max_size=5))
def test_encoded_agi_command_is_one_line_with_exactly_the_given_words(arguments: list[str]) -> None:
    try:
        data = encode_command("SET VARIABLE", *arguments)
    except UnsafeValue:
        return
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert split_agi_command(data.decode().rstrip("\n")) == ["SET", "VARIABLE", *arguments]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  A   B\tC ", ["A", "B", "C"]),
        ('A "b c"d', ["A", "b cd"]),
        ('A "', ["A", ""]),
        (r"A b\ c", ["A", "b c"]),
        (r'A "b\"c"', ["A", 'b"c']),
        ("", []),
    ],
)
def test_agi_command_line_is_split_by_asterisks_quoting_rules(line: str, words: list[str]) -> None:
    assert split_agi_command(line) == words


@pytest.mark.parametrize("name", WITH_AGI)
def test_simulation_encodes_agi_replies_as_captured_from_asterisk(name: str) -> None:
    data = captured_bytes(name, "asterisk-agi")
    environment, *answers = decode_in_pieces(data)
    assert isinstance(environment, AgiEnvironment)
    written = encode_environment(environment.fields.items())
    for answer in answers:
        if isinstance(answer, AgiReply) and answer.code == 200:
            written += encode_reply(answer)
    told = [line for line in data.splitlines(keepends=True) if not line.startswith((b"511", b"HANGUP"))]
    assert written == b"".join(told)


def test_simulation_refuses_line_breaks_in_agi_replies() -> None:
    with pytest.raises(UnsafeValue):
        encode_environment([("agi_callerid", "1\n\n200 result=0")])
    with pytest.raises(UnsafeValue):
        encode_reply(AgiReply(200, "1", "a\nHANGUP"))
