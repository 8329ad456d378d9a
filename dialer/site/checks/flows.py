"""Checks of IVR flows, agents' scripts and AGI scripts before the dialler starts."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.translatable import TranslatableText, translatable
from dialer.errors import MatdanError
from dialer.flows.catalogue import load_flow, refuse_flow_that_breaks_rules
from dialer.flows.model import Offer, list_lawful_offers_to_voters
from dialer.flows.node import NODE_KINDS
from dialer.flows.script_library import ScriptLibrary
from dialer.flows.texts import load_texts
from dialer.settings.campaigns import Campaign
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.checks.runner import Check
from dialer.site.flows import get_limits_of_agi_scripts, list_site_scripts
from dialer.switch.asterisk.scripts.containment import check_script_sandbox, describe_sandbox_of_scripts
from dialer.switch.asterisk.scripts.runner import find_agi_script_in_flow_setting


def describe_campaign(campaign: str) -> TranslatableText:
    """Return a campaign as the subject of a finding."""
    return translatable("subject-campaign", "campaign {campaign}", campaign=campaign)


def list_flow_checks(settings: Settings) -> Iterator[Check]:
    """Yield a check of each IVR flow and each script that the settings name."""
    for campaign in settings.campaigns:
        named = describe_campaign(campaign.id)
        if campaign.flow is not None:
            yield Check(named, partial(_check_ivr_flow, named, campaign.flow, settings))
        if campaign.script is not None:
            yield Check(named, partial(_check_agents_script, campaign.id, settings))
    for place, each in enumerate(settings.inbound.numbers, start=1):
        subject, use = f"inbound number {place}", f", for campaign {each.campaign}"
        if each.flow is None:
            yield Check(subject, partial(_wrap_single_finding_in_list, make_ok_finding(subject, each.mode.value + use)))
        else:
            yield Check(subject, partial(_check_ivr_flow, subject, each.flow, settings, use))


def check_flow_and_script_of_campaign(campaign: Campaign, settings: Settings) -> Iterator[Finding]:
    """Check the IVR flow or the agents' script of one campaign.

    Raises FlowError, or SettingError for an invalid profile.
    """
    if campaign.flow is not None:
        yield from _check_ivr_flow(describe_campaign(campaign.id), campaign.flow, settings)
    if campaign.script is not None:
        yield from _check_agents_script(campaign.id, settings)


def _wrap_single_finding_in_list(finding: Finding) -> list[Finding]:
    return [finding]


def _list_services_that_flows_may_offer(settings: Settings) -> frozenset[Offer]:
    """Return what IVR flows may lawfully offer to voters, such as a ride to the poll.

    If the profile with the legal rules is invalid, return an empty set. Another check reports the invalid profile.
    """
    try:
        return list_lawful_offers_to_voters(load_site_profile(settings))
    except MatdanError:
        return frozenset()


def _check_ivr_flow(subject: str, flow: str, settings: Settings, use: str = "") -> Iterator[Finding]:
    """Check an IVR flow and what it offers to voters, or the AGI script that a setting names in its place."""
    script = find_agi_script_in_flow_setting(flow)
    if script is not None:
        rules = get_limits_of_agi_scripts(settings)
        rules.check_script_is_visible(script)
        problem = _find_script_setting_problem(settings) or _find_obstacle_to_running_script(rules.user, script)
        if problem is None:
            text = translatable("agi-script-exists", "script {script} exists", script=str(script))
            yield make_ok_finding(subject, f"{text}{use}" if use else text)
        else:
            text = translatable(
                "agi-script-cannot-be-run",
                "script {script} cannot be run: {problem}",
                script=str(script),
                problem=problem,
            )
            yield make_error_finding(subject, text)
        return
    loaded = load_flow(flow)
    refuse_flow_that_breaks_rules(
        loaded, load_texts(settings.flows.texts), _list_services_that_flows_may_offer(settings)
    )
    text = translatable(
        "flow-valid-with-version", "flow {flow} {version} is valid", flow=loaded.name, version=loaded.version
    )
    yield make_ok_finding(subject, f"{text}{use}" if use else text)
    if loaded.name != Path(loaded.file).stem:
        text = translatable(
            "flow-in-file-of-other-name",
            "{file} contains the flow {flow}: reports use that name, subdialogs use the file's",
            file=Path(loaded.file).name,
            flow=loaded.name,
        )
        remedy = translatable("give-flow-and-file-same-name", "give both the same name")
        yield make_warning_finding(subject, text, remedy)
    transfer = NODE_KINDS["transfer"]
    if not settings.seats and any(
        isinstance(node, transfer) for part in loaded.list_flow_and_its_subdialogs() for node in part.nodes.values()
    ):
        text = translatable(
            "no-seats-for-transfers", "flow {flow} transfers to agents, but there are no seats", flow=loaded.name
        )
        yield make_error_finding(subject, text, translatable("add-seats", "add `[[seats]]`"))


def _check_agents_script(campaign: str, settings: Settings) -> Iterator[Finding]:
    subject = describe_campaign(campaign)
    [script] = (
        ScriptLibrary({campaign: list_site_scripts(settings)[campaign]}, _list_services_that_flows_may_offer(settings))
        .load_scripts()
        .values()
    )
    yield make_ok_finding(subject, translatable("script-valid", "agents' script {script} is valid", script=str(script)))
    language = settings.centre.language
    if language not in script.languages:
        text = translatable(
            "script-not-in-language",
            "script {script} has no text in {language} (`centre.language`): agents read it in {other}",
            script=str(script),
            language=language,
            other=script.languages[0],
        )
        yield make_warning_finding(subject, text)


def check_sandbox_of_agi_scripts(settings: Settings) -> Iterator[Finding]:
    """Check that this machine can run AGI scripts in a sandbox.

    Raises FlowError if it cannot.
    """
    if settings.runs_agi_scripts and _find_script_setting_problem(settings) is None:
        rules = get_limits_of_agi_scripts(settings)
        check_script_sandbox(rules)
        yield make_ok_finding("scripts", describe_sandbox_of_scripts(rules))


def _find_script_setting_problem(settings: Settings) -> str | None:
    """Return why no AGI script could start with these settings, or None if they could."""
    user, errors = settings.flows.script_user, settings.flows.script_errors
    if user is not None:
        try:
            pwd.getpwnam(user)
        except KeyError:
            return translatable(
                "no-user-for-scripts",
                "this machine has no user '{user}'; create it, or change `flows.script_user`",
                user=user,
            )
    if errors is not None and not errors.parent.is_dir():
        return translatable(
            "no-folder-for-script-errors",
            "there is no directory {folder}; create it, or change `flows.script_errors`",
            folder=str(errors.parent),
        )
    return None


def _find_obstacle_to_running_script(user: str | None, script: Path) -> str | None:
    """Return why the machine's user `user` may not run an AGI script, or None if it may.

    If `user` is None, check the user of this process.
    """
    if user is None:
        return None
    entry = pwd.getpwnam(user)
    for path, wanted in [(folder, 1) for folder in script.parents] + [(script, 4 if script.suffix == ".py" else 5)]:
        found = path.stat()
        shift = 6 if found.st_uid == entry.pw_uid else 3 if found.st_gid == entry.pw_gid else 0
        if found.st_mode >> shift & wanted != wanted:
            return translatable(
                "user-has-no-access-to-script",
                "it runs as user '{user}', who has no access to {path}; grant it, or set `flows.script_user`",
                user=user,
                path=str(path),
            )
    return None
