"""`dialer desk certificate`: a CA restricted to the desk's names, renewal of the certificate, and remaining days."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dialer.desk.certificate import CertificateFiles, create_certificate_of_page_server
from dialer.desk.server import serve_pages_of_desk
from dialer.domain.clock import SystemClock
from dialer.domain.finding import Level
from dialer.errors import SettingError
from dialer.settings.site import load_settings
from dialer.site.checks.certificate import check_desk_certificate
from dialer.store.connection import open_store_exclusively
from tests.support.command_line import run
from tests.support.desk import desk_settings
from tests.support.seats import CHEAP

DAY = 86_400.0
NOW = SystemClock().now()  # OpenSSL uses the machine's clock
MOST_DAYS = 825  # https://support.apple.com/103769


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(*(tmp_path / name for name in ("desk.pem", "desk.key", "site-ca.pem", "site-ca.key")))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    path.write_text(
        f'[centre]\nid = "pune-1"\n[desk]\nhost = "10.0.0.5"\naddress = "https://desk.example.org"\n'
        f'certificate = "{tmp_path}/desk.pem"\nprivate_key = "{tmp_path}/desk.key"\n'
    )
    return path


def read_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def trust_only(ca: Path) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts only this CA."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def shake_hands(client: ssl.SSLContext, name: str, certificate: Path, key: Path) -> None:
    """Perform a TLS handshake in memory. Raises SSLError if the client does not trust the desk."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (ours, theirs):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert ours.version() is not None


