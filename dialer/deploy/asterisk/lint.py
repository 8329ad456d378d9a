"""The linter of Asterisk's configuration files, which reports unsafe and broken settings with line and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from dialer.deploy.asterisk.checks.dialplan import check_dialplan
from dialer.deploy.asterisk.checks.finding import Configuration, report_broken_setting
from dialer.deploy.asterisk.checks.manager import check_http_server, check_manager_conf
from dialer.deploy.asterisk.checks.pjsip import check_pjsip_conf
from dialer.deploy.asterisk.checks.stir_shaken import check_stir_shaken_conf, check_stir_shaken_files
from dialer.deploy.asterisk.checks.system import (
    REQUIRED_FILES,
    check_asterisk_files,
    check_asterisk_modules,
    check_asterisk_options,
    check_conference_profiles,
    check_music_on_hold,
    check_rtp_settings,
)
from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.render import (
    OWN_FILES,
    list_files_with_site_additions,
    list_seats_without_password,
    render_asterisk_site_files,
    render_conferences,
)
from dialer.domain.finding import Finding
from dialer.domain.paths import is_directory
from dialer.errors import AsteriskFilesError
from dialer.settings.servers import select_settings_of_asterisk_server
from dialer.settings.site import Settings

_READ = {
    *REQUIRED_FILES,
    "asterisk.conf",
    "cdr.conf",
    "cdr_custom.conf",
    "http.conf",
    "logger.conf",
    "sip.conf",
    "stir_shaken.conf",
}


def lint_file_texts(
    texts: Mapping[str, str],
    settings: Settings | None = None,
    server: str | None = None,
    *,
    root: str = "/etc/asterisk",
    with_key_files: bool = False,
) -> list[Finding]:
    """Check the texts of Asterisk's configuration files. Return the faults in the order of file and line.

    `texts` has the files by path below the folder `root`. With `settings`, the files are also compared with those
    rendered from the site's settings. If the site has several Asterisk servers, `server` names the one that uses the
    files. With `with_key_files`, the key and certificate files that the configuration names are checked too; they must
    be on this machine.
    """

    included: set[str] = set()

    def list_included_files(pattern: str) -> list[tuple[str, str]]:
        wanted = pattern.removeprefix("./").removeprefix(f"{root}/")
        if wanted.startswith("/"):  # a file outside of `root` is not read
            return [(wanted, "")]
        found = [name for name in sorted(texts) if name == wanted or fnmatch(name, wanted)]
        included.update(found)
        return [(name, texts[name]) for name in found]

    rendered = None
    if settings is not None:
        alone, _ = select_settings_of_asterisk_server(settings, server)
        nothing = dict.fromkeys(list_seats_without_password(alone), "")
        rendered = {
            name: parse_asterisk_conf(name, text)
            for name, text in render_asterisk_site_files(settings, nothing, server=server).items()
        }
        settings = alone
    files = {
        name: parse_asterisk_conf(name, text, list_included_files) for name, text in texts.items() if name in _READ
    }
    configuration = Configuration(files, settings, rendered)
    findings = [
        *check_asterisk_files(configuration),
        *_find_unread_site_files(texts.keys() - included),
        *check_manager_conf(configuration),
        *check_http_server(configuration),
        *check_pjsip_conf(configuration),
        *check_dialplan(configuration),
        *check_asterisk_modules(configuration),
        *check_conference_profiles(configuration, parse_asterisk_conf("confbridge.conf", render_conferences())),
        *check_music_on_hold(configuration),
        *check_rtp_settings(configuration),
        *check_asterisk_options(configuration),
        *check_stir_shaken_conf(configuration),
        *(check_stir_shaken_files(configuration) if with_key_files else ()),
    ]
    return sorted(dict.fromkeys(findings), key=lambda finding: (finding.file, finding.line, finding.text))


def _find_unread_site_files(names: Iterable[str]) -> Iterator[Finding]:
    """Yield a fault for each additional file of the site that no rendered file includes. Asterisk never reads it.

    `names` are the files that no other file includes.
    """
    for name in names:
        folder, _, own = name.partition("/")
        if folder == OWN_FILES and own.endswith(".conf") and own not in list_files_with_site_additions():
            remedy = "give it the name of the rendered file to which it adds; asterisk.conf takes no additions"
            yield report_broken_setting(name, "", "Asterisk does not read this file", remedy)


def lint_files_in_directory(
    directory: Path, settings: Settings | None = None, server: str | None = None
) -> list[Finding]:
    """Check the Asterisk configuration files in a directory, and return the faults.

    Raises AsteriskFilesError if the directory cannot be read.
    """
    try:
        if not is_directory(directory):
            raise AsteriskFilesError(
                f"{directory} is not a directory; give the one with Asterisk's files, such as /etc/asterisk"
            )
        next(directory.iterdir(), None)  # raises if the directory may not be read; rglob would return nothing
        texts = {
            str(path.relative_to(directory)): path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(directory.rglob("*"))
            if path.suffix in {".conf", ".inc", ".txt"} and path.is_file() and path.stat().st_size <= 4_000_000
        }
    except OSError as error:
        path = error.filename or directory
        raise AsteriskFilesError(
            f"{path} cannot be read ({error.strerror}); run this as a user who may read it"
        ) from error
    return lint_file_texts(texts, settings, server, root=str(directory.resolve()), with_key_files=True)
