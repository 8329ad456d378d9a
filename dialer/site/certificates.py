"""Whether what a campaign plays is certified: its flow joined with the catalogue, the one place where certificates are entered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date

from dialer.audio.gate import why_not_certified
from dialer.audio.names import prompt_of_sound
from dialer.flows.node import Flow
from dialer.flows.prompts import CataloguePrompts, SitePrompts
from dialer.flows.sounds import sounds_said
from dialer.rules.rulebook import Certified

NOTHING_KNOWN: Mapping[str, Certified] = {}
"""Of a campaign of which nobody can say what it plays: certified in no language."""


def certified_of(flow: Flow, prompts: CataloguePrompts) -> dict[str, Certified]:
    """By language of the catalogue, whether all that the flow would play there, own or shared, is certified, and until when."""
    languages = {name.language for name in prompts.playlist.listed}
    return {language: _in_language(flow, language, prompts) for language in sorted(languages)}


def _in_language(flow: Flow, language: str, prompts: CataloguePrompts) -> Certified:
    last_day: date | None = None
    seen = hashlib.sha256()
    for sound in sounds_said(flow, language, prompts.texts):
        name = prompt_of_sound(prompts.own(sound))
        if name is None:
            return Certified(f"{sound} is no prompt of the catalogue")
        listed = prompts.playlist.listed.get(name)
        entry = None if listed is None else listed.entry
        problem = "is not in the catalogue; run dialer audio prepare" if entry is None else why_not_certified(entry)
        if problem is not None or entry is None:
            return Certified(f"{name.path} {problem}")
        seen.update(f"{name.path} {entry.certificate} {entry.certificate_sha256}\n".encode())
        if entry.valid_until is not None:
            last_day = entry.valid_until if last_day is None else min(last_day, entry.valid_until)
    return Certified(None, last_day, seen.hexdigest())


class SiteCertificates:
    """Answers for a running centre, from memory: what it has worked out stands until flow, texts, catalogue or day change."""

    def __init__(self, prompts: SitePrompts | None, flow_of: Callable[[str], Flow | None]) -> None:
        """`prompts` is None where there is no catalogue; `flow_of` gives the flow of a campaign's setting, None for a script."""
        self._prompts = prompts
        self._flow_of = flow_of
        self._known: dict[str, tuple[Flow, CataloguePrompts, Mapping[str, Certified]]] = {}

    def __call__(self, campaign_id: str, source: str) -> Mapping[str, Certified]:
        """By language, whether what the campaign plays now is certified. Empty: nobody knows."""
        flow = self._flow_of(source)
        if self._prompts is None or flow is None:
            return NOTHING_KNOWN
        prompts = self._prompts.for_call(campaign_id)
        known = self._known.get(campaign_id)
        if known is None or known[0] is not flow or not _are_alike(known[1], prompts):
            known = self._known[campaign_id] = (flow, prompts, certified_of(flow, prompts))
        return known[2]


def _are_alike(one: CataloguePrompts, other: CataloguePrompts) -> bool:
    return one.playlist is other.playlist and one.today == other.today and one.texts is other.texts
