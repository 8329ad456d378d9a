"""Content rules: offers of a ride, questions about vote choice, and unannounced synthetic voices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from dialer.audio.catalogue import Voice
from dialer.audio.information_message import MESSAGE_SOUND
from dialer.audio.names import PromptName
from dialer.audio.words import load_spoken_words
from dialer.cli.flow import app as flow_app
from dialer.domain.clock import SystemClock
from dialer.domain.finding import Finding, Level
from dialer.errors import SettingError
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError
from dialer.flows.library import FlowLibrary
from dialer.flows.load import parse_flow
from dialer.flows.model import Offer, list_lawful_offers_to_voters
from dialer.flows.texts import load_shipped_texts
from dialer.flows.wording import offers_transport
from dialer.settings.jurisdiction import Profile, load_profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.checks.before_start import check_site
from dialer.site.voices import find_unannounced_synthetic_voices, refuse_unannounced_synthetic_voices
from dialer.switch.asterisk.scripts.commands import Recordings, Refuse, StoreResult, interpret_script_command
from tests.support.certified import catalogue_entry, write_prompts
from tests.support.flow_support import TURNOUT_HEAD, add_texts
from tests.support.paths import ROOT
from tests.support.rules import neutral_with, site

RIDE = """
  first: {menu: [own.ride], choices: {1: bye, 9: out}}
  out: {opt_out: number, next: bye, failed: bye}
