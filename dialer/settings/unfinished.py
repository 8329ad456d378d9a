"""What of a site's settings is still the example's, or a secret that anybody would try first: by its make, not by a dictionary.

`dialer check` says it, `dialer asterisk render` and `dialer run` refuse it. Nothing here repeats a secret.
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
from dialer.settings.lines import Carrier
from dialer.settings.site import Settings

LEAST_SECRET: Final = 12
MAKE_ONE: Final = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"

_MOST_ALIKE: Final = 4  # letters in all: "aaaa1111aaaa" is none of a machine's making
_PLACEHOLDER: Final = re.compile(
    r"change.?(me|this)|replace.?(me|this)|place.?holder|example|\byour\b|^<.*>$|^[x*._-]+$", re.IGNORECASE
)
_SECRET_KEY: Final = re.compile(r"(^|_)(secret|password|pin|token)s?(_known)?$")
_SHIPPED_PINS: Final = frozenset(
    # of 2468: the example had it, and sites that copied it still may
    {"$argon2id$v=19$m=65536,t=3,p=4$hXBalvbPMzyNhw3wJGBloA$NrkYsKboRoEoubG0wpPa7b5RBgNTA4AFLpM2HnoF4+k"}
)
_SHIPPED_SECRETS: Final = frozenset({"matdan", "dialler"})
_RESERVED_NAMES: Final = (".example", ".invalid", ".test", ".example.com", ".example.net", ".example.org")  # RFC 2606
_RESERVED_NETWORKS: Final = tuple(  # RFC 5737, RFC 3849
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


def why_weak(secret: str, owner: str = "", *, least: int = LEAST_SECRET) -> str | None:
    """Why a secret is none; None: it is one, as far as can be seen. `least`: characters, where a site may choose them."""
    if secret.lower() in _SHIPPED_SECRETS | {owner.lower()}:
        return "is its owner's name, or came with the example"
    if _PLACEHOLDER.search(secret):
        return "is a placeholder"
    if len(set(secret)) <= _MOST_ALIKE or _repeats(secret) or _is_row(list(map(ord, secret))):
        return "is a row or a repetition"
    return f"has fewer than {least} characters" if len(secret) < least else None


def why_trivial(pin: str) -> str | None:
    """Why a PIN is the first that anybody would try; None: it is not."""
    if _repeats(pin) or len(set(pin)) <= 2:
        return "repeats itself"
    return "is a row of digits" if _is_row(list(map(int, pin)), 10) else None


def is_placeholder_host(host: str) -> bool:
    """Whether a host is a name or an address of documentation, behind which nobody ever answers."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        return f".{host}".endswith(_RESERVED_NAMES)
    return any(address in network for network in _RESERVED_NETWORKS if network.version == address.version)


def unfinished(settings: Settings) -> Iterator[SettingError]:
    """Everything of the settings that is a placeholder or a secret that is none, in their order."""
    carried = [trunk for trunk in settings.trunks if trunk.carrier is Carrier.ASTERISK]
    if settings.seats or carried:
        if settings.ami.secret is None:
            yield SettingError("settings", "ami.secret", "is not set", f"{MAKE_ONE}, and set it or MATDAN_AMI__SECRET")
        yield from _secret("ami.secret", settings.ami.secret, settings.ami.username)
    yield from _secret("broker.password", settings.broker.password, settings.broker.username or "")
    yield from _secret("desk.broker_password", settings.desk.broker_password, settings.desk.user or "")
    uplink = settings.headquarters
    yield from _secret("headquarters.broker_password", uplink.broker_password, uplink.user or "")
    yield from _secret("rules.opt_out_secret", settings.rules.opt_out_secret)
    for number, known in enumerate(settings.rules.opt_out_secrets_known):
        yield from _secret(f"rules.opt_out_secrets_known.{number}", known, least=1)
    if settings.twilio.enabled:
        yield from _secret("twilio.auth_token", settings.twilio.auth_token, settings.twilio.account_sid, least=1)
    for number, trunk in enumerate(settings.trunks):
        key = f"trunks.{number}"
        if trunk.host is not None and is_placeholder_host(trunk.host):
            remedy = f"write the SIP host of {trunk.name!r}, as the carrier names it"
            yield SettingError(
                "settings", f"{key}.host", f"{trunk.host} is a placeholder, at which nobody answers", remedy
            )
        # How long a carrier's password is, the carrier decides.
        yield from _secret(f"{key}.password", trunk.password, trunk.username or "", least=1)
    for number, seat in enumerate(settings.seats):
        yield from _secret(f"seats.{number}.password", seat.password, seat.endpoint)
    for number, agent in enumerate(settings.agents):
        if agent.pin.get_secret_value() in _SHIPPED_PINS:
            remedy = "give each agent a PIN of their own: dialer agent hash-pin"
            yield SettingError("settings", f"agents.{number}.pin", "is the example's, which everybody knows", remedy)


def _secret(key: str, value: SecretStr | None, owner: str = "", *, least: int = LEAST_SECRET) -> Iterator[SettingError]:
    why = None if value is None else why_weak(value.get_secret_value(), owner, least=least)
    if why is not None:
        yield SettingError("settings", key, why, MAKE_ONE if least > 1 else "write the one that the carrier gave")


def refuse_unfinished(settings: Settings, file: Path) -> None:
    """Raise SettingError for the first thing that is unfinished."""
    for each in unfinished(settings):
        raise SettingError(str(file), each.key, each.problem, each.remedy)


def others_may_read(settings: Settings, file: Path) -> str | None:
    """What is wrong with the rights of a settings file that holds secrets; None: nothing, or it is no file on a disk."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    if not stat.S_ISREG(mode) or not mode & stat.S_IROTH or not _holds_secrets(settings.file.table):
        return None
    return (
        f"{file} holds secrets and every user of this machine may read it: chmod 640 it, and change those that mattered"
    )


def _holds_secrets(value: Any) -> bool:
    """Whether a secret stands in what a file says, or below. A PIN's hash is one: four digits are guessed from it in an hour."""
    if isinstance(value, list):
        return any(map(_holds_secrets, value))
    if not isinstance(value, dict):
        return False
    return any(_SECRET_KEY.search(key) is not None or _holds_secrets(inner) for key, inner in value.items())


def _repeats(text: str) -> bool:
    """Whether it is one piece over and over: 1111, 1212, abcabc."""
    return len(text) > 1 and text in (text + text)[1:-1]


def _is_row(values: list[int], modulus: int | None = None) -> bool:
    """Whether each follows the one before by the same step: 1234, 2468, 9876, and with a modulus 7890."""
    steps = {(after - before) % modulus if modulus else after - before for before, after in itertools.pairwise(values)}
    return len(values) > 2 and len(steps) == 1
