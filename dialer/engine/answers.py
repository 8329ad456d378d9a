"""What it means for a call, and for the pacing of its campaign, that somebody picks up: a person, a machine, or not known yet."""

from __future__ import annotations

from dataclasses import replace

from dialer.engine.call import Call
from dialer.engine.results import Results
from dialer.engine.world import Centre
from dialer.pacing.port import PacingEventKind


class Answers:
    """Puts answers in place, each once, and teaches the pacer of them."""

    def __init__(self, centre: Centre, results: Results) -> None:
        """`results` keeps them."""
        self._centre = centre
        self._results = results

    def picked_up(self, call: Call) -> Call:
        """Somebody answered, now: put in place once, whether the switch or the flow told of it first. The call as it stands."""
        if call.answered:
            return call
        answered = self._centre.update_call(call, call.picked_up(self._centre.instant()))
        if answered.judged:
            self._teach(answered)
        self._results.answered(answered)
        self._centre.wake.set()
        return answered

    def by_person(self, call: Call) -> Call:
        """Somebody answered who is no machine, where that was still to be found out. The call as it stands."""
        answered = self.picked_up(call)
        if answered.judged:
            return answered
        judged = self._centre.update_call(answered, replace(answered, judged=True))
        self._teach(judged)
        return judged

    def by_machine(self, call: Call) -> None:
        """A machine picked up: no answer by a person."""
        answered = self.picked_up(call)
        if answered.machine:
            return
        run = self._centre.campaigns[answered.campaign_id]
        kind = PacingEventKind.MACHINE if answered.judged else PacingEventKind.FAILED
        # An answer is given up once, and only one that was counted.
        if not (answered.not_counted or answered.inbound):
            self._results.observe(run, kind, _seconds_to_answer(answered), call=answered)
        self._centre.update_call(answered, replace(answered, judged=True, machine=True, not_counted=True))

    def _teach(self, call: Call) -> None:
        if call.inbound:  # says nothing of what our calls meet
            return
        run = self._centre.campaigns[call.campaign_id]
        self._results.observe(run, PacingEventKind.ANSWERED, _seconds_to_answer(call), call=call)


def _seconds_to_answer(call: Call) -> float:
    return (call.answered_seconds or call.began_seconds) - call.began_seconds
