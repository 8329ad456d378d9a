"""The agents' scripts of a site's campaigns, which can be reloaded while the dialler and the desk run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from dialer.domain.enums import Purpose
from dialer.domain.translatable import translatable
from dialer.flows.errors import PAGE, FlowError
from dialer.flows.model import Offer
from dialer.flows.script import Script, load_script
from dialer.flows.script_check import check_script
from dialer.flows.translated_script import TranslatedScript, create_script_in_language

RELOAD_SECONDS = 10.0
"""Minimum time between two reloads in search of a version that only the dialler has, as a caller waits meanwhile."""


class ScriptLibrary:
    """The scripts of a site's campaigns. The dialler validates answers with them, and the desk (the server of the
    agents' pages) shows them to agents.
    """

    def __init__(self, campaigns: Mapping[str, tuple[str, Purpose]], may_offer: frozenset[Offer] = frozenset()) -> None:
        """Load the scripts. Raises FlowError for the first script with a problem.

        Args:
            campaigns: for each campaign, the name or path of its script, and the campaign's purpose.
            may_offer: the offers to voters (such as a ride) that the profile allows.
        """
        self._campaigns = dict(campaigns)
        self._may_offer = may_offer
        self._current: dict[str, Script] = {}
        # By campaign and version, as a call ends with the version it started with.
        self._versions: dict[tuple[str, str], Script] = {}
        self._reloaded_at = -math.inf  # monotonic
        self.replace_scripts_of_campaigns(self.load_scripts())

    def load_scripts(self) -> dict[str, Script]:
        """Load the script of every campaign, without putting it into use. Raises FlowError."""
        return self._load_scripts(self._campaigns)

    def prepare_script_reload(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> Callable[[], None]:
        """Load new and changed scripts, and return a function that puts them into use. Then only these campaigns have
        scripts.

        Raises:
            FlowError: a script is invalid. Then nothing has changed.
        """
        read = self._load_scripts({name: each for name, each in campaigns.items() if self._campaigns.get(name) != each})

        def replace_loaded_scripts() -> None:
            self._campaigns = dict(campaigns)
            self._current = {name: script for name, script in self._current.items() if name in campaigns}
            self.replace_scripts_of_campaigns(read)

        return replace_loaded_scripts

    def _load_scripts(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> dict[str, Script]:
        found: dict[str, Script] = {}
        for campaign, (source, purpose) in campaigns.items():
            script = found[campaign] = load_script(source)
            for finding in check_script(script, may_offer=self._may_offer):
                raise FlowError(finding.file, finding.line, finding.node, finding.problem_and_rule, part=PAGE)
            if script.purpose is not purpose:
                problem = translatable(
                    "script-for-other-purpose",
                    "is for {purpose}, but campaign {campaign} is for {needed}; give it another script",
                    purpose=script.purpose.value,
                    campaign=campaign,
                    needed=purpose.value,
                )
                raise FlowError(script.file, 0, "", problem)
        return found

    def replace_scripts_of_campaigns(self, scripts: Mapping[str, Script]) -> list[str]:
        """Put these scripts into use in place of the campaigns' present scripts. Return the names of the changed
        scripts.
        """
        changed = [
            script.name
            for campaign, script in scripts.items()
            if campaign not in self._current or self._current[campaign].version != script.version
        ]
        self._current.update(scripts)
        self._versions.update(((campaign, str(script)), script) for campaign, script in scripts.items())
        return changed

    def get_script_version(self, campaign: str) -> str | None:
        """Return the name and version of a campaign's script, such as "turnout 3f2a", or None if the campaign has no
        script.
        """
        script = self._current.get(campaign)
        return None if script is None else str(script)

    def get_script_for_page(self, campaign: str, language: str, version: str | None) -> TranslatedScript | None:
        """Return a version of a campaign's script in one language, for the agent's page. Blocks while it reads files.

        `version` is the version that the dialler uses. If this version is not loaded, the scripts are reloaded from
        their files, at most every `RELOAD_SECONDS`. If it is still missing, return None. No other version is returned,
        because the dialler would refuse its answers.
        """
        now = time.monotonic()
        if (
            version is not None
            and (campaign, version) not in self._versions
            and now - self._reloaded_at >= RELOAD_SECONDS
        ):
            self._reloaded_at = now
            with suppress(FlowError):
                self.replace_scripts_of_campaigns(self.load_scripts())
        script = self._versions.get((campaign, version or ""))
        return None if script is None else create_script_in_language(script, language)

    def find_forbidden_script_answer(self, campaign: str, answers: Mapping[str, str]) -> str | None:
        """Return a description of the first answer that no version of the campaign's script allows, or None."""
        if not answers:
            return None
        asked = [
            script.get_allowed_answers_by_question() for (of, _), script in self._versions.items() if of == campaign
        ]
        for name, value in answers.items():
            allowed = [questions[name] for questions in asked if name in questions]
            if not allowed:
                return f"the script of campaign {campaign} has no question {name}"
            if not any(value in values for values in allowed):
                return f"the script of campaign {campaign} has no answer {value} to {name}"
        return None
