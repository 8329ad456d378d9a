"""Campaigns that a supervisor adds, edits or removes on a web page: the form, and the check of the settings before they
are saved.

The web server (desk) has the store open already, so these functions open it in a way that does not disturb its locks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from dialer.domain.enums import CampaignKind, PacingPolicy
from dialer.domain.finding import Finding, Level, make_error_finding
from dialer.domain.model import CampaignState
from dialer.domain.translatable import translatable
from dialer.errors import MatdanError, SettingError, SettingMistakes
from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.errors import FlowError
from dialer.flows.script import list_shipped_scripts
from dialer.settings.campaigns import Campaign
from dialer.settings.campaigns_file import (
    prepare_campaign_addition,
    prepare_campaign_edit,
    prepare_campaign_removal,
    read_campaigns_of_file,
)
from dialer.settings.edited_tables import TableChange
from dialer.settings.file_text import SettingsText
from dialer.settings.form import FormField, FormFieldType, describe_settings_for_form
from dialer.settings.mistakes import combine_setting_errors, ignore_environment_variables, list_setting_errors
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.checks.flows import check_flow_and_script_of_campaign, describe_campaign
from dialer.site.checks.rules import RULES, check_calling_rules, check_settings_against_profile
from dialer.site.checks.runner import convert_error_to_findings
from dialer.site.flow_files import list_flows_in_flows_folder
from dialer.site.settings_changes import list_other_changes
from dialer.store.campaigns import read_campaign_states
from dialer.store.connection import Connection, open_store_snapshot
from dialer.store.keys import read_store_key_of_site

FIELDS: Final = (
    "id",
    "kind",
    "purpose",
    "script",
    "flow",
    "pacing",
    "hours",
    "trunks",
    "skill",
    "weight",
    "channels",
    "max_attempts",
    "candidate",
)
"""The settings on the form, in its order."""

FIELDS_OF_ONE_KIND: Final[Mapping[str, CampaignKind]] = {
    "script": CampaignKind.AGENTS,
    "flow": CampaignKind.IVR,
    "pacing": CampaignKind.AGENTS,
    "skill": CampaignKind.AGENTS,
    "weight": CampaignKind.AGENTS,
}
"""The settings that only campaigns of one kind have."""

MAX_READ_SECONDS: Final = 20.0  # of one read of the store for a check

_NO_VALUES: Final[Mapping[str, Any]] = {}
_CHOSEN = frozenset({"script", "flow", "pacing", "trunks", "skill"})
"""The settings whose value must be one of those offered, so that no request names a file or a program."""

_Text = Annotated[str, Field(max_length=1000)]
_Period = Annotated[dict[Literal["start", "until"], _Text], Field(min_length=2)]
_VALUE_TYPES: Final[Mapping[FormFieldType, TypeAdapter[Any]]] = {
    "text": TypeAdapter(_Text),
    "choice": TypeAdapter(_Text),
    "number": TypeAdapter(FiniteFloat),
    "list": TypeAdapter(list[_Text]),
    "hours": TypeAdapter(list[_Period]),
}


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A valid change of one campaign, and the change of the campaigns file that saves it."""

    campaign_id: str
    campaign: Campaign | None  # None: it is removed
    change: TableChange
    settings: Settings  # the site's settings after the change


def describe_campaign_form(settings: Settings) -> tuple[FormField, ...]:
    """Return the fields of the form for a campaign at this site."""
    campaigns = settings.campaigns
    flows = {each.flow for each in campaigns if each.flow is not None and not each.runs_agi_script}
    scripts = {each.script for each in campaigns if each.script is not None}
    choices = {
        "script": tuple(sorted(scripts.union(list_shipped_scripts()))),
        "flow": tuple(sorted(flows.union(list_shipped_flows(), list_flows_in_flows_folder(settings)))),
        "pacing": tuple(each.value for each in PacingPolicy if each is not PacingPolicy.BROADCAST),
        "trunks": tuple(each.name for each in settings.trunks),
        "skill": tuple(sorted({skill for agent in settings.agents for skill in agent.skills})),
    }
    return describe_settings_for_form(Campaign, FIELDS, choices)


def get_form_values_of_campaign(campaign: Campaign) -> dict[str, Any]:
    """Return the values of a campaign for the fields of the form, as JSON. Fields without a value are left out."""
    names = {each for each in FIELDS if FIELDS_OF_ONE_KIND.get(each, campaign.kind) is campaign.kind}
    values = campaign.model_dump(mode="json", include=names, exclude_none=True)
    return values | {"hours": [{key: at[:5] for key, at in period.items()} for period in values["hours"]]}


