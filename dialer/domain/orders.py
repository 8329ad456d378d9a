"""What headquarters orders its centres: how an order is written, and whether one that came is to be obeyed. Pure.

An order is a text of JSON and the signatures of leaders over that very text. It says to whom it is (all, a zone, a centre), until
when it is valid, and when it was made, to the millisecond: that is its place in the sequence of orders. One leader's signature
makes centres do less, two make them go on. A centre does an order once, however often it comes, and none that a later one of
headquarters has overtaken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.domain import signing
from dialer.domain.errors import CommandRefused
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT

RESUMING_LEADERS = 2
LONGEST_VALID_SECONDS = 7 * 86_400.0
"""A stop is heard by whoever comes back within so long. A centre remembers orders for as long."""
CLOCKS_APART_SECONDS = 300.0
MOST_LETTERS = 2_000
MOST_SIGNATURES = 10
_PURPOSE = b"matdan-order-1\n"


class OrderForged(CommandRefused):
    """An order bears a signature that is not its leader's: somebody else wrote it, or it was changed on its way."""


class OrderKind(StrEnum):
    """What centres shall do."""

    STOP_ALL = "stop-all"
    PAUSE = "pause"
    QUOTA = "quota"
    RESUME = "resume"


class HqOrder(BaseModel):
    """An order's text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    to: Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
    order: Annotated[OrderKind, Field(strict=False)]
    made_at: Annotated[float, Field(gt=0, lt=1e11)]  # epoch seconds
    expires_at: Annotated[float, Field(gt=0, lt=1e11)]
    campaign: Annotated[str | None, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")] = (
        None  # of resume: all that was stopped
    )
    most_calls: Annotated[int | None, Field(ge=1, le=MOST_CALLS)] = None  # of quota, as of the command `speed`
    calls_per_seat: Annotated[float | None, Field(ge=LEAST_PER_SEAT, le=MOST_PER_SEAT)] = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.order is OrderKind.STOP_ALL and self.campaign) or (
            self.order in {OrderKind.PAUSE, OrderKind.QUOTA} and not self.campaign
        ):
            raise ValueError("pause and quota name a campaign, stop-all names none")
        if self.order is not OrderKind.QUOTA and not (self.most_calls is None and self.calls_per_seat is None):
            raise ValueError("most_calls and calls_per_seat are of quota")
        if not self.made_at < self.expires_at <= self.made_at + LONGEST_VALID_SECONDS:
            raise ValueError("expires_at comes after made_at, by seven days at most")
        return self

    @property
    def text(self) -> str:
        """What is signed."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))

    @property
    def signatures_needed(self) -> int:
        """How many leaders must have signed it."""
        return RESUMING_LEADERS if self.order is OrderKind.RESUME else 1

    def is_for(self, centre: str, zone: str | None) -> bool:
        """Whether it is addressed to that centre."""
        return self.to in {"all", f"centre:{centre}", f"zone:{zone}"}


class LeaderSignature(BaseModel):
    """A leader's signature."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    signature: Annotated[str, Field(description="Ed25519, base64", max_length=100)]


class SignedOrder(BaseModel):
    """An order as it goes to the centres, or from one leader to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    order: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS)]
    signatures: Annotated[tuple[LeaderSignature, ...], Field(strict=False, max_length=MOST_SIGNATURES)] = ()

    def signed_by(self, leader: str, key: bytes) -> SignedOrder:
        """The same with a leader's signature too."""
        others = tuple(each for each in self.signatures if each.by != leader)
        return SignedOrder(order=self.order, signatures=(*others, sign_order(self.order, leader, key)))

    def signers(self, leaders: Mapping[str, bytes]) -> list[str]:
        """See `signers_of`."""
        return signers_of(self.order, self.signatures, leaders)


@dataclass(frozen=True, slots=True)
class HeardOrder:
    """What a centre remembers of an order that it has obeyed."""

    order_id: str
    digest: str
    kind: str
    made_at: float


def digest_of(text: str) -> str:
    """By what an order's text is told from another one's."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sign_order(text: str, leader: str, key: bytes) -> LeaderSignature:
    """A leader's signature, as it goes with the order."""
    return LeaderSignature(by=leader, signature=signing.sign(key, _signed(text)))


def _signed(text: str) -> bytes:
    return _PURPOSE + text.encode("utf-8", "surrogatepass")


def read_order(text: str) -> HqOrder:
    """The order of a text. Raises CommandRefused."""
    try:
        return HqOrder.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise CommandRefused(f"the order is none: {place} {first['msg']}".replace("  ", " ")) from error


def signers_of(text: str, signatures: Sequence[LeaderSignature], leaders: Mapping[str, bytes]) -> list[str]:
    """The leaders who have signed, each once. Raises OrderForged for any signature that is not that leader's."""
    found: set[str] = set()
    for each in signatures:
        key = leaders.get(each.by)
        if key is None or not signing.holds(key, _signed(text), each.signature):
            raise OrderForged(
                "the order bears a signature that is no leader's: compare the keys with [[headquarters.leaders]] of this centre"
            )
        found.add(each.by)
    return sorted(found)


def refuse_unlawful(order: HqOrder, signers: Collection[str], centre: str, zone: str | None, now: float) -> None:
    """Raise CommandRefused where it has too few signatures, is for others, or not of this time; `now` in epoch seconds."""
    if len(signers) < order.signatures_needed:
        who = "two leaders must sign" if order.signatures_needed > 1 else "a leader must sign"
        raise CommandRefused(f"{who} `{order.order.value}`, and {len(signers)} did")
    if not order.is_for(centre, zone):
        raise CommandRefused(f"the order is for {order.to}, and this is centre {centre} of zone {zone or 'none'}")
    if order.made_at > now + CLOCKS_APART_SECONDS:
        raise CommandRefused(
            f"the order was made {(order.made_at - now) / 60:.0f} minutes from now by this machine's clock: set the wrong clock"
        )
    if order.expires_at <= now:
        raise CommandRefused("the order has expired: give a new one, and compare the two clocks")


def was_obeyed(order: HqOrder, text: str, heard: Collection[HeardOrder]) -> bool:
    """Whether it was done before. Raises CommandRefused where another order had its id, or a later one has overtaken it: what makes
    a centre go on gives way to anything later, what makes it do less only to a later resume.
    """
    same = next((each for each in heard if each.order_id == order.id), None)
    if same is not None:
        if same.digest != digest_of(text):
            raise CommandRefused("another order had this id: every order needs a new one")
        return True
    less = order.order in {OrderKind.STOP_ALL, OrderKind.PAUSE}
    if any(each.made_at >= order.made_at and (not less or each.kind == OrderKind.RESUME) for each in heard):
        raise CommandRefused("headquarters has ordered something later, which holds: give a new order")
    return False
