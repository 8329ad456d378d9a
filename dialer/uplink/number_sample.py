"""Send headquarters a sample of this centre's hashed phone numbers, to find numbers that another centre also has."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import structlog

from dialer.domain.errors import HeadquartersUnreachable, StoreError
from dialer.nats.number_sample import (
    HASH_LETTERS,
    SAMPLE_HASHES,
    NumberSample,
    build_number_sample_subject,
    pack_sample_of_number_hashes,
)
from dialer.nats.session import Session
from dialer.store.uplink_reader import UplinkReader

_log = structlog.get_logger(__name__)

CHECK_SECONDS = 300.0


async def publish_sample_of_number_hashes(centre: str, session: Session, reading: UplinkReader) -> NoReturn:
    """Send headquarters the lowest hashes of the phone numbers on this centre's electoral roll, until cancelled.

    They are sent again after each change of the roll. Headquarters compares the hashes of all centres, to find numbers
    that are on two rolls.
    """
    stored: NumberSample | None = None
    while True:
        try:
            found = await reading.read_sample_of_number_hashes(SAMPLE_HASHES)
            sample = NumberSample(found.fingerprint, tuple(each[:HASH_LETTERS] for each in found.hashes))
            if sample != stored:
                await session.store_message(build_number_sample_subject(centre), pack_sample_of_number_hashes(sample))
                stored = sample
        except (HeadquartersUnreachable, StoreError) as error:
            _log.warning("number_sample.failed", problem=str(error))
        await asyncio.sleep(CHECK_SECONDS)