def can_form_show_values(settings: Settings, values: Mapping[str, Any]) -> bool:
    """Return whether the form can show all these values. A value of the right type may still be invalid."""
    types = {each.name: each.type for each in describe_campaign_form(settings)}
    try:
        for name, value in values.items():
            _VALUE_TYPES[types[name]].validate_python(value, strict=True)
    except (KeyError, ValidationError):
        return False
    return True


def prepare_new_campaign(settings: Settings, path: Path, values: Mapping[str, Any], comment: str) -> PreparedChange:
    """Return the change that adds a campaign with these values of the form to the campaigns file `path`.

    The campaign will start paused. Nothing is written yet. Raises SettingError or SettingMistakes, whose keys are the
    form's fields.
    """
    campaign = _read_campaign_from_form(settings, values, {"start_paused": True})
    change = prepare_campaign_addition(path, campaign, comment)
    after = _load_changed_settings(settings, change, campaign.id)
    _refuse_name_of_removed_campaign(after, campaign.id)
    return PreparedChange(campaign.id, campaign, change, after)


def prepare_edited_campaign(
    settings: Settings, path: Path, campaign_id: str, values: Mapping[str, Any]
) -> PreparedChange:
    """Return the change of one campaign in the campaigns file `path` to these values of the form.

    Settings of the campaign that are not in the form stay. Nothing is written yet. Raises SettingError or
    SettingMistakes, whose keys are the form's fields.
    """
    before = _find_campaign_in_file(path, campaign_id)
    if values.get("id") != campaign_id:
        raise SettingError("", "id", translatable("name-fixed", "cannot be changed"), _describe_fixed_name(campaign_id))
    of_form = get_form_values_of_campaign(before)
    other = before.model_dump(exclude=set(of_form) if values.get("kind") == before.kind else set(FIELDS))
    campaign = _read_campaign_from_form(settings, values, other, of_form)
    change = prepare_campaign_edit(path, before, campaign)
    return PreparedChange(campaign_id, campaign, change, _load_changed_settings(settings, change, campaign_id))


def prepare_removed_campaign(settings: Settings, path: Path, campaign_id: str) -> PreparedChange:
    """Return the change that removes a campaign from the campaigns file `path`. Nothing is written yet.

    Raises SettingError.
    """
    change = prepare_campaign_removal(path, campaign_id)
    return PreparedChange(campaign_id, None, change, _load_changed_settings(settings, change, campaign_id))


def _describe_fixed_name(campaign_id: str) -> str:
    return translatable("keep-name", "keep {campaign}, or add another campaign", campaign=campaign_id)


def _find_campaign_in_file(path: Path, campaign_id: str) -> Campaign:
    found = read_campaigns_of_file(path).get(campaign_id)
    if found is None:
        problem = translatable("campaign-not-in-file", "has no campaign '{campaign}'", campaign=campaign_id)
        raise SettingError(str(path), "", problem, translatable("reload-page", "reload the page"))
    return found


def _load_changed_settings(settings: Settings, change: TableChange, campaign_id: str) -> Settings:
    try:
        after = load_settings(Path(settings.text_of_settings_file.name), campaigns_of_page=change.make_settings_text())
        load_site_profile(after)  # rejects a setting that is less strict than the profile
    except SettingError as error:
        raise _replace_error_keys_with_form_fields(error, campaign_id) from error
    return after


def _refuse_name_of_removed_campaign(settings: Settings, campaign_id: str) -> None:
    """Raise SettingError if a removed campaign had this name and was running.

    Its stored state is still "running", so a new campaign with the name would dial at once.
    """
    if not settings.store.path.exists():
        return
    with _open_site_store_for_reading(settings) as db:
        states = read_campaign_states(db)
    if states.get(campaign_id) is CampaignState.RUNNING:
        problem = translatable(
            "name-of-earlier-campaign",
            "'{campaign}' was the name of an earlier campaign, whose calls are stored",
            campaign=campaign_id,
        )
        raise SettingError("", "id", problem, translatable("choose-other-name", "choose another name"))


