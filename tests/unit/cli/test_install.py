"""`dialer install` below a test folder: the files it writes, its refusals, and their removal by `dialer uninstall`."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dialer.cli import install
from dialer.deploy.systemd.render import LocalPrograms, render_service_files
from dialer.settings.site import Settings, load_settings
from tests.support.command_line import run, run_for_error

SITE = """
[ami]
secret = "the-managers-own-words"
[broker]
username = "demo.dialler"
password = "correct-horse-battery"
[store]
path = "/var/lib/matdan/centre.db"
backup_folder = "/mnt/disk2/matdan"
[audio]
sounds = "/usr/share/asterisk/sounds/en"
[desk]
user = "desk"
campaigns_file = "/srv/matdan/campaigns.toml"
agents_file = "/srv/matdan-agents/agents.toml"
flows_folder = "/srv/matdan-flows"
[[supervisors]]
name = "desk"
role = "desk"
[[trunks]]
name = "a"
endpoint = "a"
host = "sip.carrier.in"
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
"""
SAMPLES = {
    "etc/asterisk/pjsip.conf": "; Asterisk's sample",
    "etc/mosquitto/mosquitto.conf": "# Mosquitto's sample",
    "etc/fail2ban/jail.d/defaults.conf": "[sshd]",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a settings file. The folder `root` next to it is like a machine with Asterisk, Mosquitto and fail2ban."""
    for name, text in SAMPLES.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    file = tmp_path / "centre.toml"
    file.write_text(SITE)
    file.chmod(0o600)
    return file


def read_tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def install_site(site: Path) -> dict[str, str]:
    root = site.parent / "root"
    code, output = run("install", "-c", site, "--root", root)
    assert code == 0, output
    return read_tree(root)


def test_install_command_writes_all_files_that_the_services_need(site: Path) -> None:
    files = install_site(site)
    assert {name for name in files if not name.startswith(("etc/asterisk/", "etc/mosquitto/"))} == {
        "etc/matdan/centre.toml",
        "etc/sysusers.d/matdan.conf",
        "etc/tmpfiles.d/matdan.conf",
        "etc/logrotate.d/matdan",
        "etc/fail2ban/jail.d/defaults.conf",
        "etc/fail2ban/jail.d/matdan.conf",
        "etc/fail2ban/filter.d/matdan-desk.conf",
        "etc/systemd/system/matdan-dialler.service",
        "etc/systemd/system/matdan-desk.service",
        "etc/systemd/system/matdan-backup.service",
        "etc/systemd/system/matdan-backup.timer",
        "etc/systemd/system/matdan-recordings.service",
        "etc/systemd/system/matdan-recordings.timer",
    }
    assert files["etc/matdan/centre.toml"] == SITE
    assert files["etc/asterisk/pjsip.conf.before-matdan"] == SAMPLES["etc/asterisk/pjsip.conf"]
    assert "password_file /etc/mosquitto/matdan.passwords" in files["etc/mosquitto/mosquitto.conf"]
    dialler = files["etc/systemd/system/matdan-dialler.service"]
    assert re.search(r"^ExecStart=/\S+/bin/dialer run -c /etc/matdan/centre.toml$", dialler, re.MULTILINE)
    sounds, recordings = "/usr/share/asterisk/sounds/en/matdan", "/var/spool/asterisk/matdan"
    assert (
        f"ReadWritePaths=/var/lib/matdan /mnt/disk2/matdan /srv/matdan-flows /srv/matdan /srv/matdan-agents {sounds} {recordings}\n"
        in dialler
    )
    secrets = [path for path in (site.parent / "root").rglob("*") if path.is_file() and "horse" in path.read_text()]
    assert [path.name for path in secrets] == ["centre.toml"]
    assert all(path.stat().st_mode & 0o007 == 0 for path in secrets)


