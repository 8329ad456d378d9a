"""Orders from headquarters to its centres, and the rules by which a centre accepts an order.

An order is a JSON text for all centres, a zone or one centre, signed by leaders (people whose keys the centres trust).
Stopping or slowing calls needs one signature, resuming needs two. A centre carries out each order once, and refuses
expired and superseded orders. A stop order never expires.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dialer.domain import signing
from dialer.domain.errors import CommandRefused
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT

RESUMING_LEADERS = 2
LONGEST_VALID_SECONDS = 7 * 86_400.0
"""Maximum validity of an order. A centre that reconnects within this time still gets a stop, and remembers orders as
long.
"""
MOST_LETTERS = 2_000
MOST_SIGNATURES = 10
_PURPOSE = b"matdan-order-1\n"


class OrderForged(CommandRefused):
    """An order of headquarters has an invalid signature: somebody else wrote it, or it was changed in transit."""


class OrderKind(StrEnum):
    """The kind of an order from headquarters to centres: stop all, pause, limit calls (quota), or resume."""

    STOP_ALL = "stop-all"
    PAUSE = "pause"
    QUOTA = "quota"
    RESUME = "resume"


class HqOrder(BaseModel):
    """An order from headquarters to its centres, such as to stop all calls, without its signatures."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    to: Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
    order: Annotated[OrderKind, Field(strict=False)]
    made_at: Annotated[float, Field(gt=0, lt=1e11)]  # epoch seconds
    expires_at: Annotated[float, Field(gt=0, lt=1e11)]
    campaign_id: Annotated[
        str | None,
        Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$", validation_alias=AliasChoices("campaign_id", "campaign")),
    ] = None  # with resume, None: all that was stopped; earlier versions signed it as `campaign`
    max_calls: Annotated[int | None, Field(ge=1, le=MOST_CALLS)] = None  # with quota, as in the command `speed`
    calls_per_seat: Annotated[float | None, Field(ge=LEAST_PER_SEAT, le=MOST_PER_SEAT)] = None

    @model_validator(mode="after")
    def _require_fields_of_order_kind(self) -> Self:
        if (self.order is OrderKind.STOP_ALL and self.campaign_id) or (
            self.order in {OrderKind.PAUSE, OrderKind.QUOTA} and not self.campaign_id
        ):
            raise ValueError(
                "`campaign` is wrong: an order `pause` or `quota` must name a campaign, and an order `stop-all` "
                "must not"
            )
        if self.order is not OrderKind.QUOTA and not (self.max_calls is None and self.calls_per_seat is None):
            raise ValueError("`max_calls` and `calls_per_seat` are allowed in an order `quota` only")
        if not self.made_at < self.expires_at <= self.made_at + LONGEST_VALID_SECONDS:
            raise ValueError("`expires_at` of an order must be later than `made_at`, but at most seven days later")
        return self

    @property
    def order_as_json_text(self) -> str:
        """Return the order as JSON text. Leaders sign this text."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))

    @property
    def required_signature_count(self) -> int:
        """Return how many leaders must sign the order."""
        return RESUMING_LEADERS if self.order is OrderKind.RESUME else 1

    def is_addressed_to_centre(self, centre: str, zone: str | None) -> bool:
        """Return whether the order is addressed to a centre, to its zone, or to all centres."""
        return self.to in {"all", f"centre:{centre}", f"zone:{zone}"}


class LeaderSignature(BaseModel):
    """A leader's signature of an order of headquarters. Centres trust the keys of leaders."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    leader: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    signature: Annotated[str, Field(description="Ed25519, base64", max_length=100)]


