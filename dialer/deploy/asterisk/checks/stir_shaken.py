"""Checks of Asterisk's stir_shaken.conf: whether it can sign calls, and whether its private keys are safe."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dialer.deploy.asterisk.checks.finding import Configuration, report_broken_setting, report_unsafe_setting
from dialer.deploy.asterisk.conf_file import ConfSection
from dialer.deploy.asterisk.render import list_asterisk_trunks
from dialer.domain.finding import Finding
from dialer.settings.stir_shaken import Attestation

_SIGNING = frozenset({"attest", "on"})
_VERIFYING = frozenset({"verify", "on"})


def check_stir_shaken_conf(configuration: Configuration) -> Iterator[Finding]:
    """Check that each endpoint's STIR/SHAKEN profile exists in stir_shaken.conf, and that profiles for signing are
    complete.
    """
    conf = configuration.get_parsed_conf_file("stir_shaken.conf")
    profiles = conf.find_sections_of_type("profile")
    known = {profile.name for profile in profiles}
    for endpoint in configuration.get_parsed_conf_file("pjsip.conf").find_sections_of_type("endpoint"):
        name = endpoint.get_setting_value("stir_shaken_profile")
        if name and name not in known:
            text = (
                f"[{endpoint.name}] names the profile [{name}] of stir_shaken.conf, which is missing: no call is signed"
            )
            yield report_broken_setting(endpoint, "stir_shaken_profile", text, "render stir_shaken.conf")
    for profile in profiles:
        if _has_endpoint_behavior(profile, _SIGNING):
            yield from _check_signing_profile(profile)


def check_stir_shaken_files(configuration: Configuration) -> Iterator[Finding]:
    """Check that the keys and certificates of stir_shaken.conf exist on this machine, and that keys are not readable by
    others.
    """
    profiles = configuration.get_parsed_conf_file("stir_shaken.conf").find_sections_of_type("profile")
    trunks = () if configuration.settings is None else list_asterisk_trunks(configuration.settings)
    certificates = {trunk.endpoint: trunk.stir_shaken.certificate for trunk in trunks if trunk.stir_shaken is not None}
    for profile in profiles:
        if _has_endpoint_behavior(profile, _SIGNING):
            yield from _check_private_key(profile)
            certificate = certificates.get(profile.name)
            if certificate is not None and not Path(certificate).is_file():
                text = f"the certificate {certificate} of trunk [{profile.name}] does not exist"
                yield report_broken_setting(
                    profile, "public_cert_url", text, "save the one that was issued for the key"
                )
        authorities = profile.get_setting_value("ca_file")
        if _has_endpoint_behavior(profile, _VERIFYING) and authorities and not Path(authorities).is_file():
            text = f"{authorities} does not exist, so [{profile.name}] signs and verifies nothing"
            yield report_broken_setting(profile, "ca_file", text, "save the certificates of the authorities there")


def _has_endpoint_behavior(profile: ConfSection, behaviours: frozenset[str]) -> bool:
    return profile.get_setting_value("endpoint_behavior", "off") in behaviours


def _check_signing_profile(profile: ConfSection) -> Iterator[Finding]:
    url = urlsplit(profile.get_setting_value("public_cert_url"))
    if url.scheme != "https" or not url.hostname:
        text = f"the carriers of called voters fetch the certificate of [{profile.name}] over https only"
        yield report_broken_setting(profile, "public_cert_url", text, "public_cert_url=https://...")
    for key in ("attest_level", "unknown_tn_attest_level"):
        level = profile.get_setting_value(key)
        if level not in set(Attestation):
            text = f"{key} of [{profile.name}] is {level or 'not set'}, so its calls are not signed"
            yield report_broken_setting(profile, key, text, f"{key}=A, B or C")


def _check_private_key(profile: ConfSection) -> Iterator[Finding]:
    key = Path(profile.get_setting_value("private_key_file"))
    try:
        mode = key.stat().st_mode
    except OSError as error:
        text = f"the private key {key} cannot be read ({error.strerror}), so calls of [{profile.name}] are not signed"
        yield report_broken_setting(profile, "private_key_file", text, "save it there, owned by Asterisk's user")
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"other users of this machine can read the private key {key}, and sign calls with our numbers"
        yield report_unsafe_setting(profile, "private_key_file", text, f"chmod 600 {key}")