def test_systemd_unit_of_a_site_with_agi_scripts_allows_bubblewrap(site: Path) -> None:
    """Each of these unit settings would break bubblewrap (docs/how-to/agi-scripts.md)."""
    hinders = (
        "RestrictNamespaces",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectHostname",
        "RestrictSUIDSGID",
    )
    campaign = """
[[campaigns]]
id = "survey"
kind = "ivr"
flow = "script:/etc/matdan/agi/survey.py"
declared = {by = "A. Person", offers_transport = false, asks_vote_choice = false}
"""
    units = []
    for text in (SITE, SITE + campaign):
        site.write_text(text)
        files = render_service_files(
            load_settings(site), Path("/opt/matdan/bin/dialer"), LocalPrograms(False, False, False)
        )
        units.append(next(unit for path, unit in files.items() if path.name == "matdan-dialler.service"))
    without, with_script = units
    assert [name for name in hinders if f"{name}=" not in without] == []
    assert [name for name in hinders if f"{name}=" in with_script] == []
    assert "SystemCallFilter=@system-service @mount\n" in with_script
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n" in with_script
    assert "AF_NETLINK" not in without


def test_install_command_prints_the_commands_to_run_next(site: Path) -> None:
    output = run("install", "-c", site, "--root", site.parent / "root")[1]
    assert "audio drafts -c /etc/matdan/centre.toml\n" in output
    assert "systemctl enable --now matdan-dialler matdan-desk matdan-backup.timer matdan-recordings.timer\n" in output


def test_recordings_folder_is_writable_by_asterisk_and_the_purge_timer(site: Path) -> None:
    files = install_site(site)
    folder = "/var/spool/asterisk/matdan"
    assert f"d {folder} 2770 asterisk matdan\n" in files["etc/tmpfiles.d/matdan.conf"]
    assert f"ReadWritePaths={folder}\n" in files["etc/systemd/system/matdan-recordings.service"]
    for name, writes in (("dialler", True), ("desk", False)):
        assert (folder in files[f"etc/systemd/system/matdan-{name}.service"]) == writes
    assert "OnCalendar=*-*-* 03:17\n" in files["etc/systemd/system/matdan-recordings.timer"]
    elsewhere = render_service_files(
        load_settings(site), Path("/opt/matdan/bin/dialer"), LocalPrograms(False, False, False)
    )
    assert not [path for path in elsewhere if "recordings" in path.name]  # the recordings are on the Asterisk machine


def test_install_command_reports_a_missing_backup_folder_and_refuses_a_system_folder(site: Path) -> None:
    site.write_text(SITE.replace('backup_folder = "/mnt/disk2/matdan"\n', ""))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 0
    assert "note: no backups are made: set store.backup_folder" in output
    assert "etc/systemd/system/matdan-backup.timer" not in read_tree(site.parent / "root")
    site.write_text(SITE.replace("/mnt/disk2/matdan", "/mnt"))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 2
    assert "store.backup_folder: /mnt is a system folder" in output
    site.write_text(SITE.replace("/srv/matdan/campaigns", "/etc/matdan/campaigns"))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 2
    assert "desk.campaigns_file: /etc/matdan is a system folder" in output
    site.write_text(SITE.replace("/srv/matdan-agents/agents", "/etc/matdan/agents"))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 2
    assert "desk.agents_file: /etc/matdan is a system folder" in output
    site.write_text(SITE.replace("/srv/matdan-flows", "/etc/matdan"))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 2
    assert "desk.flows_folder: /etc/matdan is a system folder" in output


@pytest.mark.parametrize(
    "folder", ["/srv/matdan", "/srv/matdan-agents", "/srv/matdan-flows"], ids=["campaigns", "agents", "flows"]
)
def test_folders_of_campaigns_agents_and_flows_are_created_and_the_desk_may_write_to_them(
    site: Path, folder: str
) -> None:
    files = install_site(site)
    assert f"d {folder} 0750 matdan matdan\n" in files["etc/tmpfiles.d/matdan.conf"]
    unit = files["etc/systemd/system/matdan-desk.service"]
    assert re.search(rf"^ReadWritePaths=.* {folder} ", unit, re.MULTILINE)


