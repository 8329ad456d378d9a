"""Detection of placeholders and weak secrets in a site's settings.

`dialer check` reports them; `dialer asterisk render` and `dialer run` refuse them. Messages never contain a secret.
"""

from __future__ import annotations

import itertools
import re
import stat
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from dialer.errors import SettingError
from dialer.settings.site import Settings
from dialer.settings.trunks import Carrier

MIN_SECRET_LENGTH: Final = 12
CREATE_ONE: Final = "create one with python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"

_PLACEHOLDER_HOST: Final = re.compile(r"(^|[.-])(your|change-?me|replace-?me|placeholder)([.-]|$)")
_MIN_DIFFERENT: Final = 5  # different characters in a secret
_PLACEHOLDER: Final = re.compile(
    r"change.?(me|this)|replace.?(me|this)|place.?holder|example|\byour\b|^<.*>$|^[x*._-]+$", re.IGNORECASE
)
_SECRET_KEY: Final = re.compile(r"(^|_)(secret|password|pin|token)s?$")
_SHIPPED_PINS: Final = frozenset(
    # the hash of 2468, from an earlier example that sites may have copied
    {"$argon2id$v=19$m=65536,t=3,p=4$hXBalvbPMzyNhw3wJGBloA$NrkYsKboRoEoubG0wpPa7b5RBgNTA4AFLpM2HnoF4+k"}
)
_SHIPPED_SECRETS: Final = frozenset({"matdan", "dialler"})
_RESERVED_NAMES: Final = (".example", ".invalid", ".test", ".example.com", ".example.net", ".example.org")  # RFC 2606
_RESERVED_NETWORKS: Final = tuple(  # RFC 5737, RFC 3849
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


def find_secret_weakness(secret: str, owner: str = "", *, least: int = MIN_SECRET_LENGTH) -> str | None:
    """Return why a secret is easily guessed, or None if it seems strong.

    `least` is the minimum length (characters). `owner` is the name of the user whose secret it is.
    """
    if secret.lower() in _SHIPPED_SECRETS | {owner.lower()}:
        return "is its user's name, or from the example"
    if _PLACEHOLDER.search(secret):
        return "is a placeholder"
    if (
        len(set(secret)) < _MIN_DIFFERENT
        or _is_text_repeated_pattern(secret)
        or _is_number_sequence(list(map(ord, secret)))
    ):
        return "is a sequence or a repetition"
    return f"has fewer than {least} characters" if len(secret) < least else None


def find_pin_weakness(pin: str) -> str | None:
    """Return why a PIN is easily guessed, or None if it is not."""
    if _is_text_repeated_pattern(pin) or len(set(pin)) <= 2:
        return "is a repetition"
    return "is a sequence of digits" if _is_number_sequence(list(map(int, pin)), 10) else None


def is_placeholder_host(host: str) -> bool:
    """Return whether a host name or address cannot be real: a placeholder, or reserved for documentation."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        return f".{host}".endswith(_RESERVED_NAMES) or _PLACEHOLDER_HOST.search(host) is not None
    return any(address in network for network in _RESERVED_NETWORKS if network.version == address.version)


def find_placeholders_and_weak_secrets(settings: Settings) -> Iterator[SettingError]:
    """Yield an error for every placeholder and every weak secret in the settings."""
    on_asterisk = [trunk for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK]
    if settings.seats or on_asterisk:
        if settings.ami.secret is None:
            yield SettingError(
                "settings", "ami.secret", "is not set", f"{CREATE_ONE}, and set it or MATDAN_AMI__SECRET"
            )
        yield from _report_weak_secret("ami.secret", settings.ami.secret, settings.ami.username)
    yield from _report_weak_secret("broker.password", settings.broker.password, settings.broker.username or "")
    yield from _report_weak_secret("desk.broker_password", settings.desk.broker_password, settings.desk.user or "")
    uplink = settings.headquarters
    yield from _report_weak_secret("headquarters.broker_password", uplink.broker_password, uplink.user or "")
    yield from _report_weak_secret("rules.opt_out_secret", settings.rules.opt_out_secret)
    for number, accepted in enumerate(settings.rules.accepted_opt_out_secrets):
        yield from _report_weak_secret(f"rules.accepted_opt_out_secrets[{number}]", accepted, least=1)
    if settings.twilio.enabled:
        yield from _report_weak_secret(
            "twilio.auth_token", settings.twilio.auth_token, settings.twilio.account_sid, least=1
        )
    mail = settings.report_mail
    yield from _report_weak_secret(
        "report_mail.password", mail.password, mail.username or "", least=1, giver="mail provider"
    )
    for trunk in settings.trunks:
        key = f"trunks.{trunk.name}"
        if trunk.host is not None and is_placeholder_host(trunk.host):
            problem, remedy = f"{trunk.host} is a placeholder", "write the SIP host that the carrier gave you"
            yield SettingError("settings", f"{key}.host", problem, remedy)
        if trunk.username is not None and _PLACEHOLDER.search(trunk.username):
            problem, remedy = f"{trunk.username} is a placeholder", "write the account that the carrier gave you"
            yield SettingError("settings", f"{key}.username", problem, remedy)
        # The carrier chooses this password, so its length is not checked.
        yield from _report_weak_secret(f"{key}.password", trunk.password, trunk.username or "", least=1)
    for seat in settings.seats:
        yield from _report_weak_secret(f"seats.{seat.name}.password", seat.password, seat.endpoint)
    for agent in settings.agents:
        if agent.pin.get_secret_value() in _SHIPPED_PINS:
            remedy = "give each agent a new PIN, hashed with `dialer agent hash-pin`"
            yield SettingError("settings", f"agents.{agent.number}.pin", "is the PIN of the example", remedy)


def _report_weak_secret(
    key: str, value: SecretStr | None, owner: str = "", *, least: int = MIN_SECRET_LENGTH, giver: str = "carrier"
) -> Iterator[SettingError]:
    why = None if value is None else find_secret_weakness(value.get_secret_value(), owner, least=least)
    if why is not None:
        yield SettingError("settings", key, why, CREATE_ONE if least > 1 else f"use the one that the {giver} gave you")


def refuse_placeholders_and_weak_secrets(settings: Settings, file: Path) -> None:
    """Raise SettingError, with the line in `file`, for the first placeholder or weak secret in the settings."""
    for each in find_placeholders_and_weak_secrets(settings):
        line = settings.text_of_settings_file.locate_setting(each.key.split(".")).rpartition(":")[2]
        place = f"{file}:{line}" if line.isdigit() else str(file)
        raise SettingError(place, each.key, each.problem, each.remedy)


def find_unsafe_permissions(settings: Settings, file: Path) -> str | None:
    """Return a warning if every user of the machine can read a settings file with secrets, otherwise None."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    if (
        not stat.S_ISREG(mode)
        or not mode & stat.S_IROTH
        or not _does_table_contain_secret(settings.text_of_settings_file.table)
    ):
        return None
    return f"{file} contains secrets, and every user of this machine can read it; chmod 640 it, and replace its secrets"


def _does_table_contain_secret(value: Any) -> bool:
    """Return whether a table of settings contains a secret. A PIN hash counts as a secret, because a short PIN can be
    found from it.
    """
    if isinstance(value, list):
        return any(map(_does_table_contain_secret, value))
    if not isinstance(value, dict):
        return False
    return any(_SECRET_KEY.search(key) is not None or _does_table_contain_secret(inner) for key, inner in value.items())


def _is_text_repeated_pattern(text: str) -> bool:
    """Return whether a text is a repeated pattern, such as 1111, 1212 or abcabc."""
    return len(text) > 1 and text in (text + text)[1:-1]


def _is_number_sequence(values: list[int], modulus: int | None = None) -> bool:
    """Return whether each number differs from the one before it by the same step: 1234, 2468, 9876. With `modulus` 10,
    0 follows 9, so that 7890 is a sequence too.
    """
    steps = {(after - before) % modulus if modulus else after - before for before, after in itertools.pairwise(values)}
    return len(values) > 2 and len(steps) == 1
