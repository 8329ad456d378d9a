"""STIR/SHAKEN: the settings of a trunk, Asterisk's files, the linter, and the checks of certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError

from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.lint import lint_file_texts, lint_files_in_directory
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.domain.finding import Finding, Level
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.checks.asterisk import check_trunks
from dialer.site.checks.certificate import check_signing_certificates
from dialer.site.plan import make_engine_plan_from_settings
from dialer.site.trunk_test import TrunkTest, describe_trunk_test
from dialer.switch.asterisk.attestation import describe_verified_attestation
from tests.support.asterisk_support import PASSWORDS, a_site

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SIGNING = {
    "attestation": "A",
    "private_key": "/etc/asterisk/keys/shaken.key",
    "certificate": "/etc/asterisk/keys/shaken.pem",
    "certificate_url": "https://certificates.example.org/shaken.pem",
}
VERIFYING = {"ca_file": "/etc/asterisk/keys/shaken-ca.pem"}


def make_site(stir_shaken: Mapping[str, Any] | None, **changes: Any) -> Settings:
    """Return a site whose first trunk has these settings."""
    first, second = a_site().model_dump(exclude_unset=True)["trunks"]
    return a_site(trunks=[{**first, "stir_shaken": stir_shaken, **changes}, second])


def render(settings: Settings) -> dict[str, str]:
    return render_asterisk_site_files(settings, PASSWORDS)


def read_section(text: str, name: str, kind: str) -> dict[str, str]:
    [found] = [each for each in parse_asterisk_conf("", text).find_sections_of_type(kind) if each.name == name]
    return {setting.key: setting.value for setting in found.settings}


def test_calls_of_a_trunk_are_signed_with_its_key_and_attestation() -> None:
    files = render(make_site(SIGNING))
    assert read_section(files["pjsip.conf"], "carrier-a", "endpoint")["stir_shaken_profile"] == "carrier-a"
    assert "stir_shaken_profile" not in read_section(files["pjsip.conf"], "carrier-b", "endpoint")
    assert read_section(files["stir_shaken.conf"], "carrier-a", "profile") == {
        "type": "profile",
        "endpoint_behavior": "attest",
        "private_key_file": SIGNING["private_key"],
        "public_cert_url": SIGNING["certificate_url"],
        "attest_level": "A",
        "unknown_tn_attest_level": "A",
    }
    assert "STIR_SHAKEN" not in files["extensions.conf"]
    assert [str(each) for each in lint_file_texts(files, make_site(SIGNING))] == []


def test_signatures_of_inbound_calls_are_verified_if_the_trunk_has_certificate_authorities() -> None:
    files = render(make_site(VERIFYING))
    profile = read_section(files["stir_shaken.conf"], "carrier-a", "profile")
    assert (profile["endpoint_behavior"], profile["ca_file"]) == ("verify", VERIFYING["ca_file"])
    assert "Set(MATDAN_ATTESTATION=${STIR_SHAKEN(0,verify_result)}" in files["extensions.conf"]
    both = render(make_site({**SIGNING, **VERIFYING}))["stir_shaken.conf"]
    assert read_section(both, "carrier-a", "profile")["endpoint_behavior"] == "on"


def test_stir_shaken_modules_are_loaded_only_if_a_trunk_needs_them() -> None:
    assert "stir_shaken" not in render(a_site())["modules.conf"]
    assert "load=res_pjsip_stir_shaken.so" in render(make_site(SIGNING))["modules.conf"]


@pytest.mark.parametrize(
    ("stir_shaken", "changes", "text"),
    [
        (
            {**SIGNING, "private_key": None},
            {},
            "signing needs attestation, private_key, certificate and certificate_url",
        ),
        ({}, {}, "set attestation to sign calls, or ca_file to verify inbound ones"),
        ({**SIGNING, "attestation": "D"}, {}, "stir_shaken.attestation"),
        ({**SIGNING, "certificate_url": "http://certificates.example.org/a.pem"}, {}, "stir_shaken.certificate_url"),
        (
            {**SIGNING, "certificate_url": "https://certificates.example.org:444/a.pem"},
            {},
            "stir_shaken.certificate_url",
        ),
        (SIGNING, {"number_format": "national"}, "covers numbers in E.164"),
        (SIGNING, {"caller_id_format": "national"}, "covers numbers in E.164"),
        (SIGNING, {"number_prefix": "77*"}, "covers numbers in E.164"),
        (SIGNING, {"carrier": "twilio"}, "needs a trunk of Asterisk"),
    ],
)
def test_settings_that_make_signed_calls_impossible_are_refused(
    stir_shaken: Mapping[str, Any], changes: Mapping[str, Any], text: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        make_site(stir_shaken, **changes)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("stir_shaken.conf", "https:", "http:", "fetch the certificate of [carrier-a] over https only"),
        ("stir_shaken.conf", "\nattest_level=A", "\nattest_level=D", "attest_level of [carrier-a] is D"),
        ("stir_shaken.conf", "unknown_tn_attest_level=A\n", "", "unknown_tn_attest_level of [carrier-a] is not set"),
        ("stir_shaken.conf", "[carrier-a]", "[carrier-b]", "names the profile [carrier-a] of stir_shaken.conf"),
        ("modules.conf", "load=res_pjsip_stir_shaken.so\n", "", "res_pjsip_stir_shaken is not loaded"),
    ],
)
def test_linter_reports_asterisk_settings_that_leave_calls_unsigned(name: str, old: str, new: str, text: str) -> None:
    files = render(make_site(SIGNING))
    assert old in files[name]
    found = lint_file_texts({**files, name: files[name].replace(old, new, 1)}, make_site(SIGNING))
    assert any(text in str(each) for each in found), found


def test_linter_reports_private_keys_that_are_missing_or_readable_by_others(tmp_path: Path) -> None:
    key, certificate, authorities = (tmp_path / name for name in ("a.key", "a.pem", "ca.pem"))
    own = {"private_key": str(key), "certificate": str(certificate), "ca_file": str(authorities)}
    site = make_site({**SIGNING, **own})
    for name, text in render(site).items():
        (tmp_path / name).write_text(text)

    def list_texts() -> list[str]:
        return [each.text for each in lint_files_in_directory(tmp_path, site)]

    assert [each.split(" ")[0] for each in list_texts()] == ["the", "the", str(authorities)]
    assert "private key" in list_texts()[0]
    for path in (key, certificate, authorities):
        path.write_text("")
        path.chmod(0o600)
    assert list_texts() == []
    key.chmod(0o640)
    [text] = list_texts()
    assert "other users of this machine can read the private key" in text


def create_certificate(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Write a certificate that expires on 31 December 2026."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SHAKEN 1234")])
    begins = NOW - timedelta(days=300)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, NOW + timedelta(days=30, hours=1))
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("days", "level", "text"),
    [
        (-1, Level.OK, "valid until 2026-12-31, 31 days left"),
        (0, Level.WARNING, "valid until 2026-12-31, 30 days left"),
        (31, Level.ERROR, "expired on 2026-12-31: carriers reject it"),
    ],
)
def test_dialer_check_reports_the_days_until_a_signing_certificate_expires(
    tmp_path: Path, days: int, level: Level, text: str
) -> None:
    create_certificate(tmp_path / "a.pem", ec.generate_private_key(ec.SECP256R1()))
    site = make_site({**SIGNING, "certificate": str(tmp_path / "a.pem")})
    [found] = check_signing_certificates(site, (NOW + timedelta(days=days)).timestamp())
    assert (found.level, text in found.text) == (level, True), found


def test_dialer_check_reports_signing_certificates_that_carriers_reject(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    site = make_site({**SIGNING, "certificate": str(path)})
    path.write_text("no certificate")
    [unreadable] = check_signing_certificates(site, NOW.timestamp())
    create_certificate(path, rsa.generate_private_key(65537, 2048))
    [other_key] = check_signing_certificates(site, NOW.timestamp())
    assert "is not a certificate in PEM format" in unreadable.text
    assert "is not EC P-256" in other_key.text
    elsewhere = site.model_copy(update={"ami": site.ami.model_copy(update={"host": "192.0.2.9"})})
    assert list(check_signing_certificates(elsewhere, NOW.timestamp())) == []


class Manager:
    """A manager connection that reports the attestation with which Asterisk signs."""

    def __init__(self, level: str) -> None:
        self.level = level

    async def send_action(self, _name: str, fields: list[tuple[str, str]]) -> dict[str, str]:
        [(_, expression)] = fields
        known = expression == "AST_SORCERY(res_stir_shaken,profile,carrier-a,attest_level)"
        return {"Value": self.level if known else "NOT_INUSE"}


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("A", "Asterisk signs calls with attestation A"),
        ("B", "Asterisk signs calls with attestation B, not A"),
        ("", "Asterisk does not sign calls"),
    ],
)
def test_dialer_check_reports_trunks_whose_calls_asterisk_does_not_sign(level: str, text: str) -> None:
    first, _ = make_site(SIGNING).trunks
    site = a_site().model_copy(update={"trunks": (first,)})
    manager: Any = Manager(level)
    found = asyncio.run(check_trunks(site, manager))
    [signatures] = [each for each in found if isinstance(each, Finding) and each.subject == "signatures of trunk a"]
    assert (signatures.text, signatures.level) == (text, Level.OK if level == "A" else Level.ERROR)


@pytest.mark.parametrize(
    ("attestation", "text"),
    [("A", "The call was signed with attestation A."), ("", "The call was not signed: look at Asterisk's log.")],
)
def test_trunk_test_says_whether_the_call_was_signed(attestation: str, text: str) -> None:
    assert text in list(describe_trunk_test(TrunkTest("+917010000001", "+911140000001", attestation=attestation)))
    assert not any("signed" in each for each in describe_trunk_test(TrunkTest("+917010000001", "+911140000001")))


@pytest.mark.parametrize(
    ("verified", "attestation"),
    [
        ("success A", "A"),
        ("success C", "C"),
        ("cert_not_trusted ", "not verified: cert_not_trusted"),
        ("cid_orig_tn_mismatch A", "not verified: cid_orig_tn_mismatch"),
        ("", ""),
        ("(null)", ""),
        ("success A; +911140000001", ""),
    ],
)
def test_call_record_describes_the_result_of_the_signature_check(verified: str, attestation: str) -> None:
    assert describe_verified_attestation(verified) == attestation


def test_engine_knows_the_stir_shaken_attestation_of_each_trunk() -> None:
    site = make_site(SIGNING)
    plan = make_engine_plan_from_settings(site, load_site_profile(site))
    assert [trunk.attestation for trunk in plan.trunks] == ["A", ""]
