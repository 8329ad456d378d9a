"""A certificate for the desk from a CA of the site's own, which can speak for the desk's names and for nothing else.

The CA is made once and installed on the PCs; what is renewed is the certificate alone. The CA is bound by its purpose and by name
constraints (RFC 5280, 4.2.1.10): whoever steals its key cannot speak for a bank.
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

CERTIFICATE_DAYS = 730  # Apple takes none of more than 825, of a CA of one's own neither: support.apple.com/103769
CA_DAYS = 3_650
EARLY = timedelta(days=1)  # for PCs whose clock is behind
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

Name = str | IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a site keeps its CA and the desk's certificate, each with its key."""

    certificate: Path
    key: Path
    ca: Path
    ca_key: Path


@dataclass(frozen=True, slots=True)
class CertificateMade:
    """What was made, and for which names."""

    files: CertificateFiles
    names: tuple[Name, ...]
    until: datetime
    ca_until: datetime
    ca_is_new: bool
    fingerprint: str  # of the CA: SHA-256, by which a person knows it


def certificate_files(desk: PageServer, ca: Path | None) -> CertificateFiles:
    """Where the settings want the certificate, and the CA beside it or in the folder `ca`. Raises SettingError."""
    if desk.certificate is None or desk.private_key is None:
        remedy = 'say where they shall lie: certificate = "/etc/matdan/desk.pem", private_key = "/etc/matdan/desk.key"'
        raise SettingError("settings", "desk.certificate", "and desk.private_key are not set", remedy)
    folder = ca or desk.certificate.parent
    return CertificateFiles(desk.certificate, desk.private_key, folder / "site-ca.pem", folder / "site-ca.key")


