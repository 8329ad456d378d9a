"""Rules for the wording and the stored answers of flows and scripts."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.flows.model import FlowPurpose, Offer
from dialer.flows.wording import asks_choice, asks_for_vote, offers_transport

STORES_CHOICE = (
    "stores an answer called {}, but a person's choice of candidate must never be stored; remove the question"
)
OFFERS_FORBIDDEN_TRANSPORT = "offers transport, which the profile forbids (transport.may_offer); remove the offer"


def find_forbidden_wording(text: str, where: str, purpose: str, offers: frozenset[Offer]) -> Iterator[tuple[str, str]]:
    """Yield (name of the rule, problem) for each forbidden wording in a text.

    Args:
        text: the text.
        where: the name of the text, for the description of the problem.
        purpose: the purpose of the flow or script.
        offers: the offers to voters (such as a ride) that the flow or script declares.
    """
    if (words := asks_choice(text)) is not None:
        yield "forbidden-question", f'asks for whom someone votes ("{words}" in {where}); remove the question'
    if purpose != FlowPurpose.MATERIAL and (words := asks_for_vote(text)) is not None:
        yield "material", f'asks for a vote ("{words}" in {where}), but its purpose is {purpose}; remove it'
    if Offer.TRANSPORT not in offers and (words := offers_transport(text)) is not None:
        problem = f'mentions a ride ("{words}" in {where}); remove it, or declare `offers: [transport]`'
        yield "transport", problem