def _read_campaign_from_form(
    settings: Settings, values: Mapping[str, Any], other: Mapping[str, Any], before: Mapping[str, Any] = _NO_VALUES
) -> Campaign:
    """Return the campaign with these values of the form. `other` has the campaign's settings that are not in the form.

    `before` has the values that the form had before the edit. A value that is the same as before is accepted even if
    the form no longer offers it.
    """
    fields = {each.name: each for each in describe_campaign_form(settings)}
    for name, value in values.items():
        if name not in fields:
            raise SettingError("", str(name)[:40], "is not a field of this form", f"use {', '.join(fields)}")
        listed = value if isinstance(value, list) else [value]
        if name in before and value == before[name]:
            continue
        if name in _CHOSEN and (unknown := [each for each in listed if each not in fields[name].choices]):
            known = ", ".join(fields[name].choices) or translatable("no-choices", "none")
            raise SettingError(
                "",
                name,
                translatable("value-not-offered", "'{value}' is not offered", value=str(unknown[0])[:40]),
                translatable("choose-one-of", "choose one of: {choices}", choices=known),
            )
    try:
        return Campaign.model_validate({**other, **values})
    except ValidationError as error:
        found = list_setting_errors(error, SettingsText(""), Campaign, ignore_environment_variables)
        every = [_copy_error_with_key(each, each.key.replace("(settings)", "")) for each in found]
        raise combine_setting_errors(every) from error


def _replace_error_keys_with_form_fields(error: SettingError, campaign_id: str) -> SettingError:
    """Return the error with form fields instead of settings keys, so that the page shows each mistake at its field.

    Mistakes of other campaigns keep their settings keys.
    """
    every = error.mistakes if isinstance(error, SettingMistakes) else (error,)
    own = f"campaigns.{campaign_id}"
    return combine_setting_errors(
        [
            _copy_error_with_key(each, each.key.removeprefix(own).strip(".") or "id")
            if each.key == own or each.key.startswith(f"{own}.")
            else each
            for each in every
        ]
    )


def _copy_error_with_key(error: SettingError, key: str) -> SettingError:
    return SettingError("", key, error.problem, error.remedy)


def check_changed_campaign(prepared: PreparedChange, now: float) -> list[Finding]:
    """Return what `dialer check` finds about an added or edited campaign, or nothing about a removed one.

    It checks the campaign's script or flow, and the legal rules at `now` (epoch seconds).
    """
    campaign = prepared.campaign
    if campaign is None:
        return []
    settings, findings = prepared.settings, list[Finding]()
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        (describe_campaign(campaign.id), lambda: check_flow_and_script_of_campaign(campaign, settings)),
        (RULES, lambda: check_settings_against_profile(settings)),
        (RULES, lambda: _check_calling_rules_of_site(settings, now)),
    )
    for subject, check in checks:
        try:
            findings += check()
        except FlowError as problem:
            findings.append(make_error_finding(subject, problem.text_with_file_name))
        except (MatdanError, OSError) as problem:
            findings += convert_error_to_findings(subject, problem)
    name = re.compile(rf"(?<![\w-]){re.escape(campaign.id)}(?![\w-])")
    return [
        each for each in findings if name.search(f"{each.subject} {each.text}") or _is_problem_of_every_campaign(each)
    ]


def _check_calling_rules_of_site(settings: Settings, now: float) -> Iterator[Finding]:
    profile = load_site_profile(settings)
    if not settings.store.path.exists():
        yield from check_calling_rules(settings, profile, None, now)
        return
    with _open_site_store_for_reading(settings) as db:
        yield from check_calling_rules(settings, profile, db, now)


def _open_site_store_for_reading(settings: Settings) -> AbstractContextManager[Connection]:
    # The desk has the store open already: a check of the file's header would drop SQLite's locks on it.
    key = read_store_key_of_site(settings)
    return open_store_snapshot(settings.store.path, key, opened_here=True, max_seconds=MAX_READ_SECONDS)


def _is_problem_of_every_campaign(finding: Finding) -> bool:
    return finding.level is not Level.OK and finding.subject.startswith(("register ", "rules"))


def list_other_pending_changes(running: Settings, prepared: PreparedChange) -> tuple[list[str], list[str]]:
    """Return two lists of changed settings that are not in force yet, for a warning before the campaign is saved.

    The first list has settings outside this campaign. A reload would apply them too. The second list has settings that
    need a restart. As long as there are any, the dialler refuses to reload.
    """
    return list_other_changes(running, prepared.settings, f"campaigns.{prepared.campaign_id}")
