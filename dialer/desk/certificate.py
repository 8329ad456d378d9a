"""Create the TLS certificate of the page server (the desk), and the site's own CA that signs it.

The CA is created once and installed on the PCs. Later only the certificate is renewed. A name constraint (RFC 5280,
4.2.1.10) limits the CA to the host names of the pages, so that a stolen CA key cannot be used to impersonate other
sites.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import signature
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dialer.errors import SettingError
from dialer.settings.desk import PageServer

CERTIFICATE_DAYS = 730  # Apple accepts at most 825, also from a private CA: support.apple.com/103769
CA_DAYS = 3_650
EARLY = timedelta(days=1)  # for PCs whose clock is slow
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

Name = str | IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The paths of the site's CA and of the desk's certificate, each with its key."""

    certificate: Path
    key: Path
    ca: Path
    ca_key: Path


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A new certificate: its files, names and validity."""

    files: CertificateFiles
    names: tuple[Name, ...]
    until: datetime
    ca_until: datetime
    ca_is_new: bool
    fingerprint: str  # of the CA (SHA-256), to compare on the PCs


def locate_certificate_files(desk: PageServer, ca: Path | None) -> CertificateFiles:
    """Return the paths of the desk's certificate and of the CA, each with its key.

    The certificate's path comes from the settings. The CA is in the folder `ca`. If `ca` is None, it is next to the
    certificate. Raises SettingError if the settings have no certificate or key.
    """
    if desk.certificate is None or desk.private_key is None:
        remedy = 'set their paths: certificate = "/etc/matdan/desk.pem", private_key = "/etc/matdan/desk.key"'
        raise SettingError("settings", "desk.certificate", "and desk.private_key are not set", remedy)
    folder = ca or desk.certificate.parent
    return CertificateFiles(desk.certificate, desk.private_key, folder / "site-ca.pem", folder / "site-ca.key")


def create_certificate_of_page_server(
    files: CertificateFiles, centre: str, own: str, given: list[str], now: float, *, renew: bool
) -> IssuedCertificate:
    """Create the certificate of a page server with the existing CA or a new one. Existing keys are reused.

    The certificate is valid for the host names `given`. If none are given, it is valid for all names that an existing
    CA permits, or with a new CA only for `own`, the host name that people type. Raises SettingError; no file has
    changed then.
    """
    at = datetime.fromtimestamp(now, UTC)
    asked = tuple(dict.fromkeys(_parse_name_for_certificate(each) for each in given))
    old = _read_certificate(files.certificate)
    if old is not None and not renew:
        raise _create_error_about_certificate(
            files.certificate,
            f"exists and is valid until {old.not_valid_after_utc:%Y-%m-%d}",
            "use --renew to replace it",
        )
    ca = _read_certificate(files.ca)
    if ca is None:
        names = asked or (_parse_name_for_certificate(own),)
    else:
        names = _choose_names_permitted_by_ca(ca, files, asked)
        _check_ca_is_usable(ca, files, at)
    if _parse_name_for_certificate(own) not in names:
        problem = f"people type {own}, but the certificate would be for {_join_certificate_names(names)}"
        remedy = f"add --name {own}" if ca is None else _describe_ca_replacement(files)
        raise SettingError("settings", "desk.address", problem, remedy)
    if old is not None and (ca is None or not _is_certificate_issued_by_ca(ca, old)):
        raise _create_error_about_certificate(
            files.certificate, f"was not issued by {files.ca}", "move it and its key away"
        )
    ca_is_new = ca is None
    ca_key = _read_or_create_key(files.ca_key)
    if ca is None:
        ca = _create_ca_certificate(ca_key, centre, names, at)
        _replace_certificate_file(files.ca, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    key = _read_or_create_key(files.key)
    certificate = _create_server_certificate(ca, ca_key, key.public_key(), centre, names, at)
    _replace_certificate_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    fingerprint = ca.fingerprint(hashes.SHA256()).hex(":").upper()
    return IssuedCertificate(
        files, names, certificate.not_valid_after_utc, ca.not_valid_after_utc, ca_is_new, fingerprint
    )


def _parse_name_for_certificate(text: str) -> Name:
    try:
        address = ip_address(text)
    except ValueError:
        name = text.lower()
        if _DNS.fullmatch(name) and not name.replace(".", "").isdigit():
            return name
        remedy = "use a name such as desk.example.org or an address such as 10.0.0.5"
        raise SettingError("certificate", "name", f"{text!r} is not a host name or IP address", remedy) from None
    if address.is_unspecified:
        remedy = "set desk.address, or use --name with the name or address that people type"
        raise SettingError("certificate", "name", f"{text} stands for every address, so nobody can type it", remedy)
    return address


def _join_certificate_names(names: tuple[Name, ...]) -> str:
    return " and ".join(map(str, names))


def _describe_ca_replacement(files: CertificateFiles) -> str:
    return f"move {files.ca} and {files.ca_key} away: a new CA is then created, which must be installed on every PC"


def _create_error_about_certificate(path: Path, problem: str, remedy: str) -> SettingError:
    return SettingError(str(path), "(file)", problem, remedy)


def _choose_names_permitted_by_ca(
    ca: x509.Certificate, files: CertificateFiles, asked: tuple[Name, ...]
) -> tuple[Name, ...]:
    """Return the requested names. If none are requested, return all names that the CA permits.

    Raises SettingError for a name that the CA does not permit.
    """
    try:
        permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    except x509.ExtensionNotFound:
        raise _create_error_about_certificate(
            files.ca, "has no name constraints, so this command did not create it", _describe_ca_replacement(files)
        ) from None
    own = tuple(_convert_certificate_name(each) for each in permitted)
    for name in asked:
        if name not in own:
            raise _create_error_about_certificate(
                files.ca,
                f"is valid only for {_join_certificate_names(own)}, not for {name}",
                _describe_ca_replacement(files),
            )
    return asked or own


def _convert_certificate_name(name: x509.GeneralName) -> Name:
    return str(name.value) if isinstance(name, x509.DNSName) else ip_address(str(name.value).partition("/")[0])


def _check_ca_is_usable(ca: x509.Certificate, files: CertificateFiles, at: datetime) -> None:
    if ca.not_valid_after_utc <= at:
        raise _create_error_about_certificate(
            files.ca, f"expired on {ca.not_valid_after_utc:%Y-%m-%d}", _describe_ca_replacement(files)
        )
    if not files.ca_key.exists():
        raise _create_error_about_certificate(
            files.ca_key, "does not exist", "restore it, or name its folder with --ca"
        )
    if _read_or_create_key(files.ca_key).public_key() != ca.public_key():
        raise _create_error_about_certificate(files.ca_key, f"is not the key of {files.ca}", "restore the right key")


def _is_certificate_issued_by_ca(ca: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _create_ca_certificate(
    key: ec.EllipticCurvePrivateKey, centre: str, names: tuple[Name, ...], at: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Matdan {centre} desk CA")])
    subtrees = [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(ip_network(name)) for name in names]
    builder = _create_certificate_builder(subject, subject, key.public_key(), at, timedelta(days=CA_DAYS))
    for extension in (
        x509.BasicConstraints(ca=True, path_length=0),
        _create_key_usage_extension("key_cert_sign", "crl_sign"),
        x509.NameConstraints(subtrees, _list_name_kinds_excluded_by_ca(names)),
    ):
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256())


def _create_server_certificate(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    centre: str,
    names: tuple[Name, ...],
    at: datetime,
) -> x509.Certificate:
    # No common name: some verifiers check it against the name constraints as if it were a host name.
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Matdan desk of {centre}")])
    length = min(timedelta(days=CERTIFICATE_DAYS), ca.not_valid_after_utc - at)
    alternatives = [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name) for name in names]
    return (
        _create_certificate_builder(subject, ca.subject, key, at, length)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_create_key_usage_extension("digital_signature"), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _create_certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, length: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(at - EARLY)
        .not_valid_after(at + length)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _create_key_usage_extension(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in signature(x509.KeyUsage).parameters})


def _list_name_kinds_excluded_by_ca(names: tuple[Name, ...]) -> list[x509.GeneralName] | None:
    """Return the kinds of names, such as IP addresses, that the CA must exclude explicitly.

    If the constraints of a CA do not mention a kind, all names of that kind are permitted.
    """
    excluded: list[x509.GeneralName] = []
    if not any(isinstance(name, str) for name in names):
        excluded.append(x509.DNSName(""))
    if all(isinstance(name, str) for name in names):
        excluded += [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    return excluded or None


# Files.


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _create_error_about_certificate(path, "is not a certificate", "move this file away") from error
    except OSError as error:
        raise _create_error_about_certificate(
            path, f"cannot be read ({error.strerror})", "let this user read this file"
        ) from error


def _read_or_create_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of a file. If there is none, create one that only this user may read."""
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        made = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        text = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        _replace_certificate_file(path, text, 0o600)
        return made
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _create_error_about_certificate(path, "is not a key without a password", "move this file away") from error
    except OSError as error:
        raise _create_error_about_certificate(
            path, f"cannot be read ({error.strerror})", "let this user read this file"
        ) from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise _create_error_about_certificate(
            path, "is not an elliptic-curve key as this command creates", "move this file away"
        )
    return found


def _replace_certificate_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole, or leave it unchanged on an error."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError as error:
        raise _create_error_about_certificate(
            path, f"cannot be written ({error.strerror})", "create the folder, or let this user write there"
        ) from error
