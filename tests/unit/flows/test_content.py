"""What voters would hear is held against the profile: a ride, the vote's choice, a computer's voice without its label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from dialer.audio.catalogue import Voice
from dialer.audio.message import MESSAGE_SOUND
from dialer.audio.names import PromptName
from dialer.audio.words import words_of
from dialer.cli.flow import app as flow_app
from dialer.domain.clock import SystemClock
from dialer.domain.finding import Finding, Level
from dialer.errors import SettingError
from dialer.flows.catalogue import FlowLibrary
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError
from dialer.flows.load import parse_flow
from dialer.flows.model import Offer, offers_allowed
from dialer.flows.texts import shipped_texts
from dialer.flows.wording import offers_transport
from dialer.settings.jurisdiction import Profile, load_profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.site.checks.before_start import check_site
from dialer.site.content import content_problems, refuse_content
from dialer.switch.asterisk.scripts.commands import Recordings, Refuse, StoreResult, interpret
from tests.support.certified import entry, write_prompts
from tests.support.flow_support import TURNOUT_HEAD, own_texts
from tests.support.paths import ROOT
from tests.support.rules import neutral_with, site

RIDE = """
  first: {menu: [own.ride], choices: {1: bye, 9: out}}
  out: {opt_out: number, next: bye, failed: bye}
