"""How the desk's certificate stands: for the names that people type, of whom, for how long."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from dialer.settings.site import Settings
from dialer.site.checks.finding import Finding, bad, good, note

SOON_DAYS = 30  # until it ends
_MAKES_ONE = "`dialer desk certificate` makes one"


def desk_certificate(settings: Settings, now: float) -> Iterator[Finding]:
    """How the certificate stands that the settings name, at a moment. Raises OSError where it cannot be read."""
    what, path, key = "desk certificate", settings.desk.certificate, settings.desk.private_key
    if path is None or key is None:
        return
    if not path.exists():
        yield bad(what, f"{path} is not there; {_MAKES_ONE}")
        return
    try:
        from cryptography import x509  # noqa: PLC0415 - of the extra `desk`
    except ModuleNotFoundError:
        yield note(what, f"{path} was not looked at: cryptography is not installed (extra desk)")
        return
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError:
        yield bad(what, f"{path} is no certificate in PEM; {_MAKES_ONE}")
        return
    if key.stat().st_mode & stat.S_IROTH:
        yield bad(what, f"every user of this machine may read its key: chmod 640 {key}")
    try:
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        names = []
    typed = urlsplit(settings.desk.origin(settings.desk.port)).hostname or settings.desk.host
    if not {typed, f"*.{typed.partition('.')[2]}"} & set(names):
        text = f"{path} is for {' and '.join(names) or 'no name'}, and people type {typed}: no browser opens the page"
        yield bad(what, text)
    at = datetime.fromtimestamp(now, UTC)
    left = (found.not_valid_after_utc - at).days
    told = f"{path}, until {found.not_valid_after_utc:%Y-%m-%d}, {left} days left"
    renewed = "renew it (one of the site's CA: dialer desk certificate --renew), and start the desk again"
    if found.not_valid_after_utc <= at:
        yield bad(what, f"{path} ended on {found.not_valid_after_utc:%Y-%m-%d}: {renewed}")
    elif at < found.not_valid_before_utc:
        text = f"{path} begins on {found.not_valid_before_utc:%Y-%m-%d}: compare this machine's clock with a watch"
        yield bad(what, text)
    elif found.issuer == found.subject:
        yield note(what, f"{told}; it is signed by itself, which no browser trusts: {_MAKES_ONE}")
    elif left <= SOON_DAYS:
        yield note(what, f"{told}: {renewed}")
    else:
        yield good(what, f"{told}; browsers know it where {found.issuer.rfc4514_string()} is installed")
