"""The media team's first day: recordings and flows."""

from __future__ import annotations

from tests.journeys.access import CentreAccess
from tests.journeys.journey import Journey
from tests.support.recordings import speech, write_recording

FLOW = """flow: errand
title: To somebody who is not there
purpose: information
start: greeting
facts: {organisation: name}
no_input: {reprompts: 2, say: [common.no_input], then: goodbye}
no_match: {reprompts: 2, say: [common.no_match], then: goodbye}
nodes:
  greeting:
    say: [common.greeting]
    next: question
  question:
    menu: [common.no_match]
    choices: {1: agent, 9: opt_out}
  agent:
    transfer: agents
    say: [material.connecting]
    failed: goodby
  opt_out:
    opt_out: number
    next: goodbye
    failed: goodbye
  goodbye:
    disconnect: done
    say: [common.goodbye]
"""


def run_without_centre(journey: Journey) -> None:
    """Run the commands on the media team's first-day page; faulty recordings and flows are reported."""
    journey.run_first_day_page()
    sounds = journey.folder / "recordings" / "hi" / "turnout"
    write_recording(sounds / "questoin.wav", speech(1.0, 16_000), 16_000)
    journey.run("dialer audio prepare -c centre.toml", "did you mean turnout/question?", code=1)
    (sounds / "questoin.wav").unlink()
    (sounds / "question.mp3").write_text("I am a text\n")
    journey.run("dialer audio prepare -c centre.toml", "is not a recording but text", code=1)
    (sounds / "question.mp3").unlink()
    (journey.folder / "errand.yaml").write_text(FLOW)
    journey.check_refused(
        "dialer flow check errand.yaml -l hi",
        "errand.yaml:15: node agent: the node goes on failed to goodby, which is not a node",
    )
    journey.check_refused("dialer flow check turnuot", "turnuot", "turnout")
    journey.check_refused("dialer audio approve hi/turnout/questoin --by Asha -c centre.toml", "questoin")
    journey.check_refused("dialer script show poling_day", "polling_day")


def run_at_centre(journey: Journey, access: CentreAccess) -> None:
    """Try a flow, generate drafts, and add and approve a recording while the centre runs."""
    journey.run("dialer flow try turnout -l hi", "voted", stdin="1\n")
    journey.run("dialer audio drafts -c centre.toml")
    journey.run("dialer audio check -c centre.toml", "0 findings")
    recording = access.centre.folder / "recordings" / "hi" / "turnout" / "question.mp3"
    recording.parent.mkdir(parents=True)
    write_recording(recording, speech(2.0, 16_000), 16_000)
    journey.run("dialer audio prepare -c centre.toml")
    journey.run("dialer audio approve hi/turnout/question --by Asha -c centre.toml")
    journey.run("dialer audio check -c centre.toml")
