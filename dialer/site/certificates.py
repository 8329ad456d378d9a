"""Certificates (an authority's approvals) of recordings: whether every prompt of a campaign's IVR flow has a valid
certificate in the catalogue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from dialer.audio.names import find_prompt_of_sound
from dialer.audio.play_rules import find_certificate_problem
from dialer.audio.playlist import Playlist
from dialer.domain.enums import CampaignKind
from dialer.domain.translatable import translatable
from dialer.errors import MatdanError
from dialer.flows.audio_settings import make_playlist_reader
from dialer.flows.catalogue import load_flow
from dialer.flows.flow import Flow
from dialer.flows.prompts import CataloguePrompts, SitePrompts
from dialer.flows.sounds import list_sounds_of_flow
from dialer.flows.texts import load_texts
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_day

NO_CERTIFICATES: Mapping[str, CertificateStatus] = {}
"""The certificates of a campaign whose recordings are unknown: none in any language."""


def find_prompt_certificates_by_language(flow: Flow, prompts: CataloguePrompts) -> dict[str, CertificateStatus]:
    """Return for each language whether all prompts of an IVR flow have a certificate (an authority's approval).

    The result also says until which day all these certificates are valid.
    """
    languages = {name.language for name in prompts.playlist.listed}
    return {language: _check_certificates_in_language(flow, language, prompts) for language in sorted(languages)}


def _check_certificates_in_language(flow: Flow, language: str, prompts: CataloguePrompts) -> CertificateStatus:
    """Return whether all prompts of a flow in one language have valid certificates, and until which day."""
    last_day: date | None = None
    digest = hashlib.sha256()
    for sound in list_sounds_of_flow(flow, language, prompts.texts):
        name = find_prompt_of_sound(prompts.choose_campaign_or_shared_sound(sound))
        if name is None:
            return CertificateStatus(
                translatable("sound-not-in-catalogue", "{sound} is not a prompt of the catalogue", sound=sound)
            )
        listed = prompts.playlist.listed.get(name)
        entry = None if listed is None else listed.entry
        problem = (
            translatable("prompt-not-in-catalogue", "is not in the catalogue; run `dialer audio prepare`")
            if entry is None
            else find_certificate_problem(entry)
        )
        if problem is not None or entry is None:
            return CertificateStatus(
                translatable(
                    "problem-of-prompt",
                    "{prompt} {problem}",
                    prompt=str(name.relative_prompt_path),
                    problem=problem or "",
                )
            )
        digest.update(f"{name.relative_prompt_path} {entry.certificate} {entry.certificate_sha256}\n".encode())
        if entry.valid_until is not None:
            last_day = entry.valid_until if last_day is None else min(last_day, entry.valid_until)
    return CertificateStatus(None, last_day, digest.hexdigest())


class SiteCertificates:
    """The certificates (an authority's approvals) of recordings in a running centre.

    They are cached for the day, until a flow, its texts or the catalogue of recordings changes.
    """

    def __init__(self, prompts: SitePrompts | None, flow_of: Callable[[str], Flow | None]) -> None:
        """Create the cache. `prompts` is None if the site has no catalogue.

        `flow_of` returns the flow for the value of a campaign's setting `flow`, or None for an AGI script.
        """
        self._prompts = prompts
        self._flow_of = flow_of
        self._cache: dict[str, tuple[Flow, CataloguePrompts, Mapping[str, CertificateStatus]]] = {}

    def __call__(self, campaign_id: str, source: str) -> Mapping[str, CertificateStatus]:
        """Return for each language whether all prompts of a campaign's flow have a valid certificate now.

        The result is empty if the prompts are unknown.
        """
        flow = self._flow_of(source)
        if self._prompts is None or flow is None:
            return NO_CERTIFICATES
        prompts = self._prompts.get_prompts_for_call(campaign_id)
        cached = self._cache.get(campaign_id)
        if cached is None or cached[0] is not flow or not _is_cached_result_current(cached[1], prompts):
            cached = self._cache[campaign_id] = (flow, prompts, find_prompt_certificates_by_language(flow, prompts))
        return cached[2]


def _is_cached_result_current(one: CataloguePrompts, other: CataloguePrompts) -> bool:
    return one.playlist is other.playlist and one.today == other.today and one.texts is other.texts


@dataclass(slots=True)
class CertificatesOnDisk:
    """The certificates (an authority's approvals) of recordings, as they are in the catalogue on disk. The catalogue is
    read at the first use.
    """

    settings: Settings
    profile: Profile
    now: float
    _playlist: Playlist | None = field(default=None, init=False)

    def find_prompt_certificates_of_campaign(self, campaign: Campaign) -> Mapping[str, CertificateStatus]:
        """Return for each language whether a campaign's prompts are certified.

        The result is empty if the campaign needs no certificate, or if this is unknown.
        """
        needed = campaign.kind is CampaignKind.IVR and campaign.purpose in self.profile.certificate.needed_for
        if not needed or campaign.flow is None or campaign.runs_agi_script or self.settings.audio.catalogue is None:
            return NO_CERTIFICATES
        try:
            if self._playlist is None:
                self._playlist = make_playlist_reader(self.settings, self.profile).read_playlist()
            day = get_site_day(self.settings, self.now)
            prompts = CataloguePrompts(self._playlist, campaign.id, day, load_texts(self.settings.flows.texts))
            return find_prompt_certificates_by_language(load_flow(campaign.flow), prompts)
        except MatdanError:  # `dialer check` reports this error itself
            return NO_CERTIFICATES
