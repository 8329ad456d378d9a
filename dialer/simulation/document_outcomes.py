"""Generate the table of SIP statuses in docs/reference/outcomes.md: `python -m dialer.simulation.document_outcomes
docs/reference`.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from dialer.domain.model import AttemptId, Outcome
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.engine.calls.state import derive_outcome_of_unanswered_call
from dialer.engine.trunks.state import has_call_failed_because_of_trunk
from dialer.simulation.asterisk.originate import CARRIER_CAUSES, convert_sip_status_to_dial_status

PAGE = "outcomes.md"
_HEAD = "|SIP status|outcome|Q.850 cause|again|trunk's failure|\n|---|---|---|---|---|\n"
_TABLE = re.compile(rf"{re.escape(_HEAD)}(?:\|.*\n)*")
_AGAIN = {
    Outcome.BUSY: "`busy_retry_minutes`",
    Outcome.NO_ANSWER: "`no_answer_retry_minutes`",
    Outcome.REJECTED: "`no_answer_retry_minutes`",
    Outcome.INVALID_NUMBER: "never",
}


def render_table_of_sip_statuses() -> str:
    """Return the table of SIP statuses as Markdown. Statuses with the same meaning share one row."""
    rows: dict[tuple[Outcome, int, bool], list[int]] = defaultdict(list)
    for status, cause in sorted(CARRIER_CAUSES.items()):
        ended = CallEnded(
            AttemptId(""),
            EndedBy.HANGUP,
            answered=False,
            cause=cause,
            technical_cause=str(status),
            dial_status=convert_sip_status_to_dial_status(status),
        )
        outcome = derive_outcome_of_unanswered_call(ended, rang=False)
        rows[outcome, cause, has_call_failed_because_of_trunk(outcome, ended) is True].append(status)
    order = list(Outcome)
    return _HEAD + "".join(
        f"|{', '.join(map(str, statuses))}|`{outcome}`|{cause}|{_AGAIN.get(outcome, '`other_retry_minutes`')}|"
        f"{'yes' if failed else 'no'}|\n"
        for (outcome, cause, failed), statuses in sorted(rows.items(), key=lambda row: (order.index(row[0][0]), row[1]))
    )


def update_outcomes_page(page: str) -> str:
    """Return docs/reference/outcomes.md (`page`) with its table of SIP statuses generated again."""
    return _TABLE.sub(lambda _: render_table_of_sip_statuses(), page, count=1)


if __name__ == "__main__":
    file = Path(sys.argv[1]) / PAGE
    file.write_text(update_outcomes_page(file.read_text(encoding="utf-8")), encoding="utf-8")
