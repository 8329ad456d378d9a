"""Malformed AMI, AGI and script input: nothing but the named errors, and no memory kept.

Every line of a reader that such input reaches is reached within its first 6,000. Ten million: `python -m bench.fuzz_asterisk`.
"""

from __future__ import annotations

import gc
import random
import sys

import pytest

from dialer.domain.errors import ProtocolError
from dialer.switch.asterisk.agi_codec import AgiDecoder
from dialer.switch.asterisk.ami_codec import AmiDecoder
from tests.attack.malformed_asterisk import AGI_HOOKS, AMI, BANNER, ENVIRONMENTS, HOOKS, READERS, damaged

INPUTS = 50_000  # of each reader
WARM_UP = 5_000


@pytest.mark.parametrize("reader", READERS)
def test_no_malformed_input_breaks_a_reader_or_is_kept(reader: str) -> None:
    chance, read = random.Random(f"{reader}/17"), READERS[reader]
    for _ in range(WARM_UP):
        read(chance)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(INPUTS - WARM_UP):
        read(chance)
    gc.collect()
    assert sys.getallocatedblocks() - before < 5_000  # the codecs remember 512 needles and replies


def test_how_malformed_input_is_split_changes_nothing() -> None:
    chance = random.Random(18)
    for _ in range(300):
        ami = damaged(chance, AMI, HOOKS)[:3000] + chance.choice(AMI)
        assert _ami([ami]) == _ami([ami[at : at + 1] for at in range(len(ami))])
        agi = damaged(chance, ENVIRONMENTS, AGI_HOOKS)[:3000]
        assert _agi([agi]) == _agi([agi[at : at + 1] for at in range(len(agi))])


def _ami(parts: list[bytes]) -> list[object]:
    decoder, heard = AmiDecoder(), list[object]()
    try:
        decoder.feed(BANNER)
        for part in parts:
            heard += [message.list_fields() for message in decoder.feed(part)]
    except ProtocolError:
        return ["refused"]
    return heard


def _agi(parts: list[bytes]) -> list[object]:
    decoder, heard = AgiDecoder(), list[object]()
    try:
        for part in parts:
            heard += decoder.feed(part)
    except ProtocolError:
        return ["refused"]
    return heard
