"""Rules for the wording and the stored answers of flows and scripts."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.domain.translatable import TranslatableText, translatable
from dialer.flows.model import FlowPurpose, Offer
from dialer.flows.wording import asks_choice, asks_for_vote, offers_transport


def describe_stored_choice_of_candidate(answer: str) -> TranslatableText:
    """Return the text of a problem: the answer `answer` would store which candidate a person chooses."""
    return translatable(
        "stores-choice-of-candidate",
        "stores an answer called {answer}, but a person's choice of candidate must never be stored; remove the question",
        answer=answer,
    )


def find_forbidden_wording(
    text: str, where: str, purpose: str, offers: frozenset[Offer]
) -> Iterator[tuple[str, TranslatableText]]:
    """Yield (name of the rule, problem) for each forbidden wording in a text.

    Args:
        text: the text.
        where: the name of the text, for the description of the problem.
        purpose: the purpose of the flow or script.
        offers: the offers to voters (such as a ride) that the flow or script declares.
    """
    if (words := asks_choice(text)) is not None:
        yield (
            "forbidden-question",
            translatable(
                "asks-choice-of-candidate",
                'asks for whom someone votes ("{words}" in {where}); remove the question',
                words=words,
                where=where,
            ),
        )
    if purpose != FlowPurpose.MATERIAL and (words := asks_for_vote(text)) is not None:
        yield (
            "material",
            translatable(
                "asks-for-vote",
                'asks for a vote ("{words}" in {where}), but its purpose is {purpose}; remove it',
                words=words,
                where=where,
                purpose=purpose,
            ),
        )
    if Offer.TRANSPORT not in offers and (words := offers_transport(text)) is not None:
        yield (
            "transport",
            translatable(
                "mentions-ride",
                'mentions a ride ("{words}" in {where}); remove it, or declare `offers: [transport]`',
                words=words,
                where=where,
            ),
        )
