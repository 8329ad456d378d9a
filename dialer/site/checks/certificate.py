"""Checks of certificates: the TLS certificates of the web server (desk) and the broker, and the certificates with which
calls are signed (STIR/SHAKEN).
"""

from __future__ import annotations

import socket
import ssl
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.settings.fields import is_loopback_host
from dialer.settings.site import Settings

EXPIRES_SOON_DAYS = 30
CONNECT_SECONDS = 5.0
_SIGN_WITH = "save the certificate of your STIR/SHAKEN authority there and at its certificate_url"
_CREATE = "create one with `dialer desk certificate`"
_RENEW = "renew it (`dialer desk certificate --renew` for one of the site's own CA), and restart the desk"


def check_desk_certificate(settings: Settings, now: float) -> Iterator[Finding]:
    """Check the TLS certificate of the desk's pages: host name, issuer and validity.

    Raises OSError if it cannot be read.
    """
    subject, path, key = "desk certificate", settings.desk.certificate, settings.desk.private_key
    if path is None or key is None:
        return
    if not path.exists():
        yield make_error_finding(subject, f"{path} does not exist", _CREATE)
        return
    try:
        from cryptography import x509  # noqa: PLC0415 - of the extra `desk`
    except ModuleNotFoundError:
        yield make_warning_finding(subject, f"{path} was not checked: cryptography is not installed (extra desk)")
        return
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError:
        yield make_error_finding(subject, f"{path} is not a certificate in PEM format", _CREATE)
        return
    if key.stat().st_mode & stat.S_IROTH:
        yield make_error_finding(subject, f"every user of this machine can read its key {key}", f"chmod 640 {key}")
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [
            *alternative.get_values_for_type(x509.DNSName),
            *map(str, alternative.get_values_for_type(x509.IPAddress)),
        ]
    except x509.ExtensionNotFound:
        names = []
    host = urlsplit(settings.desk.get_url_of_pages(settings.desk.port)).hostname or settings.desk.host
    if not {host, f"*.{host.partition('.')[2]}"} & set(names):
        text = (
            f"{path} is for {' and '.join(names) or 'no name'}, but the desk's address has {host}: browsers reject it"
        )
        yield make_error_finding(subject, text, _CREATE)
    moment = datetime.fromtimestamp(now, UTC)
    days_left = (certificate.not_valid_after_utc - moment).days
    text = f"{path} is valid until {certificate.not_valid_after_utc:%Y-%m-%d}, {days_left} days left"
    if certificate.not_valid_after_utc <= moment:
        yield make_error_finding(subject, f"{path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}", _RENEW)
    elif moment < certificate.not_valid_before_utc:
        text = f"{path} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
        yield make_error_finding(subject, text, "check this machine's clock")
    elif certificate.issuer == certificate.subject:
        yield make_warning_finding(subject, f"{text}; it is self-signed, which browsers do not trust", _CREATE)
    elif days_left <= EXPIRES_SOON_DAYS:
        yield make_warning_finding(subject, text, _RENEW)
    else:
        yield make_ok_finding(
            subject, f"{text}; browsers trust it where {certificate.issuer.rfc4514_string()} is installed"
        )


def check_broker_certificate(settings: Settings, now: float) -> Iterator[Finding]:
    """Check how long the broker's TLS certificate is still valid.

    Raises OSError if the broker cannot be reached.
    """
    broker = settings.broker
    if not broker.enabled or not broker.tls:
        return
    context = ssl.create_default_context(cafile=broker.ca_file)
    with (
        socket.create_connection((broker.host, broker.port), CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as secure,
    ):
        until = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    days_left = (until - now) / 86_400
    text = f"valid until {time.strftime('%Y-%m-%d', time.gmtime(until))}, {days_left:.0f} days left"
    if days_left > EXPIRES_SOON_DAYS:
        yield make_ok_finding("broker certificate", text)
    else:
        yield make_warning_finding("broker certificate", text, "renew it, and restart the broker")


def check_signing_certificates(settings: Settings, now: float) -> Iterator[Finding]:
    """Check how long the certificates with which trunks sign calls (STIR/SHAKEN) are still valid. Certificates are not
    checked if Asterisk runs on another machine.

    The check is needed because Asterisk goes on signing with an expired certificate, and the carriers of the called
    voters then reject the signature. Raises OSError if a certificate cannot be read.
    """
    if not is_loopback_host(settings.ami.host):
        return
    for trunk in settings.trunks:
        if trunk.stir_shaken is None or trunk.stir_shaken.certificate is None:
            continue
        path, subject = Path(trunk.stir_shaken.certificate), f"signing certificate of trunk {trunk.name}"
        try:
            from cryptography import x509  # noqa: PLC0415 - of the extra `desk`
            from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
        except ModuleNotFoundError:
            yield make_warning_finding(subject, f"{path} was not checked: cryptography is not installed (extra desk)")
            return
        try:
            certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        except ValueError:
            yield make_error_finding(subject, f"{path} is not a certificate in PEM format", _SIGN_WITH)
            continue
        key, until = certificate.public_key(), certificate.not_valid_after_utc
        days_left = (until - datetime.fromtimestamp(now, UTC)).days
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            yield make_error_finding(subject, f"the key of {path} is not EC P-256, as STIR/SHAKEN needs", _SIGN_WITH)
        elif days_left < 0:
            yield make_error_finding(subject, f"{path} expired on {until:%Y-%m-%d}: carriers reject it", _SIGN_WITH)
        else:
            make = make_ok_finding if days_left > EXPIRES_SOON_DAYS else make_warning_finding
            yield make(subject, f"{path} is valid until {until:%Y-%m-%d}, {days_left} days left")