class SignedOrder(BaseModel):
    """An order of headquarters with leaders' signatures.

    Leaders pass it on until enough have signed. Then it is sent to the centres.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    order: Annotated[str, Field(min_length=1, max_length=MOST_LETTERS)]
    signatures: Annotated[tuple[LeaderSignature, ...], Field(strict=False, max_length=MOST_SIGNATURES)] = ()

    def add_signature(self, leader: str, key: bytes) -> SignedOrder:
        """Return a copy of the order with the signature of a leader, made with the leader's private `key`. It replaces
        an earlier signature of this leader.
        """
        others = tuple(each for each in self.signatures if each.leader != leader)
        return SignedOrder(order=self.order, signatures=(*others, sign_order(self.order, leader, key)))

    def find_order_signers(self, leaders: Mapping[str, bytes]) -> list[str]:
        """Return the leaders who have signed the order. Raises OrderForged for an invalid signature."""
        return find_order_signers(self.order, self.signatures, leaders)


@dataclass(frozen=True, slots=True)
class ExecutedOrder:
    """An order of headquarters that a centre has carried out, as the centre stores it."""

    order_id: str
    digest: str
    kind: str
    made_at: float


def calculate_order_digest(text: str) -> str:
    """Return the SHA-256 digest of an order's text, which identifies the order."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sign_order(text: str, leader: str, key: bytes) -> LeaderSignature:
    """Return a leader's signature of an order's text, made with the leader's private `key`."""
    return LeaderSignature(leader=leader, signature=signing.sign_bytes(key, _encode_order_for_signing(text)))


def _encode_order_for_signing(text: str) -> bytes:
    return _PURPOSE + text.encode("utf-8", "surrogatepass")


def parse_order_text(text: str) -> HqOrder:
    """Return the order of headquarters that a JSON text contains. Raises CommandRefused if the text is no valid
    order.
    """
    try:
        return HqOrder.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = " ".join(filter(None, (".".join(str(step) for step in first["loc"]), first["msg"])))
        raise CommandRefused(
            f"the order of headquarters is invalid ({problem}): correct it and sign it again"
        ) from error


def find_order_signers(text: str, signatures: Sequence[LeaderSignature], leaders: Mapping[str, bytes]) -> list[str]:
    """Return the leaders who have signed an order, without duplicates. Raises OrderForged for an invalid signature."""
    found: set[str] = set()
    for each in signatures:
        key = leaders.get(each.leader)
        if key is None or not signing.verify_signature(key, _encode_order_for_signing(text), each.signature):
            raise OrderForged(
                "the order's signature is not valid: compare the leaders' public keys in [[headquarters.leaders]] "
                "of this centre with those in headquarters' settings"
            )
        found.add(each.leader)
    return sorted(found)


def refuse_invalid_order(order: HqOrder, signers: Collection[str], centre: str, zone: str | None, now: float) -> None:
    """Raise CommandRefused if an order lacks signatures, is for another addressee, or has expired. A stop never expires.

    `now` is in epoch seconds.
    """
    if len(signers) < order.required_signature_count:
        required_signers = "two leaders" if order.required_signature_count > 1 else "one leader"
        raise CommandRefused(
            f"the order {order.order.value} has too few valid signatures ({len(signers)}): have it signed by"
            f" {required_signers}"
        )
    if not order.is_addressed_to_centre(centre, zone):
        raise CommandRefused(
            f"the order is addressed to {order.to}, but this is centre {centre} of zone {zone or 'none'}: correct"
            " the address"
        )
    if order.expires_at <= now and order.order is not OrderKind.STOP_ALL:
        raise CommandRefused("the order has expired: check the clocks of headquarters and centre, then send it again")


def was_order_executed(order: HqOrder, text: str, heard: Collection[ExecutedOrder]) -> bool:
    """Return whether this centre has already carried out an order of headquarters.

    `heard` are the orders carried out so far. Raises CommandRefused if another order had the same id, or if a later
    order supersedes this one. Only a resume supersedes a stop or pause; any order supersedes a resume or a quota.
    """
    same = next((each for each in heard if each.order_id == order.id), None)
    if same is not None:
        if same.digest != calculate_order_digest(text):
            raise CommandRefused("another order already has the id of this one: give this order a new id")
        return True
    less = order.order in {OrderKind.STOP_ALL, OrderKind.PAUSE}
    if any(
        each.made_at > order.made_at and each.kind == OrderKind.RESUME if less else each.made_at >= order.made_at
        for each in heard
    ):
        raise CommandRefused(
            f"the order {order.order.value} was not carried out, because a later order of headquarters is in force: if"
            " it is still wanted, sign and send it as a new order"
        )
    return False