def test_clients_that_trust_the_ca_accept_the_desk_certificate_for_its_host_names(
    files: CertificateFiles, tmp_path: Path
) -> None:
    names = ["desk.example.org", "10.0.0.5", "fd00::5"]
    made = create_certificate_of_page_server(files, "pune-1", "desk.example.org", names, NOW, renew=False)
    assert made.ca_is_new
    for name in names:
        shake_hands(trust_only(files.ca), name, files.certificate, files.key)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(trust_only(files.ca), "www.example.org", files.certificate, files.key)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(ssl.create_default_context(), "desk.example.org", files.certificate, files.key)
    for path in (files.key, files.ca_key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lasts = (
        read_certificate(files.certificate).not_valid_after_utc
        - read_certificate(files.certificate).not_valid_before_utc
    )
    assert timedelta(days=365) < lasts <= timedelta(days=MOST_DAYS)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["desk.key", "desk.pem", "site-ca.key", "site-ca.pem"]


@pytest.mark.parametrize(
    ("own", "forged"),
    [
        (["desk.example.org"], "bank.example.com"),
        (["desk.example.org"], "10.0.0.5"),
        (["desk.example.org"], "fd00::5"),
        (["10.0.0.5"], "bank.example.com"),
        (["10.0.0.5"], "10.0.0.6"),
        (["10.0.0.5"], "fd00::5"),
        (["desk.example.org", "10.0.0.5"], "10.0.0.6"),
    ],
)
def test_ca_key_can_certify_only_the_desks_own_names(
    files: CertificateFiles, tmp_path: Path, own: list[str], forged: str
) -> None:
    create_certificate_of_page_server(files, "pune-1", own[0], own, NOW, renew=False)
    honest = read_certificate(files.certificate)
    ca_key = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    address: x509.GeneralName = x509.DNSName(forged)
    with contextlib.suppress(ValueError):
        address = x509.IPAddress(ip_address(forged))
    builder = x509.CertificateBuilder(
        honest.issuer,
        honest.subject,
        honest.public_key(),
        x509.random_serial_number(),
        honest.not_valid_before_utc,
        honest.not_valid_after_utc,
    )
    for each in honest.extensions:
        value = x509.SubjectAlternativeName([address]) if "subjectAltName" in each.oid._name else each.value
        builder = builder.add_extension(value, each.critical)
    theft = tmp_path / "theft.pem"
    theft.write_bytes(builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"subtree violation|excluded subtree"):
        shake_hands(trust_only(files.ca), forged, theft, files.key)


def test_renewing_the_certificate_needs_an_option_and_reuses_the_ca(site: Path, files: CertificateFiles) -> None:
    code, said = run("desk", "certificate", "-c", site)
    assert code == 0
    assert f"created {files.ca}, the site's own CA, valid only for desk.example.org, until " in said
    ca = read_certificate(files.ca)
    assert ca.fingerprint(hashes.SHA256()).hex(":").upper() in said
    before = {path: path.read_bytes() for path in site.parent.iterdir()}
    code, said = run("desk", "certificate", "-c", site)
    assert (code, {path: path.read_bytes() for path in site.parent.iterdir()}) == (2, before)
    assert "desk.pem: (file): exists and is valid until " in said
    assert "use --renew to replace it" in said
    code, said = run("desk", "certificate", "-c", site, "--renew")
    assert code == 0
    assert "Next: install" not in said
    changed = {path.name for path in before if path.read_bytes() != before[path]}
    assert changed == {"desk.pem"}
    shake_hands(trust_only(files.ca), "desk.example.org", files.certificate, files.key)


@pytest.mark.parametrize(
    ("spoil", "options", "told"),
    [
        ("", ["--renew", "--name", "10.0.0.6"], "is valid only for desk.example.org, not for 10.0.0.6; move "),
        ("ca_key gone", ["--renew"], "site-ca.key: (file): does not exist; restore it, or name its folder with --ca"),
        ("ca_key other", ["--renew"], "site-ca.key: (file): is not the key of "),
        ("ca gone", ["--renew"], "desk.pem: (file): was not issued by "),
        ("key text", ["--renew"], "desk.key: (file): is not a key without a password"),
        ("certificate text", ["--renew"], "desk.pem: (file): is not a certificate"),
        ("", ["--renew", "--name", "no name"], "'no name' is not a host name or IP address"),
        ("", ["--renew", "--name", "::"], "stands for every address, so nobody can type it"),
    ],
)
def test_failed_renewal_of_a_certificate_is_explained_and_changes_no_file(
    site: Path, files: CertificateFiles, spoil: str, options: list[str], told: str
) -> None:
    run("desk", "certificate", "-c", site)
    which, _, how = spoil.partition(" ")
    if how == "gone":
        getattr(files, which).unlink()
    elif how == "text":
        getattr(files, which).write_text("a text")
    elif how == "other":
        files.ca_key.write_bytes(files.key.read_bytes())
    before = {path.name: path.read_bytes() for path in site.parent.iterdir()}
    code, said = run("desk", "certificate", "-c", site, *options)
    assert (code, told in said, "\n" in said.strip()) == (2, True, False), said
    assert {path.name: path.read_bytes() for path in site.parent.iterdir()} == before


def test_certificate_without_the_desks_own_name_is_refused(site: Path, files: CertificateFiles) -> None:
    code, said = run("desk", "certificate", "-c", site, "--name", "10.0.0.5")
    assert (code, "add --name desk.example.org" in said) == (2, True)
    assert not files.ca.exists()


def test_interrupted_creation_of_a_certificate_continues_with_existing_keys(
    site: Path, files: CertificateFiles
) -> None:
    run("desk", "certificate", "-c", site)
    keys = files.ca_key.read_bytes(), files.key.read_bytes()
    files.ca.unlink()
    files.certificate.unlink()
    assert run("desk", "certificate", "-c", site)[0] == 0
    assert keys == (files.ca_key.read_bytes(), files.key.read_bytes())
    shake_hands(trust_only(files.ca), "desk.example.org", files.certificate, files.key)


def test_private_ca_key_may_be_in_another_folder_than_the_desk_certificate(
    site: Path, files: CertificateFiles, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    code, said = run("desk", "certificate", "-c", site, "--ca", stick)
    assert (code, "site-ca.key: (file): cannot be written (No such file or directory)" in said) == (2, True)
    stick.mkdir()
    assert run("desk", "certificate", "-c", site, "--ca", stick)[0] == 0
    assert not files.ca.exists()
    shake_hands(trust_only(stick / "site-ca.pem"), "desk.example.org", files.certificate, files.key)
    site.write_text('[centre]\nid = "pune-1"\n')
    code, said = run("desk", "certificate", "-c", site)
    assert (code, "desk.certificate: and desk.private_key are not set; set their paths" in said) == (2, True)


def test_certificate_expires_no_later_than_its_ca(files: CertificateFiles) -> None:
    create_certificate_of_page_server(files, "pune-1", "10.0.0.5", [], NOW, renew=False)
    late = NOW + 3_600 * DAY
    made = create_certificate_of_page_server(files, "pune-1", "10.0.0.5", [], late, renew=True)
    assert made.until == made.ca_until
    remedy = "a new CA is then created, which must be installed on every PC"
    with pytest.raises(SettingError, match=rf"expired on .*; move .*: {remedy}"):
        create_certificate_of_page_server(files, "pune-1", "10.0.0.5", [], NOW + 3_651 * DAY, renew=True)


async def test_desk_serves_its_pages_with_the_new_certificate(tmp_path: Path, files: CertificateFiles) -> None:
    create_certificate_of_page_server(files, "pune-1", "127.0.0.1", [], NOW, renew=False)
    store = tmp_path / "centre.db"
    with open_store_exclusively(store, "a test"):
        pass
    settings = desk_settings(store)
    desk = settings.desk.model_copy(update={"certificate": files.certificate, "private_key": files.key})
    async with serve_pages_of_desk(settings.model_copy(update={"desk": desk}), hasher=CHEAP, assets={}) as running:
        async with httpx.AsyncClient(verify=trust_only(files.ca), trust_env=False) as browser:
            answer = await browser.get(f"{running.origin}/api/me")
            assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
        async with httpx.AsyncClient(trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(f"{running.origin}/api/me")


@pytest.mark.parametrize(
    ("days", "level", "text"),
    [
        (0, Level.OK, "730 days left; browsers trust it where CN=Matdan pune-1 desk CA is installed"),
        (705, Level.WARNING, "25 days left; renew it"),
        (731, Level.ERROR, "desk.pem expired on "),
        (-2, Level.ERROR, "check this machine's clock"),
    ],
)
def test_dialer_check_reports_the_days_until_the_desk_certificate_expires(
    site: Path, days: int, level: Level, text: str
) -> None:
    settings = load_settings(site)
    run("desk", "certificate", "-c", site)
    made_at = (read_certificate(site.parent / "desk.pem").not_valid_after_utc - timedelta(days=730)).timestamp()
    (found,) = check_desk_certificate(settings, made_at + days * DAY)
    assert (found.level, text in str(found)) == (level, True), str(found)


def test_dialer_check_reports_desk_certificates_that_browsers_reject(site: Path, files: CertificateFiles) -> None:
    settings = load_settings(site)
    assert [each.text for each in check_desk_certificate(settings, NOW)] == [f"{files.certificate} does not exist"]
    create_certificate_of_page_server(files, "pune-1", "10.0.0.5", [], NOW, renew=False)
    files.key.chmod(0o644)
    texts = [each.text for each in check_desk_certificate(settings, NOW) if each.level is Level.ERROR]
    assert texts == [
        f"every user of this machine can read its key {files.key}",
        f"{files.certificate} is for 10.0.0.5, but the desk's address has desk.example.org: browsers reject it",
    ]
    files.certificate.write_bytes(files.ca.read_bytes())
    self_signed = [each for each in check_desk_certificate(settings, NOW) if "self-signed" in each.text]
    assert [each.level for each in self_signed] == [Level.WARNING]
    files.certificate.write_text("a text")
    assert [each.text for each in check_desk_certificate(settings, NOW)] == [
        f"{files.certificate} is not a certificate in PEM format"
    ]
    assert not list(check_desk_certificate(load_settings(_write_settings_without_desk(site)), NOW))


def _write_settings_without_desk(site: Path) -> Path:
    site.write_text('[centre]\nid = "pune-1"\n')
    return site