def test_installing_the_systemd_services_twice_changes_nothing(site: Path) -> None:
    before = install_site(site)
    again = run("install", "-c", site.parent / "root/etc/matdan/centre.toml", "--root", site.parent / "root")
    assert again[0] == 0
    assert "wrote" not in again[1]
    assert read_tree(site.parent / "root") == before


def test_uninstall_command_removes_installed_files_but_leaves_settings_and_data(site: Path) -> None:
    install_site(site)
    root = site.parent / "root"
    store = root / "var/lib/matdan/centre.db"
    store.parent.mkdir(parents=True)
    store.write_text("the store")
    copied = root / "etc/logrotate.d/matdan-own"  # a user's own copy of our file
    copied.write_text((root / "etc/logrotate.d/matdan").read_text())
    assert run("uninstall", "--root", root)[0] == 0
    kept = {"etc/matdan/centre.toml": SITE, "var/lib/matdan/centre.db": "the store"}
    assert read_tree(root) == SAMPLES | kept | {"etc/logrotate.d/matdan-own": copied.read_text()}
    copied.unlink()
    sound = root / "usr/share/asterisk/sounds/en/matdan/beep.wav"
    sound.parent.mkdir(parents=True)
    sound.write_text("a tone")
    assert run("uninstall", "--root", root, "--purge")[0] == 0
    assert read_tree(root) == SAMPLES


def test_install_with_print_option_shows_files_but_writes_none(site: Path) -> None:
    code, output = run("install", "-c", site, "--root", site.parent / "root", "--print")
    assert code == 0
    assert "/etc/systemd/system/matdan-dialler.service" in output
    assert "horse" not in output
    assert read_tree(site.parent / "root") == SAMPLES


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ("etc/matdan/centre.toml", "exists with different settings; nothing was written"),
        ("etc/systemd/system/matdan-desk.service", "was not written by `dialer install`; nothing was written"),
    ],
)
def test_install_command_refuses_to_overwrite_files_of_other_programs(there: str, says: str, site: Path) -> None:
    path = site.parent / "root" / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[centre]\n")
    before = read_tree(site.parent / "root")
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert (code, read_tree(site.parent / "root")) == (2, before)
    assert says in output


def test_install_command_refuses_a_store_path_that_systemd_cannot_use(site: Path) -> None:
    for path in ("centre.db", "/var/lib/my data/centre.db", "/var/lib/../centre.db", "/var/lib/%i/centre.db"):
        site.write_text(SITE.replace("/var/lib/matdan/centre.db", path))
        code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
        assert code == 2
        assert f"store.path: {path} is not an absolute path" in output
        assert read_tree(site.parent / "root") == SAMPLES


@pytest.mark.parametrize("folder", ["/srv", "/var/lib", "/usr/share", "/etc/matdan", "/run/matdan", "/home/asha"])
def test_install_command_refuses_a_store_in_a_system_folder(folder: str, site: Path) -> None:
    site.write_text(SITE.replace("/var/lib/matdan/centre.db", f"{folder}/centre.db"))
    code, output = run_for_error("install", "-c", site, "--root", site.parent / "root")
    assert code == 2
    assert f"store.path: {folder} is a system folder" in output
    assert read_tree(site.parent / "root") == SAMPLES


def test_uninstall_with_purge_removes_a_symbolic_link_but_not_the_target(site: Path) -> None:
    install_site(site)
    root, disk = site.parent / "root", site.parent / "disk"
    disk.mkdir()
    (disk / "centre.db").write_text("the store")
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/matdan").symlink_to(disk)
    code, output = run("uninstall", "--root", root, "--purge")
    assert (code, read_tree(root)) == (0, SAMPLES)
    assert f"removed the link {root}/var/lib/matdan; its target {disk} stays" in output
    assert (disk / "centre.db").read_text() == "the store"