"""
DECLARED = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
HINDI = words_of("hi")
HINDI_LABEL = HINDI.label if HINDI is not None else ""
LABEL, GREETING = PromptName("", "hi", "label/synthetic"), PromptName("", "hi", "common/greeting")


def ride_flow(head: str = "") -> Any:
    return parse_flow(f"{head}{TURNOUT_HEAD}{RIDE}", "ride.yaml")


# A ride to the poll


@pytest.mark.parametrize(
    "text",
    [
        "Do you need a lift to the polling station?",
        "We will send a vehicle to pick you up.",
        "Free transport is there.",
        "आपको मतदान केंद्र तक ले जाने के लिए गाड़ी चाहिए?",
        "உங்களுக்கு வாகனம் தேவையா?",
        "আপনার গাড়ি লাগবে?",
        "మీకు వాహనం కావాలా?",
    ],
)
def test_words_for_a_ride_are_found(text: str) -> None:
    assert offers_transport(text) is not None


@pytest.mark.parametrize("text", ["Have you been able to vote?", "Please hold the line.", "क्या आपने वोट दिया?"])
def test_other_words_are_not(text: str) -> None:
    assert offers_transport(text) is None


def test_a_flow_that_speaks_of_a_ride_must_declare_it_and_the_profile_must_allow_it() -> None:
    texts = own_texts(own__ride="Do you need a lift?")
    allowed = frozenset({Offer.TRANSPORT})

    def transport(head: str, may_offer: frozenset[Offer]) -> list[str]:
        found = check_flow(ride_flow(head), texts, ["en", "hi"], may_offer=may_offer)
        return [finding.problem for finding in found if finding.rule == "transport"]

    assert "declare `offers: [transport]`" in transport("", allowed)[0]
    assert "declare `offers: [transport]`" in transport("", frozenset())[0]
    assert transport("offers: [transport]\n", allowed) == []
    assert "the profile forbids (transport.may_offer)" in transport("offers: [transport]\n", frozenset())[0]


def test_what_is_sent_is_judged_as_what_is_said() -> None:
    nodes = "\n  first: {send_sms: lift, next: bye, failed: bye}\n"
    texts = own_texts(sms__lift="A vehicle will come. Which party do you choose?")
    rules = {finding.rule for finding in check_flow(parse_flow(TURNOUT_HEAD + nodes, "s.yaml"), texts, ["en"])}
    assert {"transport", "forbidden-question"} <= rules


def test_a_header_that_offers_something_else_is_refused() -> None:
    with pytest.raises(FlowError, match=r"`offers:` has `money`; use any of transport"):
        ride_flow("offers: [money]\n")


@pytest.mark.parametrize(("jurisdiction", "refused"), [("india", True), ("neutral", True), ("uk", False)])
def test_start_and_check_judge_a_declared_ride_by_the_sites_profile(
    tmp_path: Path, jurisdiction: str, refused: bool
) -> None:
    path = tmp_path / "sample.yaml"
    head = TURNOUT_HEAD.replace("own.ride", "common.greeting")
    path.write_text(f"offers: [transport]\n{head}{RIDE.replace('own.ride', 'common.greeting')}", encoding="utf-8")
    may_offer = offers_allowed(load_profile(jurisdiction))
    if refused:
        with pytest.raises(FlowError, match=r"offers transport, which the profile forbids .* \[transport\]"):
            FlowLibrary([str(path)], shipped_texts(), may_offer)
    else:
        assert FlowLibrary([str(path)], shipped_texts(), may_offer).current(str(path)).offers == {Offer.TRANSPORT}
    config = tmp_path / "centre.toml"
    config.write_text(f'[rules]\njurisdiction = "{jurisdiction}"\n', encoding="utf-8")
    result = CliRunner().invoke(flow_app, ["check", str(path), "-l", "en", "-c", str(config)])
    assert ("which the profile forbids" in result.output) == refused
    assert (result.exit_code == 1) == refused


def test_a_running_dialler_takes_no_flow_that_has_begun_to_offer_a_ride(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    good = f"{TURNOUT_HEAD}{RIDE.replace('own.ride', 'common.greeting')}"
    path.write_text(good, encoding="utf-8")
    library = FlowLibrary([str(path)], shipped_texts())
    path.write_text(f"offers: [transport]\n{good}", encoding="utf-8")
    with pytest.raises(FlowError, match=r"\[transport\]"):
        library.reload()
    assert library.current(str(path)).offers == frozenset()


# Scripts and agents: declared by a person


def script(directory: Path, **declared: Any) -> Settings:
    (directory / "survey.py").write_text("", encoding="utf-8")
    campaign = {"kind": "ivr", "flow": f"script:{directory}/survey.py", "declared": {**DECLARED, **declared}}
    return site(campaign=campaign)


def test_a_script_must_say_what_it_does(tmp_path: Path) -> None:
    assert site_profile(script(tmp_path)).name == "neutral"
    with pytest.raises(
        ValidationError, match=r"cannot be read by the machine: say what it does in \[campaigns.declared\]"
    ):
        site(campaign={"kind": "ivr", "flow": "script:/etc/matdan/survey.py"})
    with pytest.raises(ValidationError, match="whom somebody votes for is never asked"):
        script(tmp_path, asks_vote_choice=True)
    with pytest.raises(SettingError, match="lets nobody offer a ride to the poll; take the offer out"):
        site_profile(script(tmp_path, offers_transport=True))
    with pytest.raises(SettingError, match="wants a computer's voice to say that it is one; let the script say so"):
        site_profile(script(tmp_path, voice="computer"))
    assert site_profile(script(tmp_path, voice="computer-labelled")).name == "neutral"


def test_a_script_that_answers_callers_is_declared_too(tmp_path: Path) -> None:
    number = {"number": "+911140000001", "mode": "flow", "campaign": "calls", "flow": "script:/etc/matdan/survey.py"}
    with pytest.raises(SettingError, match=r"inbound\.numbers\.flow: runs a script, and campaign 'calls' does not say"):
        site_profile(site(inbound={"numbers": [number]}))
    assert site_profile(site(inbound={"numbers": [number]}, campaign={"declared": DECLARED})).name == "neutral"


def test_agents_offer_no_ride_where_the_profile_forbids_it() -> None:
    with pytest.raises(SettingError, match="lets nobody offer a ride"):
        site_profile(site("india", campaign={"declared": {**DECLARED, "offers_transport": True}}))
    assert (
        site_profile(site("us", campaign={"declared": {**DECLARED, "offers_transport": True}}, trunks=[])).name == "us"
    )


@pytest.mark.parametrize("name", ["party", "VOTE_FOR", "candidate_choice", "support"])
def test_a_script_keeps_no_answer_that_is_the_votes_choice(name: str) -> None:
    judged = interpret(f"SET VARIABLE MATDAN_ANSWER_{name} 1", 1, Recordings())
    assert isinstance(judged, Refuse)
    assert "never stored" in judged.reason
    assert isinstance(interpret("SET VARIABLE MATDAN_ANSWER_count 1", 1, Recordings()), StoreResult)


def test_no_report_joins_a_voters_weight_with_whether_they_voted() -> None:
    """A weight may hold a supporter score: with turnout beside it, a report would be an aggregate of support by voted."""
    queries = sorted((ROOT / "dialer/reports/queries").glob("*.sql"))
    assert queries
    for path in (*queries, *(ROOT / "dialer/reports").glob("*.py"), *(ROOT / "dialer/mqtt").glob("*.py")):
        assert "weight" not in path.read_text(encoding="utf-8"), path.name


# On whose account


def test_material_is_on_somebodys_account() -> None:
    with pytest.raises(SettingError, match=r"calls\.candidate: .* on nobody's account; name whom it is for"):
        site_profile(site(campaign={"purpose": "material", "candidate": ""}))
    assert site_profile(site(campaign={"candidate": ""})).name == "neutral"


def test_twilio_does_not_speak_what_must_be_certified() -> None:
    trunk = {
        "name": "cloud",
        "endpoint": "cloud",
        "carrier": "twilio",
        "calls_per_second": 1,
        "caller_ids": ["+911140000001"],
    }
    account = {"enabled": True, "account_sid": "AC" + "0" * 32, "auth_token": "x", "public_url": "https://x.example"}
    campaign = {"kind": "ivr", "flow": "turnout"}
    with pytest.raises(SettingError, match=r"Twilio would speak the texts itself; set twilio\.sounds_url"):
        site_profile(site("india", campaign=campaign, trunks=[trunk], twilio=account))
    served = {**account, "sounds_url": "https://x.example/sounds"}
    assert site_profile(site("india", campaign=campaign, trunks=[trunk], twilio=served)).name == "india"
    assert site_profile(site(campaign=campaign, trunks=[trunk], twilio=account)).name == "neutral"


# A computer's voice, and the information message


def problems(settings: Settings, profile: Profile | None = None) -> list[str]:
    return [str(each) for each in content_problems(settings, profile or site_profile(settings), SystemClock())]


def recorded(directory: Path, **voices: Voice) -> Settings:
    """A site with a flow, whose greeting and label are spoken so."""
    audio = write_prompts(
        directory,
        {name: entry(voice=voices.get(word, Voice.HUMAN)) for word, name in (("label", LABEL), ("greeting", GREETING))},
    )
    return site(campaign={"kind": "ivr", "flow": "turnout"}, audio=audio)


def test_a_flow_needs_a_catalogue_where_a_computers_voice_must_be_labelled() -> None:
    settings = site(campaign={"kind": "ivr", "flow": "turnout"})
    [problem] = problems(settings)
    assert "dialer.audio.catalogue: is not set, so nobody knows which voice is a computer's" in problem
    with pytest.raises(SettingError, match="is not set"):
        refuse_content(settings, site_profile(settings), SystemClock())
    assert problems(settings, neutral_with(synthetic_voice={"must_be_labelled": False})) == []
    assert problems(site(campaign={"kind": "ivr", "flow": "turnout"}, audio={"catalogue": "nowhere"})) == []


def test_a_draft_voice_without_its_label_keeps_the_dialler_from_starting(tmp_path: Path) -> None:
    assert problems(recorded(tmp_path, greeting=Voice.DRAFT, label=Voice.DRAFT)) == []
    settings = recorded(tmp_path, greeting=Voice.DRAFT)
    assert problems(settings) == []
    (tmp_path / "sounds" / f"{LABEL.sound}.alaw").unlink()
    [problem] = problems(settings)
    assert (
        "prompts in hi are a computer's voice, and hi/label/synthetic, which says so, has no sound on disk" in problem
    )
    assert problems(recorded(tmp_path)) == []  # all are people's voices


def message_site(directory: Path, text: str, voice: Voice) -> Settings:
    message = PromptName("", "hi", "message/information")
    audio = write_prompts(directory, {LABEL: entry(voice="draft"), message: entry(text=text, voice=voice)})
    placed = directory / "sounds" / f"{MESSAGE_SOUND}.alaw"
    placed.write_bytes(b"sound")
    return site(audio=audio)


@pytest.mark.parametrize(
    ("text", "voice", "refused"),
    [
        (f"{HINDI_LABEL} We called you.", Voice.DRAFT, False),
        ("We called you.", Voice.DRAFT, True),
        ("We called you.", Voice.HUMAN, False),
        (f"{HINDI_LABEL} We called you.", Voice.SYNTHETIC, True),  # nobody knows what was recorded
    ],
)
def test_a_computer_that_speaks_the_information_message_says_so(
    tmp_path: Path, text: str, voice: Voice, refused: bool
) -> None:
    found = problems(message_site(tmp_path, text, voice))
    assert bool(found) == refused
    if refused:
        assert "a computer speaks the information message (hi/message/information)" in found[0]


def test_agents_need_the_information_message_where_the_profile_requires_it(tmp_path: Path) -> None:
    settings = site(audio={"sounds": str(tmp_path)})
    with pytest.raises(SettingError, match=f"has no {MESSAGE_SOUND}: an abandoned caller would hear nothing"):
        refuse_content(settings, site_profile(settings), SystemClock())
    refuse_content(settings, neutral_with(information_message={"required": False}), SystemClock())
    assert problems(settings) == []  # `dialer check` tells of it in a line of its own


async def test_check_reports_synthetic_voices_and_missing_candidates(tmp_path: Path) -> None:
    settings = site(campaign={"kind": "ivr", "flow": "turnout", "candidate": ""}, store={"path": tmp_path / "none.db"})
    found = [each async for each in check_site(settings) if each.subject in {"synthetic voices", "rules"}]
    texts = [each.text for each in found]
    assert Level.ERROR in {each.level for each in found if each.subject == "synthetic voices"}
    assert any("has no candidate" in text for text in texts)
    good = [each async for each in check_site(recorded(tmp_path)) if each.subject == "synthetic voices"]
    assert good == [Finding(Level.OK, "synthetic voices", "none is played without the label that the profile requires")]
