"""Checks of Asterisk's manager.conf and http.conf: logins, addresses and permissions."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.deploy.asterisk.checks.finding import (
    Configuration,
    is_loopback_address,
    is_setting_value_true,
    is_weak_password,
    report_broken_setting,
    report_unsafe_setting,
)
from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection
from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.finding import Finding
from dialer.settings.site import Settings

READS = frozenset({"system", "call", "user"})
WRITES = frozenset({"originate", "call", "reporting"})
_DANGEROUS = {
    "all": "do everything",
    "system": "restart Asterisk and run programs",
    "command": "run any console command",
    "config": "rewrite configuration files",
    "dialplan": "change the dialplan",
    "agi": "take over calls",
}
_EVERYWHERE = ("0.0.0.0/0", "0.0.0.0/0.0.0.0", "::/0")
_MIN_WRITE_TIMEOUT = 1000


def check_manager_conf(configuration: Configuration) -> Iterator[Finding]:
    """Check manager.conf: who may log in to Asterisk's manager interface, from where, and with which permissions."""
    conf = configuration.get_parsed_conf_file("manager.conf")
    if "manager.conf" not in configuration.files:
        return
    general = conf.find_section("general") or ConfSection("general", conf.name, 0, template=False)
    if not is_setting_value_true(general.get_setting_value("enabled", "no")):
        yield report_broken_setting(
            general, "enabled", "the manager interface is off, so the dialler cannot log in", "enabled=yes"
        )
    if is_setting_value_true(general.get_setting_value("webenabled", "no")):
        yield report_unsafe_setting(general, "webenabled", "the manager is also reachable over HTTP", "webenabled=no")
    if general.find_setting("allowmultiplelogin") and not is_setting_value_true(
        general.get_setting_value("allowmultiplelogin")
    ):
        text = "after a lost connection, the dialler cannot log in until its old session times out"
        yield report_broken_setting(general, "allowmultiplelogin", text, "allowmultiplelogin=yes")
    users = [section for section in conf.list_sections_without_templates() if section.name != "general"]
    for user in users:
        address = general.get_setting_value("bindaddr", "0.0.0.0")  # noqa: S104
        yield from _check_manager_user(user, exposed=not is_loopback_address(address))
    if configuration.settings is not None:
        yield from _check_dialler_user(conf, general, configuration.settings)


def _check_manager_user(user: ConfSection, *, exposed: bool) -> Iterator[Finding]:
    for key in ("read", "write"):
        classes = _parse_permission_classes(user, key)
        for name in sorted(classes & _DANGEROUS.keys()):
            if key == "read" and name != "all":
                continue
            does = "see every event, including keys that voters press" if key == "read" else _DANGEROUS[name]
            wanted = ",".join(sorted(READS if key == "read" else WRITES))
            yield report_unsafe_setting(user, key, f"user [{user.name}] may {does} ({key}={name})", f"{key}={wanted}")
    permits = [setting.value for setting in user.find_all_settings("permit")]
    if not user.find_all_settings("deny") or not permits:
        where = "from any address" if exposed else "from any address that reaches the port"
        text = f"user [{user.name}] may log in {where}"
        yield report_unsafe_setting(user, "deny", text, "deny=0.0.0.0/0.0.0.0 and permit= the dialler's address")
    elif any(permit in _EVERYWHERE for permit in permits):
        yield report_unsafe_setting(
            user, "permit", f"user [{user.name}] may log in from anywhere", "permit= one address"
        )
    if is_weak_password(user.get_setting_value("secret"), user.name):
        yield report_unsafe_setting(
            user, "secret", f"the secret of user [{user.name}] is weak", "use 20 random letters"
        )
    timeout = user.get_setting_value("writetimeout", "100")
    if not timeout.isdigit() or int(timeout) < _MIN_WRITE_TIMEOUT:
        text = f"user [{user.name}] is disconnected if it does not read for {timeout} ms"
        yield report_broken_setting(user, "writetimeout", text, "writetimeout=5000")
    if not user.find_all_settings("eventfilter"):
        text = f"user [{user.name}] gets every event, five times as many as the dialler needs"
        yield report_broken_setting(
            user, "eventfilter", text, "one eventfilter=Event: NAME for each event that it needs"
        )


def _check_dialler_user(conf: ConfFile, general: ConfSection, settings: Settings) -> Iterator[Finding]:
    ami = settings.ami
    port = general.get_setting_value("port", "5038")
    if port != str(ami.port):
        yield report_broken_setting(
            general, "port", f"the manager listens on {port}, the settings have {ami.port}", f"port={ami.port}"
        )
    user = conf.find_section(ami.username)
    if user is None:
        text = f"the dialler's user [{ami.username}] is missing"
        yield report_broken_setting(conf.name, "", text, "render the file, or change [ami].username")
        return
    if ami.secret is None or user.get_setting_value("secret") != ami.secret.get_secret_value():
        text = f"the secret of [{ami.username}] differs from the settings"
        yield report_broken_setting(user, "secret", text, "render the file, or correct [ami].secret")
    for key, needed in (("read", READS), ("write", WRITES)):
        classes = _parse_permission_classes(user, key)
        missing = needed - classes
        if missing and "all" not in classes:
            text = f"user [{user.name}] lacks {key} class {', '.join(sorted(missing))}"
            yield report_broken_setting(user, key, text, f"{key}={','.join(sorted(needed))}")
    filters = {setting.value.removeprefix("Event:").strip() for setting in user.find_all_settings("eventfilter")}
    filtered = [event for event in EVENTS if filters and event not in filters]
    if filtered:
        text = f"user [{user.name}] does not get the events {', '.join(filtered)}"
        yield report_broken_setting(user, "eventfilter", text, "add an eventfilter=Event: NAME for each")


def _parse_permission_classes(user: ConfSection, key: str) -> set[str]:
    return {name.strip().lower() for name in user.get_setting_value(key).split(",") if name.strip()}


def check_http_server(configuration: Configuration) -> Iterator[Finding]:
    """Check http.conf, the settings of Asterisk's web server, which only phones in browsers need."""
    general = configuration.get_parsed_conf_file("http.conf").find_section("general")
    if general is None:
        return
    address, settings = general.get_setting_value("bindaddr", "0.0.0.0"), configuration.settings  # noqa: S104
    intended = settings is not None and address == settings.ami.host  # the desk reaches it on the manager's network
    if is_setting_value_true(general.get_setting_value("enabled", "no")) and not (
        is_loopback_address(address) or intended
    ):
        yield report_unsafe_setting(
            general, "bindaddr", "plain HTTP is reachable from other machines", "bindaddr=127.0.0.1"
        )
    if is_setting_value_true(general.get_setting_value("tlsenable", "no")) and not general.get_setting_value(
        "tlscertfile"
    ):
        yield report_broken_setting(general, "tlsenable", "HTTPS has no certificate", "tlscertfile= and tlsprivatekey=")
    if is_setting_value_true(
        general.get_setting_value("enablestatic", general.get_setting_value("enable_static", "no"))
    ):
        yield report_unsafe_setting(general, "enablestatic", "files are served to any client", "enablestatic=no")
