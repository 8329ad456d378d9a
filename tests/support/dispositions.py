"""Agents' pages that send dispositions, and a stress test of them: `python -m tests.support.dispositions 10000 7`."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialer.domain.errors import StoreBusy
from dialer.domain.view import SeatState
from dialer.mqtt.commands.checks import parse_and_check_payload
from dialer.mqtt.commands.gateway import CommandGateway
from dialer.mqtt.reply import CommandReply
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.simulation.virtual_time import run_in_virtual_time
from tests.support.centre import Site, a_site
from tests.support.mqtt import SENDERS
from tests.support.seats import seat
from tests.support.stored import query_store
from tests.support.voters import make_scripted_switch

SEATS = ("01", "02", "03", "04")
SAID = ("voted", "not-yet", "will-not", "wrong-number", "call-back")
ANSWERS = ("knows", "told")
MARKED = frozenset({"voted", "not-yet", "will-not", "wrong-number"})
BETWEEN_RESTARTS = 30  # dispositions
CAMPAIGN = {"wrap_up_seconds": 30.0, "script": "polling_day"}


class ReplyLosingGateway(CommandGateway):
    """A command gateway that loses its next replies, as if the dialler died between commit and reply."""

    lose = 0

    async def _put_reply_into_outbox(self, user: str, reply: CommandReply) -> None:
        if self.lose:
            self.lose -= 1
            raise StoreBusy("the dialler ended before it replied")
        await super()._put_reply_into_outbox(user, reply)


class Page:
    """An agent's page, which sends commands as the broker delivers them."""

    def __init__(self, site: Site, directory: Path) -> None:
        self.site = site
        self._store = directory / "centre.db"
        self._ids = itertools.count(1)
        self.why: str | None = None  # of the last reply
        self.desk = ReplyLosingGateway(site.centre.engine, site.centre.store, site.clock, SENDERS, "test")

    async def send(self, name: str, command_id: str | None = None, **values: Any) -> tuple[str, str]:
        """Send a command. Return (status, text) of the reply, or ("", "") if there was none."""
        now = self.site.clock.now()
        fields = {"id": command_id or f"c-{next(self._ids)}", "name": name, "expires_at": now + 60, **values}
        [(before,)] = query_store(self._store, "SELECT coalesce(max(outbox_id), 0) FROM outbox")
        try:
            payload = json.dumps(fields).encode()
            await self.desk.execute_command_once_and_reply(
                parse_and_check_payload(payload, "desk", SENDERS, "test", retained=False, now=now)
            )
        except StoreBusy:
            return "", ""
        replies = "SELECT payload FROM outbox WHERE topic LIKE 'replies/%' AND outbox_id > ?"
        [(payload_text,)] = query_store(self._store, replies, before)
        reply = json.loads(payload_text)
        self.why = reply["code"]
        return reply["status"], reply["text"]

    async def dispose(self, attempt: str | None, disposition: str, name: str = "01", **values: Any) -> tuple[str, str]:
        return await self.send("seat-dispose", seat=name, attempt_id=attempt, disposition=disposition, **values)

    async def undo(self, attempt: str | None, name: str = "01", **values: Any) -> tuple[str, str]:
        return await self.send("seat-undo-disposition", seat=name, attempt_id=attempt, **values)