def test_install_command_refuses_settings_from_a_pipe(site: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, SITE.encode())
    os.close(writing)
    code, output = run_for_error("install", "-c", f"/dev/fd/{reading}", "--root", site.parent / "root")
    os.close(reading)
    assert code == 2
    assert "give the settings file itself" in output
    assert read_tree(site.parent / "root") == SAMPLES


def test_install_without_systemd_or_root_permissions_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.cli.install._SYSTEMD", site.parent / "nothing")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "systemd is not running here" in run_for_error("install", "-c", site)[1]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root permissions are required: run `sudo dialer install" in run_for_error("install", "-c", site)[1]
    assert "root permissions are required: run `sudo dialer uninstall`" in run_for_error("uninstall")[1]


def test_install_command_writes_only_dialler_files_if_asterisk_and_broker_are_remote() -> None:
    settings = Settings.model_validate(
        {"ami": {"host": "10.0.0.6"}, "store": {"path": "/srv/matdan/centre.db"}, "audio": {"sounds": "/srv/sounds"}}
    )
    files = render_service_files(settings, Path("/opt/matdan/bin/dialer"), LocalPrograms(False, False, False))
    assert [path.name for path in files] == ["matdan.conf", "matdan.conf", "matdan-dialler.service"]
    unit = files[Path("/etc/systemd/system/matdan-dialler.service")]
    assert "IPAddressDeny" not in unit
    assert "After=network-online.target \n" in unit
    assert "d /srv/matdan 0750 matdan matdan\n" in files[Path("/etc/tmpfiles.d/matdan.conf")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_installed_units_and_rates_their_exposure_low(site: Path) -> None:
    install_site(site)
    root = site.parent / "root"
    for name, most in (("dialler", 1.5), ("desk", 1.5), ("backup", 1.0)):
        unit = f"matdan-{name}.service"
        asked = ["systemd-analyze", "security", "--offline=yes", f"--root={root}", unit]
        output = subprocess.run(asked, capture_output=True, text=True, check=False)
        (exposure,) = re.findall(r"exposure level for \S+: ([0-9.]+)", output.stdout)
        assert float(exposure) <= most
        assert "Unknown" not in output.stderr
        both = [
            path for ending in ("service", "timer") for path in root.glob(f"etc/systemd/system/matdan-{name}.{ending}")
        ]
        asked = ["systemd-analyze", "verify", f"--root={root}", *map(str, both)]
        complaints = subprocess.run(asked, capture_output=True, text=True, check=False).stderr.splitlines()
        not_there = re.compile(
            r"is not executable: No such file|sysinit\.target not found"
        )  # `root` is not a complete system
        assert [line for line in complaints if not not_there.search(line)] == []


def test_install_command_creates_the_call_history_folder_that_asterisk_writes_to(site: Path) -> None:
    history = 'history = "/var/log/asterisk/cdr-custom/matdan.csv"'
    site.write_text(site.read_text() + f"\n[asterisk]\n{history}\n")
    assert "d /var/log/asterisk/cdr-custom 0750 asterisk asterisk\n" in install_site(site)["etc/tmpfiles.d/matdan.conf"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_service_user_gets_the_first_signing_key_only_in_a_root_owned_folder(tmp_path: Path) -> None:
    user = pwd.getpwnam("nobody")
    store, key = tmp_path / "centre.db", tmp_path / "centre.db.seal-key"
    install._make_first_signing_key_readable(store, "nobody")  # nothing to do
    key.touch(0o600)
    os.chown(tmp_path, user.pw_uid, user.pw_gid)
    install._make_first_signing_key_readable(store, "nobody")
    assert key.stat().st_uid == 0
    os.chown(tmp_path, 0, 0)
    install._make_first_signing_key_readable(store, "nobody")
    assert (key.stat().st_uid, key.stat().st_gid) == (user.pw_uid, user.pw_gid)
