"""The page with the call flows: the list, the check of a text, the try-out and its sounds, and saving."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dialer.audio.formats import encode_sound
from dialer.flows.catalogue import FLOWS_DIRECTORY
from dialer.mqtt.dialler_client import Reply
from dialer.settings.audio import SoundFormat
from dialer.settings.site import load_settings
from tests.support.desk import ONE_SEAT_CENTRE, DeskUnderTest, run_desk

SITE = (
    ONE_SEAT_CENTRE
    + """
[desk]
user = "desk"
flows_folder = "{folder}/flows"
[audio]
sounds = "{folder}/sounds"
{audio}
[[campaigns]]
id = "shipped-ivr"
kind = "ivr"
flow = "turnout"
[[campaigns]]
id = "own-ivr"
kind = "ivr"
flow = "{folder}/errand.yaml"
[[campaigns]]
id = "script-ivr"
kind = "ivr"
flow = "script:{folder}/dial.py"
declared = {{ by = "A. Person", offers_transport = false, asks_vote_choice = false }}
"""
)
TURNOUT = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8")
ERRAND = TURNOUT.replace("flow: turnout", "flow: errand")
QUESTION = "matdan/en/turnout/question"


@pytest.fixture
def errand(tmp_path: Path) -> Path:
    path = tmp_path / "errand.yaml"
    path.write_text(ERRAND, encoding="utf-8")
    return path


def write_settings(folder: Path, audio: str = "") -> Path:
    (folder / "dial.py").touch(0o755)
    path = folder / "centre.toml"
    path.write_text(SITE.format(folder=folder, audio=audio), encoding="utf-8")
    return path


def write_sound(folder: Path) -> None:
    path = folder / "sounds" / f"{QUESTION}.alaw"
    path.parent.mkdir(parents=True)
    samples = np.full(800, 0.25, dtype=np.float32)
    path.write_bytes(encode_sound(samples, SoundFormat.ALAW))


@pytest.fixture
async def desk(tmp_path: Path, errand: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path, load_settings(write_settings(tmp_path))) as stand:
        yield stand


async def post(desk: DeskUnderTest, path: str, source: object, text: str, **more: Any) -> Any:
    asked = {"source": str(source), "text": text, "language": "en", **more}
    return await desk.post(f"/api/flows/{path}".rstrip("/"), asked, "supervisor")


async def try_text(desk: DeskUnderTest, source: object, text: str, **more: Any) -> Any:
    given = {"facts": {}, "entries": [], "agent_available": True, "store_works": True, **more}
    return await post(desk, "try", source, text, **given)


async def test_flows_page_lists_shipped_flows_and_files_of_the_settings_but_no_agi_scripts(
    desk: DeskUnderTest, errand: Path
) -> None:
    page = (await desk.get("/api/flows", "supervisor")).json()
    flows = {each["source"]: each for each in page["flows"]}
    assert {path.stem for path in FLOWS_DIRECTORY.glob("*.yaml")} | {str(errand)} == flows.keys()
    assert flows["turnout"]["used_by"] == ["shipped-ivr"]
    assert flows["turnout"]["origin"] == "shipped"
    assert flows[str(errand)] == {
        "source": str(errand),
        "name": "errand",
        "title": "Has this voter been able to vote?",
        "purpose": "turnout",
        "origin": "named",
        "used_by": ["own-ivr"],
        "errors": 0,
        "warnings": 0,
    }
    assert "hi" in page["languages"]
    assert page["folder"] == str(errand.parent / "flows")
    assert page["flow_schema"]["$defs"]["MenuNode"]["required"] == ["menu", "choices"]
    assert "menu" in page["node_kinds"]
    assert "common.goodbye" in page["text_keys"]
    assert not any(key.startswith("sms.") for key in page["text_keys"])


async def test_flows_page_counts_errors_and_warnings_of_each_flow(desk: DeskUnderTest, errand: Path) -> None:
    errand.write_text(ERRAND.replace("start: greeting", "start: hello"), encoding="utf-8")
    [listed] = [
        each for each in (await desk.get("/api/flows", "supervisor")).json()["flows"] if each["source"] == str(errand)
    ]
    assert (listed["errors"], listed["warnings"], listed["title"]) == (1, 0, "")
    errand.write_text(ERRAND + "  lost: {goto: greeting}\n", encoding="utf-8")
    [listed] = [
        each for each in (await desk.get("/api/flows", "supervisor")).json()["flows"] if each["source"] == str(errand)
    ]
    assert (listed["errors"], listed["warnings"]) == (0, 1)


async def test_only_files_of_flows_can_be_read_on_the_flows_page(
    desk: DeskUnderTest, tmp_path: Path, errand: Path
) -> None:
    answer = await desk.get(f"/api/flows/text?source={errand}", "supervisor")
    assert answer.json() == {
        "text": ERRAND,
        "digest": hashlib.sha256(ERRAND.encode()).hexdigest(),
        "is_editable": False,
    }
    (tmp_path / "other.yaml").write_text("secret: 1", encoding="utf-8")
    for source in (
        tmp_path / "other.yaml",
        tmp_path / "centre.toml",
        "../flows/turnout",
        tmp_path / "flows/../errand.yaml",
        "unknown",
    ):
        answer = await desk.get(f"/api/flows/text?source={source}", "supervisor")
        assert (answer.status_code, answer.json()) == (409, {"problem": "flow-unknown"})
        assert (await post(desk, "check", source, TURNOUT)).status_code == 409


async def test_flow_whose_file_is_missing_is_listed_and_cannot_be_read(desk: DeskUnderTest, errand: Path) -> None:
    errand.unlink()
    answer = await desk.get(f"/api/flows/text?source={errand}", "supervisor")
    assert (answer.status_code, answer.json()["problem"]) == (409, "flows-unreadable")
    assert (await desk.get("/api/flows", "supervisor")).status_code == 200


async def test_checked_flow_text_has_a_diagram_and_the_facts_for_a_try_out(desk: DeskUnderTest) -> None:
    checked = (await post(desk, "check", "turnout", TURNOUT, language="hi")).json()
    assert checked["problems"] == []
    nodes = {each["name"]: each for each in checked["diagram"]["nodes"]}
    assert nodes["question"]["line"] == TURNOUT.split("\n").index("  question:") + 1
    assert nodes["question"]["prompts"][0].startswith("क्या आपने वोट डाल दिया है?")
    assert nodes["not_saved"]["is_exception"]
    assert {"source": "question", "target": "voted", "label": "1"} in checked["diagram"]["arrows"]
    assert {"name": "closes_at", "kind": "hour", "example": "18:00"} in checked["facts"]


@pytest.mark.parametrize(
    ("change", "level", "line", "text"),
    [
        (("start: greeting", "start: hello"), "error", 5, "starts at hello, which is not a node"),
        (("purpose: turnout", "purpose: [turnout"), "error", 5, "the file is not YAML"),
        (("flow: errand", "flow: other"), "error", 1, "the flow is called other, but its file is errand.yaml"),
        (("9: opt_out}", "9: voted}"), "error", 16, "node greeting: starts a flow without an opt-out"),
        (("say: [turnout.noted_voted]", "say: [turnout.none]"), "warning", 28, "has no text turnout.none in"),
    ],
    ids=["unknown target", "no YAML", "other name", "unsafe", "missing text"],
)
async def test_mistakes_in_the_text_of_a_flow_are_reported_at_their_lines(
    desk: DeskUnderTest, errand: Path, change: tuple[str, str], level: str, line: int, text: str
) -> None:
    checked = (await post(desk, "check", errand, ERRAND.replace(*change))).json()
    found = [each for each in checked["problems"] if text in each["text"]["english"]]
    assert [(each["level"], each["line"]) for each in found] == [(level, line)]
    assert errand.read_text(encoding="utf-8") == ERRAND


async def test_error_in_a_subdialog_of_a_flow_names_the_subdialogs_file(
    desk: DeskUnderTest, tmp_path: Path, errand: Path
) -> None:
    (tmp_path / "booth.yaml").write_text("flow: booth\n", encoding="utf-8")
    [problem] = (await post(desk, "check", errand, ERRAND)).json()["problems"]
    assert problem["line"] == 0
    assert problem["text"]["english"].startswith("booth.yaml:1: ")


async def test_try_out_of_a_flow_plays_the_unsaved_text_and_stores_nothing(desk: DeskUnderTest) -> None:
    text = TURNOUT.replace("common.greeting", "opt_out.noted")
    tried = (await try_text(desk, "turnout", text, entries=["1"], facts={"organisation": "Us", "other": "x"})).json()
    assert tried["lines"][0]["text"].startswith("Thank you. We have noted")
    assert tried["lines"][1]["text"] == "This call is made for Us."
    assert tried["ending"] == "completed"
    assert desk.dialler_client.asked == []


async def test_try_out_takes_no_fact_with_the_name_of_an_answer(desk: DeskUnderTest) -> None:
    spoken = "say: [turnout.noted_voted, {text: turnout.noted_later, with: [hour]}]"
    text = TURNOUT.replace("say: [turnout.noted_voted]", spoken)  # the caller has not entered an hour there
    without = (await try_text(desk, "turnout", text, entries=["1"])).json()
    assert (await try_text(desk, "turnout", text, entries=["1"], facts={"hour": "17:00"})).json() == without


async def test_try_out_of_an_invalid_flow_or_with_a_wrong_fact_is_refused(desk: DeskUnderTest) -> None:
    answer = await try_text(desk, "turnout", "flow: [")
    assert (answer.status_code, answer.json()["problem"]) == (422, "flow-invalid")
    answer = await try_text(desk, "turnout", TURNOUT, facts={"closes_at": "late"})
    assert (answer.status_code, answer.json()["problem"]) == (422, "fact-invalid")
    assert (await try_text(desk, "turnout", TURNOUT, entries=["one"])).status_code == 422


async def test_try_out_of_a_flow_plays_the_same_sounds_as_calls(desk: DeskUnderTest, tmp_path: Path) -> None:
    write_sound(tmp_path)
    lines = (await try_text(desk, "turnout", TURNOUT)).json()["lines"]
    assert [each["sounds"] for each in lines] == [[], [], [QUESTION]]
    answer = await desk.get(f"/api/flows/sound?name={QUESTION}", "supervisor")
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 800)
    for name in ("matdan/en/turnout/none", "../../etc/passwd", "matdan/../centre"):
        assert (await desk.get(f"/api/flows/sound?name={name}", "supervisor")).status_code == 409


async def test_sound_that_the_catalogue_does_not_allow_is_not_played(tmp_path: Path, errand: Path) -> None:
    write_sound(tmp_path)
    (tmp_path / "catalogue").mkdir()
    settings = load_settings(write_settings(tmp_path, f'catalogue = "{tmp_path}/catalogue"'))
    async with run_desk(tmp_path, settings) as desk:
        lines = (await try_text(desk, "turnout", TURNOUT)).json()["lines"]
        assert [each["sounds"] for each in lines] == [[], [], []]
        assert (await desk.get(f"/api/flows/sound?name={QUESTION}", "supervisor")).status_code == 409


ID = "0f9a7c1e-click"
OWN = TURNOUT.replace("flow: turnout", "flow: survey")


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    return tmp_path / "flows" / "survey.yaml"


async def save(desk: DeskUnderTest, source: object, text: str, digest: str = "") -> Any:
    return await post(desk, "", source, text, digest=digest, id=ID)


async def read_digest(desk: DeskUnderTest, source: object) -> str:
    digest: str = (await desk.get(f"/api/flows/text?source={source}", "supervisor")).json()["digest"]
    return digest


async def test_new_and_changed_flows_are_saved_and_the_dialler_reloads_its_flows(
    desk: DeskUnderTest, survey: Path
) -> None:
    assert (await save(desk, survey, OWN)).json() == {"status": "done", "text": "it was done"}
    assert survey.read_text(encoding="utf-8") == OWN
    assert desk.dialler_client.asked == [("supervisor", ID, "reload-flows", {})]
    [listed] = [
        each for each in (await desk.get("/api/flows", "supervisor")).json()["flows"] if each["source"] == str(survey)
    ]
    assert (listed["origin"], listed["used_by"], listed["errors"]) == ("own", [], 0)
    changed = OWN.replace("max_digits: 2", "max_digits: 1")
    assert (await save(desk, survey, changed, await read_digest(desk, survey))).status_code == 200
    assert survey.read_text(encoding="utf-8") == changed


async def test_check_of_a_flow_shows_the_lines_that_saving_would_change(desk: DeskUnderTest, survey: Path) -> None:
    assert (await post(desk, "check", survey, "flow: survey\n")).json()["difference"] == [
        "@@ -0,0 +1 @@",
        "+flow: survey",
    ]
    await save(desk, survey, OWN)
    changed = OWN.replace("max_digits: 2", "max_digits: 1")
    difference = (await post(desk, "check", survey, changed)).json()["difference"]
    assert [line for line in difference if line[0] in "+-"] == ["-    max_digits: 2", "+    max_digits: 1"]
    assert (await post(desk, "check", survey, OWN)).json()["difference"] == []
    assert (await post(desk, "check", "turnout", OWN)).json()["difference"] == []


async def test_flow_is_not_saved_if_its_file_has_changed_since_it_was_opened(desk: DeskUnderTest, survey: Path) -> None:
    await save(desk, survey, OWN)
    digest = await read_digest(desk, survey)
    survey.write_text(OWN + "# somebody else\n", encoding="utf-8")
    desk.dialler_client.asked.clear()
    for stale in (digest, ""):
        answer = await save(desk, survey, OWN, stale)
        assert (answer.status_code, answer.json()) == (409, {"problem": "flow-changed"})
    assert survey.read_text(encoding="utf-8") == OWN + "# somebody else\n"
    assert desk.dialler_client.asked == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("start: greeting", "start: hello"), "survey.yaml:5: starts at hello"),
        (("9: opt_out}", "9: voted}"), "survey.yaml:16: node greeting: starts a flow without an opt-out"),
        (("flow: survey", "flow: other"), "survey.yaml:1: the flow is called other"),
    ],
    ids=["broken", "unsafe", "other name"],
)
async def test_flow_that_calls_must_not_use_is_not_saved(
    desk: DeskUnderTest, survey: Path, change: tuple[str, str], text: str
) -> None:
    answer = await save(desk, survey, OWN.replace(*change))
    assert (answer.status_code, answer.json()["problem"]) == (422, "flow-invalid")
    assert answer.json()["text"]["english"].startswith(text)
    assert not survey.exists()
    assert desk.dialler_client.asked == []


async def test_flow_with_which_another_flow_in_use_cannot_take_calls_is_not_saved(tmp_path: Path, errand: Path) -> None:
    settings_file = write_settings(tmp_path)
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "errand.yaml").write_text(ERRAND, encoding="utf-8")  # runs booth as a part
    text = settings_file.read_text(encoding="utf-8").replace(str(errand), str(flows / "errand.yaml"))
    settings_file.write_text(text, encoding="utf-8")
    material = (FLOWS_DIRECTORY / "material.yaml").read_text(encoding="utf-8").replace("flow: material", "flow: booth")
    async with run_desk(tmp_path, load_settings(settings_file)) as desk:
        answer = await save(desk, flows / "booth.yaml", material)
        assert (answer.status_code, answer.json()["problem"]) == (422, "flow-invalid")
        assert "plays campaign material (campaign_message) in a flow for turnout" in answer.json()["text"]["english"]
        assert not (flows / "booth.yaml").exists()
        assert desk.dialler_client.asked == []


async def test_flow_with_warnings_only_is_saved(desk: DeskUnderTest, survey: Path) -> None:
    assert (await save(desk, survey, OWN.replace("turnout.noted_voted", "turnout.none"))).status_code == 200
    assert survey.exists()


async def test_shipped_flows_and_files_outside_the_folder_are_not_changed(
    desk: DeskUnderTest, tmp_path: Path, errand: Path
) -> None:
    outside = (
        "turnout",
        errand,
        tmp_path / "flows" / ".." / "survey.yaml",
        tmp_path / "flows" / "Survey.yaml",
        tmp_path / "flows" / "deeper" / "survey.yaml",
        tmp_path / "flows" / "survey.toml",
    )
    for source in outside:
        answer = await save(desk, source, OWN)
        assert (answer.status_code, answer.json()) == (409, {"problem": "flow-read-only"})
    assert errand.read_text(encoding="utf-8") == ERRAND
    assert not (tmp_path / "flows").exists()


@pytest.mark.parametrize("was_there", [True, False], ids=["changed", "new"])
@pytest.mark.parametrize(("reply", "status"), [(Reply("refused", "booth is wrong"), 200), (None, 503)])
async def test_file_of_a_flow_is_restored_if_the_dialler_refuses_the_reload(
    desk: DeskUnderTest, survey: Path, reply: Reply | None, status: int, was_there: bool
) -> None:
    if was_there:
        await save(desk, survey, OWN)
    digest = await read_digest(desk, survey) if was_there else ""
    desk.dialler_client.reply = reply
    answer = await save(desk, survey, OWN.replace("max_digits: 2", "max_digits: 1"), digest)
    assert answer.status_code == status
    assert (survey.read_text(encoding="utf-8") if survey.exists() else None) == (OWN if was_there else None)


async def test_flow_stays_saved_if_the_dialler_does_not_answer_the_reload(desk: DeskUnderTest, survey: Path) -> None:
    desk.dialler_client.reply = Reply("unanswered", "")
    assert (await save(desk, survey, OWN)).json()["status"] == "unanswered"
    assert survey.exists()


async def test_flow_that_cannot_be_written_is_refused_with_the_reason(
    desk: DeskUnderTest, tmp_path: Path, survey: Path
) -> None:
    (tmp_path / "flows" / ".survey.yaml.part").mkdir(parents=True)  # where the new content would be written first
    answer = await save(desk, survey, OWN)
    assert (answer.status_code, answer.json()["problem"]) == (422, "flow-not-written")
    assert "survey.yaml cannot be written" in answer.json()["text"]


@pytest.mark.parametrize("role", ["viewer", "listener", "coach", "compliance", "booth-desk"])
async def test_only_supervisors_may_read_and_save_flows(desk: DeskUnderTest, role: str, survey: Path) -> None:
    asked = {"source": str(survey), "text": OWN, "language": "en", "digest": "", "id": ID}
    answers = [await desk.get("/api/flows", role), await desk.post("/api/flows", asked, role)]
    assert [each.status_code for each in answers] == [403, 403]
    assert not survey.exists()


async def test_saved_flow_can_be_chosen_for_a_new_campaign(desk: DeskUnderTest, survey: Path) -> None:
    await save(desk, survey, OWN)
    fields = (await desk.get("/api/campaigns", "supervisor")).json()["fields"]
    [flow] = [each for each in fields if each["name"] == "flow"]
    assert str(survey) in flow["choices"]