@dataclass
class StressTest:
    """A stress test: the commands that pages sent, and the replies they received."""

    chance: random.Random
    confirmed: dict[str, str] = field(default_factory=dict)  # by attempt: the last disposition that was confirmed
    answers: dict[str, str] = field(default_factory=dict)  # by attempt: the answer to the script's question
    unanswered: list[tuple[str, str, str, str]] = field(default_factory=list)  # seat, id, attempt, word
    refused: int = 0
    repeated: int = 0
    restarts: int = 0
    faults: list[str] = field(default_factory=list)

    async def send_random_command(self, page: Page, name: str) -> None:
        """Let a page send a valid command for its call, and sometimes an invalid one."""
        chance, view = self.chance, seat(page.site, name)
        if view.state not in (SeatState.TALKING, SeatState.WRAP_UP) or view.attempt_id is None:
            return
        attempt, command_id = view.attempt_id, f"{self.restarts}-{len(self.confirmed)}-{chance.randrange(10**9)}"
        if self.confirmed and chance.random() < 0.1:  # a late click
            late = chance.choice([*self.confirmed][-8:])
            if late not in {each.attempt_id for each in page.site.centre_view.seats}:
                self.check_status("refused", await page.dispose(late, "opt-out", name, command_id=f"late-{command_id}"))
                self.refused += 1
        others = [each.attempt_id for each in page.site.centre_view.seats if each.seat != name and each.attempt_id]
        if others and chance.random() < 0.1:
            self.check_status(
                "refused", await page.dispose(others[0], "opt-out", name, command_id=f"other-{command_id}")
            )
            self.refused += 1
        if attempt in self.confirmed or attempt in {asked for _, _, asked, _ in self.unanswered}:
            return
        word = chance.choice(SAID)
        page.desk.lose = int(chance.random() < 0.15)
        said = {"answers": {"knows_booth": chance.choice(ANSWERS)}}
        answer = await page.dispose(attempt, word, name, command_id=command_id, **said)
        page.desk.lose = 0
        self.answers[attempt] = said["answers"]["knows_booth"]
        if answer == ("", ""):
            self.unanswered.append((name, command_id, attempt, word))
            return
        self.check_status("done", answer)
        self.confirmed[attempt] = word
        if chance.random() < 0.2:
            self.repeated += 1
            again = await page.dispose(attempt, word, name, command_id=command_id, **said)
            if again != answer:
                self.faults.append(f"a repeat was answered {again}")
        if chance.random() < 0.1:
            self.check_status("done", await page.undo(attempt, name, command_id=f"back-{command_id}"))
            self.confirmed[attempt] = "none"
            del self.answers[attempt]
            word = chance.choice(SAID)
            self.check_status("done", await page.dispose(attempt, word, name, command_id=f"anew-{command_id}"))
            self.confirmed[attempt] = word

    async def resend_unanswered(self, page: Page) -> None:
        """Resend the commands without a reply, with the same ids."""
        for name, command_id, attempt, word in self.unanswered:
            said = {"answers": {"knows_booth": self.answers[attempt]}}
            self.check_status("done", await page.dispose(attempt, word, name, command_id=command_id, **said))
            self.confirmed[attempt] = word
        self.unanswered.clear()

    def check_status(self, status: str, answer: tuple[str, str]) -> None:
        if answer[0] != status:
            self.faults.append(f"{answer} is not {status}")

    def check_store(self, directory: Path) -> None:
        """Compare the store with the confirmed dispositions, answers and marks. Differences are added to `faults`."""
        store = directory / "centre.db"
        stored = dict(query_store(store, "SELECT attempt_id, disposition FROM attempt WHERE disposition IS NOT NULL"))
        if stored != self.confirmed:
            different = {
                each for each in stored.keys() | self.confirmed.keys() if stored.get(each) != self.confirmed.get(each)
            }
            self.faults += [
                f"{each}: confirmed {self.confirmed.get(each)}, stored {stored.get(each)}" for each in different
            ]
        answered = query_store(store, "SELECT attempt_id, name, value FROM flow_answer ORDER BY attempt_id")
        if answered != sorted((attempt, "knows_booth", value) for attempt, value in self.answers.items()):
            self.faults.append(f"{len(answered)} answers stored, {len(self.answers)} confirmed")
        standing = query_store(
            store,
            "SELECT attempt_id, kind FROM mark WHERE undoes IS NULL AND key NOT IN"
            " (SELECT undoes FROM mark WHERE undoes IS NOT NULL) ORDER BY attempt_id",
        )
        expected = sorted((attempt, word) for attempt, word in self.confirmed.items() if word in MARKED)
        if sorted(standing) != expected:
            self.faults.append(f"{len(standing)} marks stored, {len(expected)} confirmed")


async def run_stress_test(directory: Path, words: int, seed: int) -> StressTest:
    """Let four pages send `words` dispositions, with repeats, late clicks, lost replies and dialler restarts."""
    stress_test = StressTest(random.Random(seed))
    config = make_scripted_switch(*[Behaviour(talk_seconds=4.0)] * (words * 3), seats=len(SEATS))
    async with SimulatedAsterisk(config) as switch:
        while len(stress_test.confirmed) < words:
            until = min(words, len(stress_test.confirmed) + BETWEEN_RESTARTS)
            async with a_site(directory, switch=switch, seats=len(SEATS), voters=words * 3, campaign=CAMPAIGN) as site:
                page = Page(site, directory)
                await stress_test.resend_unanswered(page)
                for name in SEATS:
                    if seat(site, name).agent is None:
                        await site.log_in(name)
                while len(stress_test.confirmed) < until:
                    for name in SEATS:
                        await stress_test.send_random_command(page, name)
                    await asyncio.sleep(0.3)
            stress_test.restarts += 1
        async with a_site(directory, switch=switch, seats=len(SEATS), campaign=CAMPAIGN) as site:
            await stress_test.resend_unanswered(Page(site, directory))
    stress_test.check_store(directory)
    return stress_test


def main() -> None:
    """Run the stress test and print its result."""
    words, seed = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as directory:
        stress_test: list[StressTest] = []

        async def run() -> None:
            stress_test.append(await run_stress_test(Path(directory), words, seed))

        run_in_virtual_time(run, limit_seconds=1e7)
    [result] = stress_test
    print(  # noqa: T201 - the output of a program
        f"{len(result.confirmed)} stored, {result.refused} refused, {result.repeated} repeated, {result.restarts} restarts,"
        f" {len(result.faults)} faults"
    )
    sys.exit("\n".join(result.faults[:20]) or None)


if __name__ == "__main__":
    main()
