"""The linter of Asterisk configurations: its findings, and its parser of the file format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.deploy.asterisk.agi_secret import derive_agi_secret
from dialer.deploy.asterisk.conf_file import parse_asterisk_conf
from dialer.deploy.asterisk.lint import lint_file_texts, lint_files_in_directory
from dialer.deploy.asterisk.render import OWN_FILES, render_asterisk_site_files
from tests.support.asterisk_support import PASSWORDS, a_site

GOOD = render_asterisk_site_files(a_site(), PASSWORDS)
SECRET = derive_agi_secret("a-long-random-secret")


def lint_with_changes(**changed: str) -> list[str]:
    """Return the faults that the linter reports after changes to files.

    In the keywords, dots of file names are written as __.
    """
    texts = {**GOOD, **{name.replace("__", "."): text for name, text in changed.items()}}
    return [str(finding) for finding in lint_file_texts(texts, a_site())]


def lint_with_edit(name: str, old: str, new: str) -> list[str]:
    assert old in GOOD[name], f"{name} has no {old!r}"
    return [str(finding) for finding in lint_file_texts({**GOOD, name: GOOD[name].replace(old, new, 1)}, a_site())]


# The format


def test_parser_reads_templates_additions_comments_and_arrows_of_asterisk_settings() -> None:
    conf = parse_asterisk_conf(
        "x.conf",
        """
        ; a comment
        [base](!)
        colour = red ; a comment behind
        shape => round
        ;-- a block
        [no section]
        --; size = 3
        [one](base)
        colour = blue
        text = a\\;b
        [base](+)
        late = yes
        [two](base)
        """,
    )
    assert [(section.name, section.template) for section in conf.sections] == [
        ("base", True),
        ("one", False),
        ("two", False),
    ]
    one, two = conf.sections[1], conf.sections[2]
    assert (
        one.get_setting_value("colour"),
        one.get_setting_value("shape"),
        one.get_setting_value("size"),
        one.get_setting_value("text"),
        one.get_setting_value("late"),
    ) == (
        "blue",
        "round",
        "3",
        "a;b",
        "",
    )
    assert two.get_setting_value("late") == "yes"
    assert one.find_all_settings("colour")[1].line == 10
    assert not conf.problems


def test_fault_in_an_included_asterisk_file_is_reported_with_file_name_and_line() -> None:
    files = {"pjsip.d/a.conf": "[a]\nx=1\n", "pjsip.d/b.conf": "y=2\n"}

    def library(pattern: str) -> list[tuple[str, str]]:
        return [(name, text) for name, text in files.items() if pattern == "pjsip.d/*.conf"]

    conf = parse_asterisk_conf(
        "pjsip.conf", '#include "pjsip.d/*.conf"\n#tryinclude none/*.conf\n#include gone/*.conf\n', library
    )
    assert [(each.key, each.file, each.line) for each in conf.sections[0].settings] == [
        ("x", "pjsip.d/a.conf", 2),
        ("y", "pjsip.d/b.conf", 1),
    ]
    (problem,) = conf.problems
    assert (problem.line, problem.remedy) == (3, "use #tryinclude, or create the file")


def test_asterisk_files_written_by_the_site_are_checked_like_the_rendered_files() -> None:
    own = "[carrier-a](+)\nrtp_symmetric=yes\n[carrier-a](+type=aor)\nqualify_frequency=5\n"
    assert lint_file_texts({**GOOD, f"{OWN_FILES}/pjsip.conf": own}, a_site()) == []
    own = "[carrier-a](+type=aor)\ncontact=sip:sip.carrier.example\n[carrier-a](+)\nallow_transfer=yes\n"
    found = [str(each) for each in lint_file_texts({**GOOD, f"{OWN_FILES}/pjsip.conf": own}, a_site())]
    assert [line.partition(": ")[0] for line in found] == ["site.d/pjsip.conf:2", "site.d/pjsip.conf:4"]
    assert "a placeholder" in found[0]
    assert "by REFER" in found[1]
    own = "[matdan-message](+)\nexten => s,n,Dial(PJSIP/900@carrier-a)\n"
    lines = [str(each) for each in lint_file_texts({**GOOD, f"{OWN_FILES}/extensions.conf": own}, a_site())]
    assert any("calls out (Dial)" in line for line in lines)


def test_own_file_of_the_site_that_asterisk_does_not_read_is_reported() -> None:
    own = {f"{OWN_FILES}/{name}": "" for name in ("asterisk.conf", "pjsip.confs.conf", "extra.conf", "acl.conf")}
    own[f"{OWN_FILES}/pjsip.conf"] = f"#include {OWN_FILES}/extra.conf\n"
    found = [str(each) for each in lint_file_texts({**GOOD, **own}, a_site())]
    assert [line.partition(": ")[0] for line in found] == ["site.d/asterisk.conf", "site.d/pjsip.confs.conf"]
    assert all("Asterisk does not read this file" in line for line in found)


def test_asterisk_settings_file_that_includes_itself_is_read_once() -> None:
    conf = parse_asterisk_conf("a.conf", "#include a.conf\n", lambda _: [("a.conf", "#include a.conf\n")])
    assert "includes itself" in conf.problems[0].text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[open\n", "not a complete section head"),
        ("[a]\nnothing\n", "no = in this line"),
        ("x=1\n", "before the first [section]"),
        ("[a](gone)\n", "not defined above"),
        ("#exec /bin/rm\n", "#exec runs"),
    ],
)
def test_lines_that_asterisk_ignores_in_settings_files_are_reported(text: str, problem: str) -> None:
    (found,) = parse_asterisk_conf("x.conf", text).problems
    assert problem in found.text


@given(st.text(alphabet='[]()!+;#-=> abinclude\n\\"', max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_parser_of_asterisk_settings_raises_no_error_on_arbitrary_text(text: str) -> None:
    parse_asterisk_conf("x.conf", text, lambda _: [("y.conf", "[y]\n")])


# Findings


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("manager.conf", "enabled=yes", "enabled=no", "the manager interface is off"),
        ("manager.conf", "webenabled=no", "webenabled=yes", "over HTTP"),
        ("manager.conf", "allowmultiplelogin=yes", "allowmultiplelogin=no", "cannot log in until its old session times out"),
        ("manager.conf", "write=originate,call,reporting", "write=all", "user [matdan] may do everything (write=all)"),
        ("manager.conf", "write=originate,call", "write=originate,command", "run any console command"),
        ("manager.conf", "read=system,call,user", "read=system,call", "lacks read class user"),
        ("manager.conf", "deny=0.0.0.0/0.0.0.0\ndeny=::/0\n", "", "may log in from any address"),
        ("manager.conf", "permit=127.0.0.1/32", "permit=0.0.0.0/0", "may log in from anywhere"),
        ("manager.conf", "secret=a-long-random-secret", "secret=matdan", "is weak"),
        ("manager.conf", "secret=a-long-random-secret", "secret=change-me-to-20-random-letters", "is weak"),
        ("pjsip.conf", "contact=sip:10.9.0.10:5060", "contact=sip:sip.carrier.example:5060", "a placeholder"),
        ("manager.conf", "secret=a-long-random-secret", "secret=another-long-secret", "differs from the settings"),
        ("manager.conf", "writetimeout=5000", "writetimeout=100", "disconnected if it does not read for 100 ms"),
        ("manager.conf", "eventfilter=Event: Hangup\n", "", "does not get the events Hangup"),
        ("manager.conf", "[matdan]", "[somebody]", "the dialler's user [matdan] is missing"),
        ("http.conf", "bindaddr=127.0.0.1", "bindaddr=0.0.0.0", "plain HTTP is reachable"),
        ("http.conf", "enablestatic=no", "tlsenable=yes", "HTTPS has no certificate"),
        ("pjsip.conf", "identify_by=ip", "identify_by=ip,username", "any caller that uses the name carrier-a is accepted"),
        ("pjsip.conf", "type=identify\nendpoint=carrier-a", "type=nothing", "has the address of [carrier-a]"),
        ("pjsip.conf", "match=10.9.0.10", "match=0.0.0.0/0", "accepts every address"),
        ("pjsip.conf", "direct_media=no", "direct_media=yes", "past Asterisk"),
        ("pjsip.conf", "send_connected_line=no", "", "voters see agents' names"),
        ("pjsip.conf", "allow_transfer=no", "", "by REFER"),
        ("pjsip.conf", "set_var=FORWARD_CONTEXT=matdan-redirected", "", "a redirection (SIP 3xx) by [carrier-a] starts a call"),
        ("pjsip.conf", "contact_user=+911140000002", "contact_user=matdan", "as matdan, but matdan-inbound accepts"),
        ("pjsip.conf", "auth_rejection_permanent=no", "", "[carrier-b-registration] is never tried again"),
        ("pjsip.conf", "[carrier-a](matdan-trunk)", "[anonymous](matdan-trunk)", "accepts calls from any caller"),
        ("pjsip.conf", "aors=carrier-a", "aors=gone", "names the aor [gone]"),
        ("pjsip.conf", "context=matdan-inbound", "context=elsewhere", "the context [elsewhere]"),
        ("pjsip.conf", "allow=alaw,ulaw", "", "has no codec"),
        ("pjsip.conf", "method=tlsv1_2", "method=tlsv1", "outdated TLS"),
        ("pjsip.conf", "verify_server=yes", "verify_server=no", "[carrier-b] sends voters' numbers and voice to any server"),
        ("pjsip.conf", "ca_list_file=/etc/ssl/certs/ca-certificates.crt", "", "[transport-tls] knows no certificate authority"),
        ("pjsip.conf", "transport=transport-tls", "transport=transport-udp", "keys of its encrypted voice unencrypted"),
        ("pjsip.conf", "password=made-for-agent-01", "password=agent01", "[agent01-auth] is weak"),
        ("pjsip.conf", "[agent01](matdan-seat)", "[agent09](matdan-seat)", "the endpoint [agent01] of seat 01 is missing"),
        ("modules.conf", "autoload=no", "autoload=yes", "every installed module is loaded"),
        ("modules.conf", "load=res_speech.so", "", "res_agi, and with it every flow, does not load without it"),
        ("modules.conf", "load=res_pjsip_pubsub.so", "", "chan_pjsip does not load without it"),
        ("modules.conf", "load=res_pjsip_dlg_options.so", "", "carriers that check calls by OPTIONS would hang up"),
        ("modules.conf", "load=res_srtp.so", "noload=res_srtp.so", "encrypted voice needs it"),
        ("modules.conf", "load=res_agi.so", "load=res_agi.so\nload=chan_sip.so", "removed in Asterisk 21"),
        ("modules.conf", "load=res_agi.so", "load=res_agi.so\nload=app_system.so", "runs programs"),
        ("confbridge.conf", "\nmarked=yes", "", "marked of [matdan_agent] is no"),
        ("confbridge.conf", "end_marked=yes", "", "end_marked of [matdan_voter] is no"),
        ("confbridge.conf", "[matdan_seat]", "[other]", "the profile [matdan_seat], which the dialplan uses, is missing"),
        ("musiconhold.conf", "[default]", "[other]", "the class [default] of hold.music_class is missing"),
        ("musiconhold.conf", "directory=moh", "", "[default] has no folder"),
        ("musiconhold.conf", "mode=files", "", "[default] has no mode"),
        ("rtp.conf", "rtpend=20000", "rtpend=10050", "too few for 62 calls"),
        ("rtp.conf", "strictrtp=yes", "strictrtp=no", "inject voice into a call"),
        ("asterisk.conf", "live_dangerously=no", "live_dangerously=yes", "run programs"),
        ("logger.conf", "=> notice,warning,error", "=> notice,verbose(5)", "logs called numbers and pressed keys"),
        ("extensions.conf", "AGI_SERVER=127.0.0.1:4573", "AGI_SERVER=10.9.9.9:4573", "dialler listens on 127.0.0.1:4573"),
        ("extensions.conf", f",${{SHA1({SECRET}/flow", f",${{X({SECRET}/flow", "[matdan-flow] differs from the dialplan"),
        ("extensions.conf", f"{SECRET}/seat/", f"{SECRET[::-1]}/seat/", "[matdan-login] differs from the dialplan of this version"),
        ("modules.conf", "load=func_sha1.so", "", "func_sha1"),
        ("extensions.conf", "Wait(1.9)", "Wait(9)", "[matdan-voter] differs from the dialplan of this version"),
        ("extensions.conf", "[matdan-message]", "[something]", "[matdan-message], to which the dialler sends calls"),
    ],
)  # fmt: skip
def test_each_fault_in_asterisk_settings_is_reported_with_file_and_remedy(
    name: str, old: str, new: str, text: str
) -> None:
    found = [line for line in lint_with_edit(name, old, new) if text in line]
    assert found, lint_with_edit(name, old, new)
    assert all(line.startswith(name) for line in found)
    assert all("; " in line for line in found)


def test_linter_reports_enabled_call_records_if_the_settings_turn_the_call_history_off() -> None:
    site = a_site(asterisk={"history": "off"})
    texts = render_asterisk_site_files(site, PASSWORDS)
    assert list(lint_file_texts(texts, site)) == []
    texts["cdr.conf"] = texts["cdr.conf"].replace("enable=no", "enable=yes")
    [found] = lint_file_texts(texts, site)
    assert "records every called number" in str(found)


def test_fault_in_asterisk_settings_is_reported_with_the_line_of_the_wrong_setting() -> None:
    (finding,) = [line for line in lint_with_edit("manager.conf", "webenabled=no", "webenabled=yes") if "HTTP" in line]
    line = GOOD["manager.conf"].splitlines().index("webenabled=no") + 1
    assert finding == f"manager.conf:{line}: unsafe: the manager is also reachable over HTTP; webenabled=no"


def test_tls_trunk_without_certificate_verification_is_reported_unless_a_reason_is_given() -> None:
    first, second = a_site().model_dump(exclude_unset=True)["trunks"]
    reason = {"unverified_tls": "the carrier signs its certificate itself"}
    site = a_site(trunks=[first, {**second, **reason}])
    files = render_asterisk_site_files(site, PASSWORDS)
    assert lint_file_texts(files, site) == []
    (finding,) = lint_file_texts(files, a_site())
    assert "[carrier-b] sends voters' numbers and voice to any server" in finding.text
    assert "verify_server=yes" in finding.remedy


def test_reports_on_asterisk_settings_never_show_a_secret() -> None:
    lines = lint_with_edit("manager.conf", "secret=a-long-random-secret", "secret=hunter2")
    assert any("is weak" in line for line in lines)
    assert not any("hunter2" in line for line in lines)


@pytest.mark.parametrize(
    ("dialplan", "text"),
    [
        ("[{inbound}]\nexten => _X.,1,Dial(PJSIP/${{EXTEN}}@carrier-a)\n", "calls out (Dial)"),
        ("[{inbound}]\ninclude => out\n[out]\nexten => s,1,NoOp()\n same => n,Dial(PJSIP/a)\n", "reaches [out]"),
        ("[{inbound}]\nexten => s,1,GotoIf($[1]?out,s,1)\n[out]\nexten => s,1,DISA(no-password)\n", "reaches [out]"),
        ("[{inbound}]\nexten => s,1,System(rm)\n", "runs a program"),
        ("[{inbound}]\nswitch => Realtime/x\n", "uses another dialplan (switch)"),
    ],
)
def test_dialplan_that_lets_inbound_callers_dial_out_is_reported(dialplan: str, text: str) -> None:
    own = dialplan.format(inbound="from-carrier")
    pjsip = GOOD["pjsip.conf"].replace("context=matdan-inbound", "context=from-carrier")
    lines = lint_with_changes(pjsip__conf=pjsip, extensions__conf=GOOD["extensions.conf"] + own)
    assert any(text in line and "trunk [carrier-a]" in line for line in lines), lines


def test_linter_reports_every_missing_asterisk_file_in_an_empty_directory(tmp_path: Path) -> None:
    lines = [str(finding) for finding in lint_files_in_directory(tmp_path)]
    assert "pjsip.conf: will not work: the file is missing; render it" in lines
    assert len(lines) >= 7


def test_settings_file_of_an_obsolete_asterisk_module_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sip.conf").write_text("[general]\nallowguest=yes\n")
    assert any("removed in Asterisk 21" in str(finding) for finding in lint_files_in_directory(tmp_path))


def test_lint_command_prints_faults_in_asterisk_settings_as_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["asterisk", "lint", str(tmp_path), "--json"])
    assert result.exit_code == 1
    first = json.loads(result.output.splitlines()[0])
    assert set(first) == {"level", "subject", "text", "remedy", "file", "line", "rule", "details"}
