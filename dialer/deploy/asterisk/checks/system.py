"""Checks of Asterisk's other files: modules, conferences, music on hold, RTP ports, logs and call records."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.deploy.asterisk.checks.finding import (
    Configuration,
    is_setting_value_true,
    report_broken_setting,
    report_unsafe_setting,
)
from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection
from dialer.deploy.asterisk.modules import ALWAYS
from dialer.deploy.asterisk.render import list_asterisk_trunks
from dialer.domain.finding import Finding

REQUIRED_FILES = (
    "confbridge.conf",
    "extensions.conf",
    "manager.conf",
    "modules.conf",
    "musiconhold.conf",
    "pjsip.conf",
    "rtp.conf",
)
_REASONS = {
    "res_speech": "res_agi, and with it every flow, does not load without it",
    "res_pjsip_pubsub": "chan_pjsip does not load without it",
    "res_pjsip_dlg_options": "carriers that check calls by OPTIONS would hang up",
    "res_pjsip_refer": "transfers by carriers and phones (REFER) would get no clear refusal",
    "res_agi": "flows run over FastAGI",
    "app_confbridge": "seats are conferences",
    "bridge_softmix": "it mixes conferences",
    "res_timing_timerfd": "conferences need a timing source",
    "codec_resample": "conferences mix voices of different sample rates",
    "chan_pjsip": "all calls use it",
    "res_srtp": "encrypted voice needs it",
    "res_pjsip_transport_websocket": "browser phones need it",
    "app_userevent": "the dialplan reports to the dialler with it",
}
_REMOVED = {"chan_sip": "was removed in Asterisk 21", "chan_skinny": "was removed in Asterisk 21"}
_RISKY = {
    "app_system": "runs programs from the dialplan",
    "func_shell": "runs programs from the dialplan",
    "app_disa": "gives callers a dial tone",
    "pbx_spool": "places any call that a file requests",
    "res_phoneprov": "serves phones' passwords over HTTP",
    "chan_iax2": "opens another protocol to the network",
    "res_pjsip_endpoint_identifier_anonymous": "accepts calls from unknown peers",
}
_OPTIONAL = frozenset(
    {"announce_join_leave", "internal_sample_rate", "mixing_interval", "video_mode"}
)  # a site may choose


def check_asterisk_files(configuration: Configuration) -> Iterator[Finding]:
    """Check for missing files of Asterisk, and for lines that Asterisk ignores or misinterprets."""
    for name in REQUIRED_FILES:
        if name not in configuration.files:
            yield report_broken_setting(name, "", "the file is missing", "render it")
    for conf in configuration.files.values():
        for problem in conf.problems:
            yield report_broken_setting(problem, "", problem.text, problem.remedy)
    if "sip.conf" in configuration.files and configuration.get_parsed_conf_file("sip.conf").sections:
        text = "chan_sip was removed in Asterisk 21, so this file is not read"
        yield report_broken_setting("sip.conf", "", text, "move its trunks to pjsip.conf and delete it")


def check_asterisk_modules(configuration: Configuration) -> Iterator[Finding]:
    """Check that Asterisk loads every module that the dialler needs, and no risky one."""
    conf = configuration.get_parsed_conf_file("modules.conf")
    section = conf.find_section("modules")
    if section is None:
        return
    autoload = is_setting_value_true(section.get_setting_value("autoload", "no"))
    if autoload:
        text = "every installed module is loaded, which opens more ports and adds risks"
        yield report_unsafe_setting(
            section, "autoload", text, "autoload=no, and a load= line for each module that is needed"
        )
    loaded = {
        _strip_so_suffix_of_module(setting.value)
        for key in ("load", "require", "preload")
        for setting in section.find_all_settings(key)
    }
    barred = {_strip_so_suffix_of_module(setting.value) for setting in section.find_all_settings("noload")}
    for setting in section.settings:
        name = _strip_so_suffix_of_module(setting.value)
        if setting.key.lower() not in {"load", "require", "preload"}:
            continue
        if name in _REMOVED:
            yield report_broken_setting(setting, "", f"{name} {_REMOVED[name]}", "use chan_pjsip")
        if name in _RISKY:
            yield report_unsafe_setting(setting, "", f"{name} {_RISKY[name]}", "do not load it")
    for name in sorted(_list_required_modules(configuration)):
        if name in barred or not (autoload or name in loaded):
            reason = _REASONS.get(name, "the dialler needs it")
            yield report_broken_setting(section, "autoload", f"{name} is not loaded: {reason}", f"load={name}.so")


def _strip_so_suffix_of_module(value: str) -> str:
    return value.strip().removesuffix(".so")


def _list_required_modules(configuration: Configuration) -> set[str]:
    if configuration.rendered is None:
        return {name for names in ALWAYS.values() for name in names.split() if name in _REASONS}
    wanted = configuration.rendered["modules.conf"].find_section("modules")
    return (
        set()
        if wanted is None
        else {_strip_so_suffix_of_module(setting.value) for setting in wanted.find_all_settings("load")}
    )


def check_conference_profiles(configuration: Configuration, ours: ConfFile) -> Iterator[Finding]:
    """Check that confbridge.conf has the conference profiles that the dialplan uses.

    A conference profile sets, for example, whether the agent stays in the conference when the voter leaves.
    """
    if "confbridge.conf" not in configuration.files:
        return
    conf = configuration.get_parsed_conf_file("confbridge.conf")
    for wanted in ours.list_sections_without_templates():
        if wanted.name == "general":
            continue
        found = conf.find_section(wanted.name)
        if found is None:
            text = f"the profile [{wanted.name}], which the dialplan uses, is missing"
            yield report_broken_setting(conf.name, "", text, "render the file")
            continue
        for setting in wanted.settings:
            if (
                setting.key not in _OPTIONAL
                and found.get_setting_value(setting.key, "no").lower() != setting.value.lower()
            ):
                given = found.get_setting_value(setting.key) or "not set"
                text = f"{setting.key} of [{wanted.name}] is {given}; the dialplan needs {setting.value}"
                yield report_broken_setting(found, setting.key, text, f"{setting.key}={setting.value}")


def check_music_on_hold(configuration: Configuration) -> Iterator[Finding]:
    """Check the music on hold. Without music, voters on hold hear only a periodic tone."""
    settings = configuration.settings
    if settings is None or "musiconhold.conf" not in configuration.files:
        return
    conf, name = configuration.get_parsed_conf_file("musiconhold.conf"), settings.hold.music_class
    music = conf.find_section(name)
    if music is None:
        text = f"the class [{name}] of hold.music_class is missing: voters on hold hear no music"
        yield report_broken_setting(conf.name, "", text, "render the file")
    elif music.get_setting_value("mode", "") == "files" and not music.get_setting_value("directory", ""):
        yield report_broken_setting(
            music, "mode", f"[{name}] has no folder: voters on hold hear no music", "directory=moh"
        )
    elif not music.get_setting_value("mode", ""):
        yield report_broken_setting(music, "mode", f"[{name}] has no mode: voters on hold hear no music", "mode=files")


def check_rtp_settings(configuration: Configuration) -> Iterator[Finding]:
    """Check rtp.conf: enough ports for all calls, and protection against audio from strangers."""
    general = configuration.get_parsed_conf_file("rtp.conf").find_section("general")
    if general is None:
        return
    first, last = general.get_setting_value("rtpstart", "5000"), general.get_setting_value("rtpend", "31000")
    settings = configuration.settings
    calls = (
        0 if settings is None else sum(trunk.channels for trunk in list_asterisk_trunks(settings)) + len(settings.seats)
    )
    if not (first.isdigit() and last.isdigit()) or int(last) - int(first) < max(100, 2 * calls):
        text = f"ports {first} to {last} are too few for {calls or 50} calls, which need two each"
        yield report_broken_setting(general, "rtpend", text, "widen the range from rtpstart to rtpend")
    if not is_setting_value_true(general.get_setting_value("strictrtp", "yes")):
        yield report_unsafe_setting(
            general, "strictrtp", "any host that sends to the port can inject voice into a call", "strictrtp=yes"
        )


def _check_call_history_settings(configuration: Configuration) -> Iterator[Finding]:
    """Check that Asterisk records how calls ended, but no phone numbers."""
    name, rendered = "cdr_custom.conf", configuration.rendered
    wanted = None if rendered is None else rendered[name].find_section("mappings")
    found = configuration.get_parsed_conf_file(name).find_section("mappings") if name in configuration.files else None
    mappings = [] if found is None else [(each.key, each.value) for each in found.settings]
    if wanted is not None and mappings != [(each.key, each.value) for each in wanted.settings]:
        text = "the call records (asterisk.history) have another format than the dialler reads, and may contain numbers"
        yield report_unsafe_setting(name, "", text, "render the file")


def check_asterisk_options(configuration: Configuration) -> Iterator[Finding]:
    """Check Asterisk's own settings: unsafe functions, and logs that would contain phone numbers."""
    options = configuration.get_parsed_conf_file("asterisk.conf").find_section("options")
    if options is not None and is_setting_value_true(options.get_setting_value("live_dangerously", "no")):
        text = "the manager and callers can use functions that write files and run programs"
        yield report_unsafe_setting(options, "live_dangerously", text, "live_dangerously=no")
    logs = configuration.get_parsed_conf_file("logger.conf").find_section("logfiles")
    for setting in logs.settings if logs is not None else []:
        levels = {level.split("(")[0].strip().lower() for level in setting.value.split(",")}
        if setting.key.lower() != "console" and levels & {"verbose", "debug", "dtmf", "*"}:
            text = f"{setting.key} logs called numbers and pressed keys"
            yield report_unsafe_setting(setting, "", text, f"{setting.key} => notice,warning,error")
    records = configuration.get_parsed_conf_file("cdr.conf").find_section("general")
    history = None if configuration.settings is None else configuration.settings.asterisk.history
    if history is not None:
        yield from _check_call_history_settings(configuration)
    elif records is None or is_setting_value_true(records.get_setting_value("enable", "yes")):
        place = records or ConfSection("general", "cdr.conf", 0, template=False)
        yield report_unsafe_setting(place, "enable", "Asterisk records every called number", "enable=no")