def make_certificate(
    files: CertificateFiles, centre: str, own: str, given: list[str], now: float, *, renew: bool
) -> CertificateMade:
    """Make the desk's certificate, with the CA that is there or a new one; keys that are there are used.

    `own` is what people type; `given` are all names, without any those of the CA. Raises SettingError, and then nothing is changed
    that was there.
    """
    at = datetime.fromtimestamp(now, UTC)
    asked = tuple(dict.fromkeys(_read_name(each) for each in given))
    old = _read_certificate(files.certificate)
    if old is not None and not renew:
        raise _refused(
            files.certificate, f"is there, until {old.not_valid_after_utc:%Y-%m-%d}", "--renew makes it anew"
        )
    ca = _read_certificate(files.ca)
    if ca is None:
        names = asked or (_read_name(own),)
    else:
        names = _within(ca, files, asked)
        _refuse_unfit(ca, files, at)
    if _read_name(own) not in names:
        told = f"people type {own}, and the certificate would be for {_told(names)}"
        remedy = f"add --name {own}" if ca is None else _new_ca(files)
        raise SettingError("settings", "desk.address", told, remedy)
    if old is not None and (ca is None or not _made_by(ca, old)):
        raise _refused(files.certificate, f"was not made by {files.ca}", "move it away, and its key")
    ca_is_new = ca is None
    ca_key = _key(files.ca_key)
    if ca is None:
        ca = _new_ca_certificate(ca_key, centre, names, at)
        _write(files.ca, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    key = _key(files.key)
    made = _new_certificate(ca, ca_key, key.public_key(), centre, names, at)
    _write(files.certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    fingerprint = ca.fingerprint(hashes.SHA256()).hex(":").upper()
    return CertificateMade(files, names, made.not_valid_after_utc, ca.not_valid_after_utc, ca_is_new, fingerprint)


def _read_name(text: str) -> Name:
    try:
        address = ip_address(text)
    except ValueError:
        name = text.lower()
        if _DNS.fullmatch(name) and not name.replace(".", "").isdigit():
            return name
        remedy = "give a name such as desk.example.org, or an address such as 10.0.0.5"
        raise SettingError("certificate", "name", f"{text!r} is no name of a machine", remedy) from None
    if address.is_unspecified:
        remedy = "set desk.address, or give --name with the name or address that people type"
        raise SettingError("certificate", "name", f"{text} is every address, and nobody can type it", remedy)
    return address


def _told(names: tuple[Name, ...]) -> str:
    return " and ".join(map(str, names))


def _new_ca(files: CertificateFiles) -> str:
    return f"move {files.ca} and {files.ca_key} away: a new CA is made then, which every PC must install"


def _refused(path: Path, problem: str, remedy: str) -> SettingError:
    return SettingError(str(path), "(file)", problem, remedy)


def _within(ca: x509.Certificate, files: CertificateFiles, asked: tuple[Name, ...]) -> tuple[Name, ...]:
    """The names for which the CA may speak, or those of them that are asked for."""
    try:
        permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    except x509.ExtensionNotFound:
        raise _refused(files.ca, "may speak for every name: it is none of this command's", _new_ca(files)) from None
    own = tuple(_name_of(each) for each in permitted)
    for name in asked:
        if name not in own:
            raise _refused(files.ca, f"speaks for {_told(own)} alone, not for {name}", _new_ca(files))
    return asked or own


def _name_of(name: x509.GeneralName) -> Name:
    return str(name.value) if isinstance(name, x509.DNSName) else ip_address(str(name.value).partition("/")[0])


def _refuse_unfit(ca: x509.Certificate, files: CertificateFiles, at: datetime) -> None:
    if ca.not_valid_after_utc <= at:
        raise _refused(files.ca, f"ended on {ca.not_valid_after_utc:%Y-%m-%d}", _new_ca(files))
    if not files.ca_key.exists():
        raise _refused(files.ca_key, "is not there", "bring it back, or name its folder with --ca")
    if _key(files.ca_key).public_key() != ca.public_key():
        raise _refused(files.ca_key, f"is not the key of {files.ca}", "bring back the right one")


def _made_by(ca: x509.Certificate, made: x509.Certificate) -> bool:
    try:
        made.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _new_ca_certificate(
    key: ec.EllipticCurvePrivateKey, centre: str, names: tuple[Name, ...], at: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Matdan {centre} desk CA")])
    subtrees = [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(ip_network(name)) for name in names]
    builder = _begun(subject, subject, key.public_key(), at, timedelta(days=CA_DAYS))
    for extension in (
        x509.BasicConstraints(ca=True, path_length=0),
        _usage("key_cert_sign", "crl_sign"),
        x509.NameConstraints(subtrees, _no_others(names)),
    ):
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256())


def _new_certificate(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    centre: str,
    names: tuple[Name, ...],
    at: datetime,
) -> x509.Certificate:
    # No common name: some verifiers hold it against the constraints as if it were a machine's.
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Matdan desk of {centre}")])
    length = min(timedelta(days=CERTIFICATE_DAYS), ca.not_valid_after_utc - at)
    alternatives = [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name) for name in names]
    return (
        _begun(subject, ca.subject, key, at, length)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, length: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(at - EARLY)
        .not_valid_after(at + length)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in signature(x509.KeyUsage).parameters})


def _no_others(names: tuple[Name, ...]) -> list[x509.GeneralName] | None:
    """What is excluded: a kind of name that is not permitted anywhere is otherwise free."""
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
        raise _refused(path, "is there, and no certificate", "move it away") from error
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})", "correct this user's rights") from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a file; a new one, which only this user may read, where there is none."""
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        made = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        text = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        _write(path, text, 0o600)
        return made
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused(path, "is there, and no key without a password", "move it away") from error
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})", "correct this user's rights") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise _refused(path, "is a key of another kind than this command makes", "move it away")
    return found


def _write(path: Path, content: bytes, mode: int) -> None:
    """A whole file in place of the one before, or that one as it was."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError as error:
        raise _refused(
            path, f"cannot be written ({error.strerror})", "make the folder, or correct this user's rights"
        ) from error
