"""The scripts of a site's campaigns, loaded and reloaded while dialler and desk run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from dialer.domain.enums import Purpose
from dialer.flows.errors import FlowError
from dialer.flows.model import Offer
from dialer.flows.script import PAGE, Script, load_script
from dialer.flows.script_check import check_script

RELOAD_SECONDS = 10.0
"""Minimum time between two reloads in search of a version that only the dialler has: a caller waits meanwhile."""


class ScriptLibrary:
    """The scripts of a site's campaigns. The dialler validates answers by its own, the desk shows its own."""

    def __init__(self, campaigns: Mapping[str, tuple[str, Purpose]], may_offer: frozenset[Offer] = frozenset()) -> None:
        """Load the script of each campaign, given as (name or path, purpose of the campaign).

        Raises FlowError for the first script with a problem.
        """
        self._campaigns = dict(campaigns)
        self._may_offer = may_offer
        self._current: dict[str, Script] = {}
        # By campaign and version: a call keeps the version with which it began.
        self._versions: dict[tuple[str, str], Script] = {}
        self._reloaded_at = -math.inf  # monotonic
        self.use(self.read())

    def read(self) -> dict[str, Script]:
        """Load the script of every campaign without using it yet. Raises FlowError."""
        return self._read(self._campaigns)

    def prepare(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> Callable[[], None]:
        """Load the new and changed scripts of these campaigns, and return a function that starts using them.

        From then on only these campaigns have scripts. Raises FlowError, and changes nothing.
        """
        read = self._read({name: each for name, each in campaigns.items() if self._campaigns.get(name) != each})

        def use() -> None:
            self._campaigns = dict(campaigns)
            self._current = {name: script for name, script in self._current.items() if name in campaigns}
            self.use(read)

        return use

    def _read(self, campaigns: Mapping[str, tuple[str, Purpose]]) -> dict[str, Script]:
        found: dict[str, Script] = {}
        for campaign, (source, purpose) in campaigns.items():
            script = found[campaign] = load_script(source)
            for finding in check_script(script, may_offer=self._may_offer):
                where, problem = (finding.file, finding.line, finding.node), f"{finding.problem} [{finding.rule}]"
                raise FlowError(*where, problem, part=PAGE)
            if script.purpose is not purpose:
                problem = f"is for {script.purpose}, but campaign {campaign} is for {purpose}; give it another script"
                raise FlowError(script.file, 0, "", problem)
        return found

    def use(self, scripts: Mapping[str, Script]) -> list[str]:
        """Use these scripts from now on, and return the names of those that changed."""
        changed = [
            script.name
            for campaign, script in scripts.items()
            if campaign not in self._current or self._current[campaign].version != script.version
        ]
        self._current.update(scripts)
        self._versions.update(((campaign, str(script)), script) for campaign, script in scripts.items())
        return changed

    def version_of(self, campaign: str) -> str | None:
        """Return name and version of the campaign's script, as published with its statistics; None if it has none."""
        script = self._current.get(campaign)
        return None if script is None else str(script)

    def script_for(self, campaign: str, language: str, version: str | None) -> dict[str, Any] | None:
        """Return the campaign's script for the agent's page in a language, in the form of `Script.in_language`.

        `version` is the version that the dialler uses (`script` of `campaigns/{campaign}/statistics`); None if it has
        none. A version that is not known here is looked for in the files, at most every `RELOAD_SECONDS`. Returns None
        if it is not found, because the dialler would refuse answers to another version. Blocks while files are read,
        and never raises.
        """
        now = time.monotonic()
        if (
            version is not None
            and (campaign, version) not in self._versions
            and now - self._reloaded_at >= RELOAD_SECONDS
        ):
            self._reloaded_at = now
            with suppress(FlowError):
                self.use(self.read())
        script = self._versions.get((campaign, version or ""))
        return None if script is None else script.in_language(language)

    def objection(self, campaign: str, answers: Mapping[str, str]) -> str | None:
        """Return in words which of an agent's answers is in no version of the campaign's script; None if all are valid."""
        if not answers:
            return None
        asked = [script.questions() for (of, _), script in self._versions.items() if of == campaign]
        for name, value in answers.items():
            allowed = [questions[name] for questions in asked if name in questions]
            if not allowed:
                return f"the script of campaign {campaign} has no question {name}"
            if not any(value in values for values in allowed):
                return f"the script of campaign {campaign} has no answer {value} to {name}"
        return None
