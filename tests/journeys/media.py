"""The media team's first day: recordings under the right name, flows that lead somewhere."""

from __future__ import annotations

from tests.journeys.visit import Visit
from tests.journeys.walk import Walk
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


def alone(walk: Walk) -> None:
    """The page; then what is misnamed, no recording, or leads nowhere."""
    walk.first_day()
    sounds = walk.folder / "recordings" / "hi" / "turnout"
    write_recording(sounds / "questoin.wav", speech(1.0, 16_000), 16_000)
    walk.does("dialer audio prepare -c centre.toml", "did you mean turnout/question?", code=1)
    (sounds / "questoin.wav").unlink()
    (sounds / "question.mp3").write_text("I am a text\n")
    walk.does("dialer audio prepare -c centre.toml", "is not a recording but text", code=1)
    (sounds / "question.mp3").unlink()
    (walk.folder / "errand.yaml").write_text(FLOW)
    walk.is_refused(
        "dialer flow check errand.yaml -l hi",
        "errand.yaml:15: node agent: goes on failed to goodby, which is not a node",
    )
    walk.is_refused("dialer flow check turnuot", "turnuot", "turnout")
    walk.is_refused("dialer audio approve hi/turnout/questoin --by Asha -c centre.toml", "questoin")
    walk.is_refused("dialer script show poling_day", "polling_day")


def at_work(walk: Walk, visit: Visit) -> None:
    """Try a flow, have drafts made, put a recording in, while the centre runs."""
    walk.does("dialer flow try turnout -l hi", "voted", given="1\n")
    walk.does("dialer audio drafts -c centre.toml")
    walk.does("dialer audio check -c centre.toml", "0 findings")
    recording = visit.centre.folder / "recordings" / "hi" / "turnout" / "question.mp3"
    recording.parent.mkdir(parents=True)
    write_recording(recording, speech(2.0, 16_000), 16_000)
    walk.does("dialer audio prepare -c centre.toml")
    walk.does("dialer audio approve hi/turnout/question --by Asha -c centre.toml")
    walk.does("dialer audio check -c centre.toml")
