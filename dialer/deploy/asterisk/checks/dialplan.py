"""Checks of extensions.conf: Matdan's contexts, and whether callers or phones could place outside calls (toll fraud)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dialer.deploy.asterisk.checks.finding import (
    OUR_CONTEXTS,
    Configuration,
    report_broken_setting,
    report_unsafe_setting,
)
from dialer.deploy.asterisk.checks.pjsip import group_endpoints_by_kind
from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection, Setting
from dialer.domain.finding import Finding

_STEP = re.compile(r"(?:[^,]*,)?\s*(?:\w+(?:\([\w-]*\))?(?:\+\d+)?)\s*,\s*(\w+)\s*\(?(.*?)\)?\s*$", re.DOTALL)
_DIALS_OUT = re.compile(r"(?:PJSIP|SIP|IAX2|DAHDI|Local)/", re.IGNORECASE)
_JUMPS = frozenset({"goto", "gotoif", "gosub", "gosubif", "gotoiftime", "execif"})
_OUT = frozenset({"dial", "originate", "disa", "followme", "page"})
_SERVER = "matdan-server-"  # prefix of the endpoints of the dialler's other servers, which may call phones of this one
_PROGRAMS = frozenset({"system", "trysystem", "externalivr"})


def check_dialplan(configuration: Configuration) -> Iterator[Finding]:
    """Check extensions.conf: Matdan's contexts, and whether strangers could place outside calls."""
    conf = configuration.get_parsed_conf_file("extensions.conf")
    if "extensions.conf" not in configuration.files:
        return
    contexts = {
        section.name: section
        for section in conf.list_sections_without_templates()
        if section.name not in {"general", "globals"}
    }
    endpoints = group_endpoints_by_kind(configuration.get_parsed_conf_file("pjsip.conf"))
    for kind, every in endpoints.items():
        callers = [endpoint for endpoint in every if not endpoint.name.startswith(_SERVER)]
        for name in sorted({endpoint.get_setting_value("context", "default") for endpoint in callers}):
            who = next(
                endpoint.name for endpoint in callers if endpoint.get_setting_value("context", "default") == name
            )
            yield from _check_outbound_calls_of_dialplan(contexts, name, f"{kind} [{who}]")
    if configuration.rendered is not None:
        yield from _check_dialplan_contexts_of_matdan(contexts, conf, configuration.rendered["extensions.conf"])


def _check_outbound_calls_of_dialplan(contexts: Mapping[str, ConfSection], start: str, who: str) -> Iterator[Finding]:
    """Yield a fault for each dialplan step that calls out or runs a program, and is reachable from the context `start`."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        section = contexts.get(name)
        if section is None or name in seen:
            continue
        seen.add(name)
        for setting in section.settings:
            key = setting.key.lower()
            if key == "include":
                waiting.append(setting.value.partition(",")[0].partition("|")[0].strip())
            elif key == "switch":
                yield report_unsafe_setting(
                    setting, "", f"{who} reaches [{name}], which uses another dialplan (switch)", "remove it"
                )
            elif key in {"exten", "same"}:
                yield from _check_dialplan_step(setting, name, who)
                waiting += [context for context in contexts if _does_step_jump_to_context(setting, context)]


def _check_dialplan_step(setting: Setting, context: str, who: str) -> Iterator[Finding]:
    application, data = _parse_application_and_arguments_of_step(setting)
    if application in _OUT and (application == "disa" or _DIALS_OUT.search(data)):
        text = f"{who} reaches [{context}], which calls out ({application.capitalize()})"
        yield report_unsafe_setting(setting, "", text, "give trunks and phones contexts without it")
    elif application in _PROGRAMS:
        text = f"{who} reaches [{context}], which runs a program ({application.capitalize()})"
        yield report_unsafe_setting(setting, "", text, "remove it")


def _parse_application_and_arguments_of_step(setting: Setting) -> tuple[str, str]:
    step = _STEP.match(setting.value)
    return ("", "") if step is None else (step[1].lower(), step[2])


def _does_step_jump_to_context(setting: Setting, context: str) -> bool:
    application, data = _parse_application_and_arguments_of_step(setting)
    return application in _JUMPS and re.search(rf"(?<![\w-]){re.escape(context)}\s*,", data) is not None


def _check_dialplan_contexts_of_matdan(
    contexts: Mapping[str, ConfSection], conf: ConfFile, rendered: ConfFile
) -> Iterator[Finding]:
    """Yield a fault for each of Matdan's dialplan contexts that is missing or differs from the rendered one."""
    for wanted in rendered.list_sections_without_templates():
        if not wanted.name.startswith(OUR_CONTEXTS):
            continue
        found = contexts.get(wanted.name)
        if found is None:
            text = f"the context [{wanted.name}], to which the dialler sends calls, is missing"
            yield report_broken_setting(conf.name, "", text, "render the file")
            continue
        difference = _find_first_differing_dialplan_step(found, wanted)
        if difference is not None:
            text = f"[{found.name}] differs from the dialplan of this version of the dialler"
            yield report_broken_setting(difference, "", text, "render the file")
    globals_ = conf.find_section("globals")
    theirs, ours = (
        section.get_setting_value("AGI_SERVER") if section else ""
        for section in (globals_, rendered.find_section("globals"))
    )
    if theirs != ours:
        text = f"AGI_SERVER is {theirs or 'not set'}, but the dialler listens on {ours}"
        yield report_broken_setting(
            globals_ or ConfSection("globals", conf.name, 0, template=False), "AGI_SERVER", text, f"AGI_SERVER={ours}"
        )


def _find_first_differing_dialplan_step(found: ConfSection, wanted: ConfSection) -> Setting | ConfSection | None:
    theirs, ours = (
        [(each.key.lower(), "".join(each.value.split())) for each in section.settings] for section in (found, wanted)
    )
    if theirs == ours:
        return None
    differ = (
        setting for place, setting in enumerate(found.settings) if theirs[place : place + 1] != ours[place : place + 1]
    )
    return next(differ, found)