"""
DECLARED = {"by": "A. Person", "offers_transport": False, "asks_vote_choice": False}
HINDI = load_spoken_words("hi")
HINDI_LABEL = HINDI.label if HINDI is not None else ""
LABEL, GREETING = PromptName("", "hi", "label/synthetic"), PromptName("", "hi", "common/greeting")


def make_ride_flow(head: str = "") -> Any:
    return parse_flow(f"{head}{TURNOUT_HEAD}{RIDE}", "ride.yaml")


# Rides to the polling station


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
def test_text_that_offers_a_ride_to_the_booth_is_recognised(text: str) -> None:
    assert offers_transport(text) is not None


@pytest.mark.parametrize("text", ["Have you been able to vote?", "Please hold the line.", "क्या आपने वोट दिया?"])
def test_text_that_resembles_an_offer_of_a_ride_is_not_reported(text: str) -> None:
    assert offers_transport(text) is None


def test_offer_of_a_ride_in_a_flow_must_be_declared_and_lawful() -> None:
    texts = add_texts(own__ride="Do you need a lift?")
    allowed = frozenset({Offer.TRANSPORT})

    def list_ride_problems(head: str, may_offer: frozenset[Offer]) -> list[str]:
        found = check_flow(make_ride_flow(head), texts, ["en", "hi"], may_offer=may_offer)
        return [finding.problem for finding in found if finding.rule == "transport"]

    assert "declare `offers: [transport]`" in list_ride_problems("", allowed)[0]
    assert "declare `offers: [transport]`" in list_ride_problems("", frozenset())[0]
    assert list_ride_problems("offers: [transport]\n", allowed) == []
    assert "the profile forbids (`transport.may_offer`)" in list_ride_problems("offers: [transport]\n", frozenset())[0]


def test_sms_text_with_forbidden_wording_is_refused_like_a_spoken_text() -> None:
    nodes = "\n  first: {send_sms: lift, next: bye, failed: bye}\n"
    texts = add_texts(sms__lift="A vehicle will come. Which party do you choose?")
    rules = {finding.rule for finding in check_flow(parse_flow(TURNOUT_HEAD + nodes, "s.yaml"), texts, ["en"])}
    assert {"transport", "forbidden-question"} <= rules


def test_flow_that_declares_an_unknown_offer_is_refused() -> None:
    with pytest.raises(FlowError, match=r"`offers: money` is not allowed; use one of transport"):
        make_ride_flow("offers: [money]\n")


@pytest.mark.parametrize(("jurisdiction", "refused"), [("india", True), ("neutral", True), ("uk", False)])
def test_flow_may_offer_a_ride_only_if_the_jurisdiction_profile_allows_rides(
    tmp_path: Path, jurisdiction: str, refused: bool
) -> None:
    path = tmp_path / "sample.yaml"
    head = TURNOUT_HEAD.replace("own.ride", "common.greeting")
    path.write_text(f"offers: [transport]\n{head}{RIDE.replace('own.ride', 'common.greeting')}", encoding="utf-8")
    may_offer = list_lawful_offers_to_voters(load_profile(jurisdiction))
    if refused:
        with pytest.raises(FlowError, match=r"offers transport, which the profile forbids .* \[transport\]"):
            FlowLibrary([str(path)], load_shipped_texts(), may_offer)
    else:
        assert FlowLibrary([str(path)], load_shipped_texts(), may_offer).get_current_flow(str(path)).offers == {
            Offer.TRANSPORT
        }
    config = tmp_path / "centre.toml"
    config.write_text(f'[rules]\njurisdiction = "{jurisdiction}"\n', encoding="utf-8")
    result = CliRunner().invoke(flow_app, ["check", str(path), "-l", "en", "-c", str(config)])
    assert ("which the profile forbids" in result.output) == refused
    assert (result.exit_code == 1) == refused


def test_reload_refuses_a_changed_flow_that_offers_a_forbidden_ride(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    good = f"{TURNOUT_HEAD}{RIDE.replace('own.ride', 'common.greeting')}"
    path.write_text(good, encoding="utf-8")
    library = FlowLibrary([str(path)], load_shipped_texts())
    path.write_text(f"offers: [transport]\n{good}", encoding="utf-8")
    with pytest.raises(FlowError, match=r"\[transport\]"):
        library.reload_flows_and_scripts()
    assert library.get_current_flow(str(path)).offers == frozenset()


# AGI scripts and agents: declared in the settings


def make_script_site(directory: Path, **declared: Any) -> Settings:
    (directory / "survey.py").write_text("", encoding="utf-8")
    campaign = {"kind": "ivr", "flow": f"script:{directory}/survey.py", "declared": {**DECLARED, **declared}}
    return site(campaign=campaign)


def test_agi_script_of_a_campaign_must_be_declared_in_the_settings(tmp_path: Path) -> None:
    assert load_site_profile(make_script_site(tmp_path)).name == "neutral"
    with pytest.raises(
        ValidationError, match=r"an AGI script needs \[campaigns.declared\], a declaration of what it does"
    ):
        site(campaign={"kind": "ivr", "flow": "script:/etc/matdan/survey.py"})
    with pytest.raises(ValidationError, match="no campaign may ask whom people vote for"):
        make_script_site(tmp_path, asks_vote_choice=True)
    with pytest.raises(SettingError, match="does not allow offers of rides to the poll; remove the offer"):
        load_site_profile(make_script_site(tmp_path, offers_transport=True))
    with pytest.raises(SettingError, match="requires the announcement of a synthetic voice; announce it in the script"):
        load_site_profile(make_script_site(tmp_path, voice="computer"))
    assert load_site_profile(make_script_site(tmp_path, voice="computer-labelled")).name == "neutral"


def test_agi_script_for_inbound_calls_must_be_declared_in_the_settings(tmp_path: Path) -> None:
    number = {"number": "+911140000001", "mode": "flow", "campaign": "calls", "flow": "script:/etc/matdan/survey.py"}
    with pytest.raises(
        SettingError, match=r"inbound\.numbers\.flow: runs an AGI script, but campaign 'calls' has no declaration"
    ):
        load_site_profile(site(inbound={"numbers": [number]}))
    assert load_site_profile(site(inbound={"numbers": [number]}, campaign={"declared": DECLARED})).name == "neutral"


def test_agents_script_must_not_offer_a_ride_that_the_rules_profile_forbids() -> None:
    with pytest.raises(SettingError, match="does not allow offers of rides to the poll"):
        load_site_profile(site("india", campaign={"declared": {**DECLARED, "offers_transport": True}}))
    assert (
        load_site_profile(site("us", campaign={"declared": {**DECLARED, "offers_transport": True}}, trunks=[])).name
        == "us"
    )


@pytest.mark.parametrize("name", ["party", "VOTE_FOR", "candidate_choice", "support"])
def test_agi_script_cannot_store_a_vote_choice(name: str) -> None:
    judged = interpret_script_command(f"SET VARIABLE MATDAN_ANSWER_{name} 1", 1, Recordings())
    assert isinstance(judged, Refuse)
    assert "never stored" in judged.reason
    assert isinstance(interpret_script_command("SET VARIABLE MATDAN_ANSWER_count 1", 1, Recordings()), StoreResult)


def test_no_report_combines_voter_weight_with_turnout() -> None:
    """A weight may be a supporter score. Combined with turnout it would show how supporters have voted."""
    queries = sorted((ROOT / "dialer/reports").rglob("*.sql"))
    assert queries
    for path in (*queries, *(ROOT / "dialer/reports").rglob("*.py"), *(ROOT / "dialer/mqtt").glob("*.py")):
        text = path.read_text(encoding="utf-8").replace("AgentShare(weight=", "")  # the weight of a campaign
        assert "weight" not in text, path.name


# On whose behalf


def test_campaign_with_political_messages_needs_a_candidate_in_the_settings() -> None:
    with pytest.raises(SettingError, match=r"calls\.candidate: .* requires a candidate .*; set it to the candidate"):
        load_site_profile(site(campaign={"purpose": "material", "candidate": ""}))
    assert load_site_profile(site(campaign={"candidate": ""})).name == "neutral"


def test_twilio_must_play_recordings_of_texts_that_need_a_certificate() -> None:
    trunk = {
        "name": "cloud",
        "endpoint": "cloud",
        "carrier": "twilio",
        "calls_per_second": 1,
        "caller_ids": ["+911140000001"],
    }
    account = {"enabled": True, "account_sid": "AC" + "0" * 32, "auth_token": "x", "public_url": "https://x.example"}
    campaign = {"kind": "ivr", "flow": "turnout"}
    with pytest.raises(
        SettingError, match=r"Twilio would speak the texts with its own voice; set `twilio\.sounds_url`"
    ):
        load_site_profile(site("india", campaign=campaign, trunks=[trunk], twilio=account))
    served = {**account, "sounds_url": "https://x.example/sounds"}
    assert load_site_profile(site("india", campaign=campaign, trunks=[trunk], twilio=served)).name == "india"
    assert load_site_profile(site(campaign=campaign, trunks=[trunk], twilio=account)).name == "neutral"


# Synthetic voices, and the information message


def list_problems(settings: Settings, profile: Profile | None = None) -> list[str]:
    found = find_unannounced_synthetic_voices(settings, profile or load_site_profile(settings), SystemClock())
    return [str(each) for each in found]


def make_recorded_site(directory: Path, **voices: Voice) -> Settings:
    """Return a site with a flow whose greeting and announcement have these voices."""
    audio = write_prompts(
        directory,
        {
            name: catalogue_entry(voice=voices.get(word, Voice.HUMAN))
            for word, name in (("label", LABEL), ("greeting", GREETING))
        },
    )
    return site(campaign={"kind": "ivr", "flow": "turnout"}, audio=audio)


def test_flow_whose_synthetic_voices_must_be_announced_needs_a_sound_catalogue() -> None:
    settings = site(campaign={"kind": "ivr", "flow": "turnout"})
    [problem] = list_problems(settings)
    assert "audio.catalogue: is not set, so it is unknown which voices are synthetic" in problem
    with pytest.raises(SettingError, match="is not set"):
        refuse_unannounced_synthetic_voices(settings, load_site_profile(settings), SystemClock())
    assert list_problems(settings, neutral_with(synthetic_voice={"must_be_labelled": False})) == []
    assert list_problems(site(campaign={"kind": "ivr", "flow": "turnout"}, audio={"catalogue": "nowhere"})) == []


def test_dialler_does_not_start_if_required_announcements_of_synthetic_voices_are_missing(tmp_path: Path) -> None:
    assert list_problems(make_recorded_site(tmp_path, greeting=Voice.DRAFT, label=Voice.DRAFT)) == []
    settings = make_recorded_site(tmp_path, greeting=Voice.DRAFT)
    assert list_problems(settings) == []
    (tmp_path / "sounds" / f"{LABEL.sound_name}.alaw").unlink()
    [problem] = list_problems(settings)
    assert "prompts in hi are a synthetic voice, and their label hi/label/synthetic has no sound on disk" in problem
    assert list_problems(make_recorded_site(tmp_path)) == []  # all voices are human


def make_message_site(directory: Path, text: str, voice: Voice) -> Settings:
    message = PromptName("", "hi", "message/information")
    audio = write_prompts(
        directory, {LABEL: catalogue_entry(voice="draft"), message: catalogue_entry(text=text, voice=voice)}
    )
    placed = directory / "sounds" / f"{MESSAGE_SOUND}.alaw"
    placed.write_bytes(b"sound")
    return site(audio=audio)


@pytest.mark.parametrize(
    ("text", "voice", "refused"),
    [
        (f"{HINDI_LABEL} We called you.", Voice.DRAFT, False),
        ("We called you.", Voice.DRAFT, True),
        ("We called you.", Voice.HUMAN, False),
        (f"{HINDI_LABEL} We called you.", Voice.SYNTHETIC, True),  # the recorded words are unknown
    ],
)
def test_synthetic_information_message_must_contain_the_announcement(
    tmp_path: Path, text: str, voice: Voice, refused: bool
) -> None:
    found = list_problems(make_message_site(tmp_path, text, voice))
    assert bool(found) == refused
    if refused:
        assert "the information message (hi/message/information) is a synthetic voice" in found[0]


def test_agent_campaign_needs_the_information_message_if_the_profile_requires_the_message(tmp_path: Path) -> None:
    settings = site(audio={"sounds": str(tmp_path)})
    with pytest.raises(SettingError, match=f"has no {MESSAGE_SOUND}, so an abandoned caller would hear nothing"):
        refuse_unannounced_synthetic_voices(settings, load_site_profile(settings), SystemClock())
    refuse_unannounced_synthetic_voices(settings, neutral_with(information_message={"required": False}), SystemClock())
    assert list_problems(settings) == []  # `dialer check` reports it separately


async def test_dialer_check_reports_synthetic_voices_and_missing_candidates(tmp_path: Path) -> None:
    settings = site(campaign={"kind": "ivr", "flow": "turnout", "candidate": ""}, store={"path": tmp_path / "none.db"})
    found = [each async for each in check_site(settings) if each.subject in {"synthetic voices", "rules"}]
    texts = [each.text for each in found]
    assert Level.ERROR in {each.level for each in found if each.subject == "synthetic voices"}
    assert any("has no candidate" in text for text in texts)
    good = [each async for each in check_site(make_recorded_site(tmp_path)) if each.subject == "synthetic voices"]
    assert good == [Finding(Level.OK, "synthetic voices", "all synthetic voices are announced as the profile requires")]
