"""Malformed AMI, AGI and script input raises only the declared errors and leaks no memory.

The first 6,000 inputs reach every line of a reader that malformed input can reach. `python -m bench.fuzz_asterisk` tries ten
million.
"""

from __future__ import annotations

import gc
import sys
from random import Random

import pytest

from dialer.domain.errors import ProtocolError
from dialer.switch.asterisk.agi_codec import AgiDecoder
from dialer.switch.asterisk.ami_codec import AmiDecoder
from tests.attack.malformed_asterisk import AGI_TOKENS, AMI, AMI_TOKENS, BANNER, ENVIRONMENTS, READERS, damage

INPUTS = 50_000  # of each reader
WARM_UP = 5_000


@pytest.mark.parametrize("reader", READERS)
def test_malformed_asterisk_input_raises_only_declared_errors_and_leaks_no_memory(reader: str) -> None:
    random, read = Random(f"{reader}/17"), READERS[reader]
    for _ in range(WARM_UP):
        read(random)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(INPUTS - WARM_UP):
        read(random)
    gc.collect()
    assert sys.getallocatedblocks() - before < 5_000  # the codecs cache 512 search strings and replies


def test_malformed_asterisk_input_decodes_the_same_in_one_piece_or_byte_by_byte() -> None:
    random = Random(18)
    for _ in range(300):
        ami = damage(random, AMI, AMI_TOKENS)[:3000] + random.choice(AMI)
        assert _decode_ami([ami]) == _decode_ami([ami[at : at + 1] for at in range(len(ami))])
        agi = damage(random, ENVIRONMENTS, AGI_TOKENS)[:3000]
        assert _decode_agi([agi]) == _decode_agi([agi[at : at + 1] for at in range(len(agi))])


def _decode_ami(parts: list[bytes]) -> list[object]:
    decoder, decoded = AmiDecoder(), list[object]()
    try:
        decoder.decode_bytes(BANNER)
        for part in parts:
            decoded += [message.list_fields() for message in decoder.decode_bytes(part)]
    except ProtocolError:
        return ["refused"]
    return decoded


def _decode_agi(parts: list[bytes]) -> list[object]:
    decoder, decoded = AgiDecoder(), list[object]()
    try:
        for part in parts:
            decoded += decoder.decode_bytes(part)
    except ProtocolError:
        return ["refused"]
    return decoded
