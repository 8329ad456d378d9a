"""Attacks with commands: forged ones are never executed, and floods never delay a stop.

Every command is tried as every user, in every wrong form. `python -m bench.fuzz_mqtt` sends ten million malformed payloads to
the same checks.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from dialer.domain.alerts import Alert
from dialer.domain.clock import LoopClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import StoreBusy
from dialer.domain.model import Announcement
from dialer.domain.person_ids import OWN_USER
from dialer.domain.signing import derive_public_key
from dialer.engine.campaigns.commands import ResumeCampaign, StopAll
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.external_records.commands import RecordMarks
from dialer.engine.transfers.commands import SeatHold
from dialer.mqtt.commands.checks import AcceptedCommand, RefusedCommand, parse_and_check_payload
from dialer.mqtt.commands.gateway import CommandGateway
from dialer.mqtt.commands.queues import BURST, MAX_WAITING, PER_SECOND
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.commands.signer import Signer
from dialer.store.commands import ExecutedCommand
from dialer.store.store import Store
from tests.attack.malformed import make_malformed, make_valid_commands
from tests.support.command_messages import NEEDED, required_fields
from tests.support.fake_centre import FakeEngine
from tests.support.virtual import virtual_time

CENTRE = "pune-1"
NOW = 1713771727.0
OWN_ROLES = frozenset({SupervisorRole.BOOTH_DESK, SupervisorRole.COMPLIANCE})


def make_private_key(name: str) -> bytes:
    return name.encode().ljust(32, b"-")


PEOPLE: dict[str, frozenset[SupervisorRole]] = {
    OWN_USER: OWN_ROLES,
    **{role.value: frozenset({role}) for role in SupervisorRole},
}
OPEN = Senders([Sender(name, roles) for name, roles in PEOPLE.items()])
SIGNED = Senders([Sender(name, roles, derive_public_key(make_private_key(name))) for name, roles in PEOPLE.items()])


@dataclass(slots=True)
class SlowStore:
    """The parts of a store that the gateway needs. Each access takes `seconds`."""

    seconds: float = 0.0
    stored: dict[str, ExecutedCommand] = field(default_factory=dict)
    audit: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)  # by topic: how each ended
    audit_works: bool = True

    async def find_executed_command(self, command_id: str) -> ExecutedCommand | None:
        await asyncio.sleep(self.seconds)
        return self.stored.get(command_id)

    async def record_new_command(self, command_id: str, name: str, content: str, reply: str, at: float) -> bool:
        await asyncio.sleep(self.seconds)
        assert command_id not in self.stored
        self.stored[command_id] = ExecutedCommand(content, reply)
        return True

    async def save_final_reply_to_command(self, command_id: str, reply: str) -> None:
        await asyncio.sleep(self.seconds)
        self.stored[command_id] = ExecutedCommand(self.stored[command_id].content, reply)

    async def append_audit_entry(self, kind: str, who: str, what: Mapping[str, str], at: float) -> int:
        await asyncio.sleep(self.seconds)
        if not self.audit_works:
            raise StoreBusy("another process holds the store")
        assert kind == "command"
        self.audit.append((who, what))
        return len(self.audit)

    async def add_messages_to_outbox(self, announcements: Sequence[Announcement], at: float) -> None:
        await asyncio.sleep(self.seconds)
        for each in announcements:
            self.replies.setdefault(each.topic, []).append(json.loads(each.payload)["status"])


@dataclass(slots=True)
class GatewayUnderTest:
    """A gateway, and what it executed and reported."""

    gateway: CommandGateway
    store: SlowStore
    executed: list[tuple[float, Command]]
    senders: list[str]  # of those
    alerts: list[Alert]
    clock: LoopClock

    def send(self, user: str, name: str, command_id: str, **values: Any) -> None:
        self.gateway.queue_command_message(
            user, make_command_text(name, command_id, self.clock.now() + 600, **values).encode(), retained=False
        )


def make_gateway(
    senders: Senders = OPEN, store_seconds: float = 0.0, engine_seconds: Callable[[Command], float] = lambda _: 0.0
) -> GatewayUnderTest:
    clock, store = LoopClock(NOW), SlowStore(store_seconds)
    executed: list[tuple[float, Command]] = []
    commanding: list[str] = []
    alerts: list[Alert] = []

    class Engine(FakeEngine):
        async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
            executed.append((clock.monotonic(), command))
            commanding.append(context.sender)
            await asyncio.sleep(engine_seconds(command))
            return "done"

        def raise_or_clear_alert(self, alert: Alert) -> None:
            alerts.append(alert)

    gateway = CommandGateway(Engine(), cast("Store", store), clock, senders, CENTRE)
    return GatewayUnderTest(gateway, store, executed, commanding, alerts, clock)


async def run_during(tested: GatewayUnderTest, attack: Awaitable[None]) -> None:
    """Run the gateway until the attack is over."""
    task = asyncio.create_task(tested.gateway.execute_commands_until_cancelled())
    await attack
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def make_command_text(name: str, command_id: str, expires_at: float, **values: Any) -> str:
    """Return the text of a valid command."""
    return json.dumps({"id": command_id, "name": name, "expires_at": expires_at, **required_fields(name), **values})


# Who is not allowed


@virtual_time()
async def test_no_forged_mqtt_command_is_executed() -> None:
    tested = make_gateway(SIGNED)
    tried = 0
    proved = 0  # known to be their sender's: each of them is in the audit, of all others one a sender and minute

    async def attack() -> None:
        nonlocal tried, proved
        for name, kind in COMMANDS.items():
            for user, roles in {**PEOPLE, "eve": frozenset[SupervisorRole]()}.items():
                for number, (payload, retained) in enumerate(
                    make_invalid_messages(name, user, may=bool(roles & kind.roles))
                ):
                    parsed = parse_and_check_payload(
                        payload, user, SIGNED, CENTRE, retained=retained, now=tested.clock.now()
                    )
                    assert isinstance(parsed, RefusedCommand), (name, user, number)
                    await tested.gateway.execute_command_once_and_reply(parsed)
                    tried += 1
                    proved += parsed.is_authentic

    await run_during(tested, attack())
    assert tested.executed == []
    assert tested.store.stored == {}
    assert tried > 3_000
    assert len(tested.store.audit) == proved + len(PEOPLE) + 1
    assert {what["status"] for _, what in tested.store.audit} == {"refused"}
    assert {who for who, _ in tested.store.audit} == {*PEOPLE, "eve"}
    assert [alert.code for alert in tested.alerts][:1] == ["command-forged"]


@pytest.mark.parametrize(
    "user", ["\u0905" * 20_000, "e" * 60_000, "#", "+", "eve ", "Eve", "ev\u0435", "%2F", "a" * 33]
)
@virtual_time()
async def test_mqtt_command_on_a_topic_without_a_valid_user_name_gets_no_reply(user: str) -> None:
    """A reply on a topic that is too long could not be published, and would block all results behind it."""
    tested = make_gateway()
    tested.send(user, "stop-all", "c-1")
    await run_during(tested, asyncio.sleep(10))
    assert tested.executed == []
    assert tested.store.replies == {}
    assert [(who, what["status"]) for who, what in tested.store.audit] == [("stranger", "refused")]


def make_invalid_messages(name: str, user: str, *, may: bool) -> list[tuple[bytes, bool]]:
    """Return messages on that user's topic, each invalid for another reason, and whether they are retained."""
    text = make_command_text(name, "c-1", NOW + 600)
    own, other = Signer(user, make_private_key(user)), Signer(user, make_private_key("somebody"))
    signed = json.loads(own.create_command_payload(CENTRE, text))
    changed = {**signed, "command": text.replace("c-1", "c-2")}
    of_another = json.loads(
        Signer("supervisor" if user != "supervisor" else "desk", make_private_key(user)).create_command_payload(
            CENTRE, text
        )
    )
    flipped = bytearray(base64.b64decode(signed["signature"]))
    flipped[7] ^= 1
    forms = [
        (text, False),  # not signed
        (json.dumps({"command": text, "signature": None}), False),
        (json.dumps({"command": text, "signature": ""}), False),
        (json.dumps({"command": text, "signature": 64 * [0]}), False),
        (json.dumps({**signed, "signature": base64.b64encode(bytes(64)).decode()}), False),
        (json.dumps({**signed, "signature": base64.b64encode(bytes(flipped)).decode()}), False),
        (json.dumps({**signed, "signature": signed["signature"][:-4]}), False),
        (json.dumps(changed), False),
        (json.dumps(of_another), False),  # made for another's topic
        (own.create_command_payload("pune-2", text), False),  # made for another centre
        (other.create_command_payload(CENTRE, text), False),
        (json.dumps({**signed, "role": "supervisor"}), False),
        (own.create_command_payload(CENTRE, text), True),  # retained
        (own.create_command_payload(CENTRE, make_command_text(name, "c-1", NOW)), False),  # expired
        (own.create_command_payload(CENTRE, make_command_text(name, "c-1", NOW + 90_000)), False),  # for ever
    ]
    forms += [
        (own.create_command_payload(CENTRE, make_command_text(name, "c-1", NOW + 600, **{key: "supervisor"})), False)
        for key in ("role", "user")
        if key not in COMMANDS[name].list_required_field_names()
    ]
    if not may:
        forms.append((own.create_command_payload(CENTRE, text), False))
    return [(form.encode(), retained) for form, retained in forms]


@pytest.mark.parametrize("name", COMMANDS)
def test_signed_command_is_accepted_from_users_with_a_permitted_role(name: str) -> None:
    for user, roles in PEOPLE.items():
        payload = (
            Signer(user, make_private_key(user))
            .create_command_payload(CENTRE, make_command_text(name, "c-1", NOW + 600))
            .encode()
        )
        parsed = parse_and_check_payload(payload, user, SIGNED, CENTRE, retained=False, now=NOW)
        assert isinstance(parsed, AcceptedCommand if roles & COMMANDS[name].roles else RefusedCommand)


def test_unsigned_command_is_refused_if_the_settings_require_signatures() -> None:
    both = Senders([Sender("asha", PEOPLE["supervisor"]), Sender("ravi", PEOPLE["supervisor"])], signed=True)
    parsed = parse_and_check_payload(
        make_command_text("stop-all", "c-1", NOW + 9).encode(), "asha", both, CENTRE, retained=False, now=NOW
    )
    assert isinstance(parsed, RefusedCommand)
    assert "the command is not signed" in parsed.text


def test_unsigned_command_is_refused_if_the_broker_accepts_anonymous_clients() -> None:
    strangers = Senders(
        [
            Sender("asha", PEOPLE["supervisor"]),
            Sender("ravi", PEOPLE["supervisor"], derive_public_key(make_private_key("ravi"))),
        ],
        broker_knows=False,
    )
    text = make_command_text("stop-all", "c-1", NOW + 9)
    parsed = parse_and_check_payload(text.encode(), "asha", strangers, CENTRE, retained=False, now=NOW)
    assert isinstance(parsed, RefusedCommand)
    assert "the broker accepts anybody" in parsed.text
    signed = Signer("ravi", make_private_key("ravi")).create_command_payload(CENTRE, text).encode()
    parsed = parse_and_check_payload(signed, "ravi", strangers, CENTRE, retained=False, now=NOW)
    assert isinstance(parsed, AcceptedCommand)


# Again and again


@virtual_time()
async def test_command_sent_twice_is_executed_once_and_refused_after_expiry() -> None:
    tested = make_gateway(SIGNED)
    signed = (
        Signer("supervisor", make_private_key("supervisor"))
        .create_command_payload(CENTRE, make_command_text("stop-all", "c-1", NOW + 600))
        .encode()
    )

    async def attack() -> None:
        for _ in range(50):
            tested.gateway.queue_command_message("supervisor", signed, retained=False)
            tested.gateway.queue_command_message("desk", signed, retained=False)  # on another's topic
        await asyncio.sleep(5)
        tested.store.stored.clear()  # long forgotten
        await asyncio.sleep(700)
        tested.gateway.queue_command_message("supervisor", signed, retained=False)
        await asyncio.sleep(5)

    await run_during(tested, attack())
    assert [command for _, command in tested.executed] == [StopAll()]
    assert Counter(tested.store.replies["replies/supervisor/c-1"]) == {"done": 50, "refused": 1}
    assert Counter(tested.store.replies["replies/desk/c-1"]) == {"refused": 50}


@virtual_time()
@pytest.mark.parametrize("names", [("pause", "stop-all"), ("stop-all", "seat-hang-up"), ("seat-hold", "seat-resume")])
async def test_second_command_with_the_same_id_and_other_content_is_refused(names: tuple[str, str]) -> None:
    """In one queue, and in two, where the store does not know the first command when the second arrives."""
    tested = make_gateway(store_seconds=0.01)

    async def attack() -> None:
        for name in names:
            tested.send("supervisor", name, "c-1")
        await asyncio.sleep(5)

    await run_during(tested, attack())
    assert len(tested.executed) == 1
    assert sorted(tested.store.replies["replies/supervisor/c-1"]) == ["done", "refused"]
    assert sorted(what["status"] for _, what in tested.store.audit if what["status"] != "begun") == ["done", "refused"]


@virtual_time()
async def test_two_senders_may_use_the_same_command_id() -> None:
    tested = make_gateway()

    async def attack() -> None:
        for user in ("compliance", "supervisor"):
            tested.send(user, "stop-all", "c-1")
        tested.send("viewer", "stop-all", "c-1")
        await asyncio.sleep(5)

    await run_during(tested, attack())
    assert len(tested.executed) == 2
    assert tested.store.replies == {
        "replies/compliance/c-1": ["done"],
        "replies/supervisor/c-1": ["done"],
        "replies/viewer/c-1": ["refused"],
    }


# Floods


@virtual_time()
@pytest.mark.parametrize("flooder", ["supervisor", "compliance", "desk", "viewer", "eve"])
async def test_invalid_commands_do_not_delay_the_command_that_stops_all_campaigns(flooder: str) -> None:
    """With a switch of a second per order and a disk of 5 ms, one sender sends 30,000 commands; then another one sends stop-all.
    It is executed within 100 ms of virtual time, and the other sender's normal commands are served in turn.
    """
    tested = make_gateway(
        store_seconds=0.005, engine_seconds=lambda command: 0.0 if isinstance(command, StopAll) else 1.0
    )
    names = [name for name in COMMANDS if name != "stop-all"]
    asked_at: list[float] = []

    async def attack() -> None:
        for number in range(30_000):
            tested.send(flooder, names[number % len(names)], f"f-{number}")
            if number % 100 == 0:
                await asyncio.sleep(0)
        asked_at.append(tested.clock.monotonic())
        tested.send("supervisor", "stop-all", "stop")
        tested.send("booth-desk", "marks", "honest")
        await asyncio.sleep(60)

    await run_during(tested, attack())
    (stopped_at,) = [at for at, command in tested.executed if isinstance(command, StopAll)]
    assert stopped_at - asked_at[0] < 0.1
    (served_at,) = [
        at
        for (at, command), sender in zip(tested.executed, tested.senders, strict=True)
        if isinstance(command, RecordMarks) and sender == "booth-desk"
    ]
    assert served_at - asked_at[0] < 2.5  # behind one command of the flood that had begun, and one in its turn
    alert = next(alert for alert in tested.alerts if alert.code == "command-flood")
    assert ("Senders: -; unknown senders:" if flooder == "eve" else f"Senders: {flooder} (") in alert.text
    assert len(tested.store.audit) < 700  # each command that waited is in it


@virtual_time()
async def test_flood_of_stop_commands_does_not_delay_the_stop_of_another_sender() -> None:
    tested = make_gateway(store_seconds=0.001)

    async def attack() -> None:
        for number in range(5_000):
            tested.send("compliance", "stop-all", f"f-{number}")
            if number == 2_500:
                tested.send("supervisor", "stop-all", "mine")
            await asyncio.sleep(0.01)

    await run_during(tested, attack())
    assert tested.store.replies["replies/supervisor/mine"] == ["done"]
    assert len(tested.executed) <= BURST + MAX_WAITING + 51 * PER_SECOND


@virtual_time()
async def test_alert_about_a_command_flood_counts_the_commands_and_clears_afterwards() -> None:
    tested = make_gateway()

    async def attack() -> None:
        for number in range(MAX_WAITING + 7):
            tested.send("desk", "seat-hold", f"f-{number}")
        await asyncio.sleep(200)

    await run_during(tested, attack())
    alerts_raised = [(alert.fields, alert.cleared) for alert in tested.alerts if alert.code == "command-flood"]
    assert alerts_raised == [
        ({"count": 1, "users": "desk (1)", "unknown": 0}, False),
        ({"count": 7, "users": "desk (7)", "unknown": 0}, False),
        ({"count": 7, "users": "desk (7)", "unknown": 0}, True),
    ]


@virtual_time()
async def test_many_voter_records_from_one_sender_raise_an_alert() -> None:
    tested = make_gateway()
    marks = [{**NEEDED["marks"][0], "key": f"import/{number}"} for number in range(100)]

    async def attack() -> None:
        for number in range(29):  # 2,900 voters
            tested.send("booth-desk", "marks", f"m-{number}", marks=marks)
            await asyncio.sleep(0.26)

    await run_during(tested, attack())
    assert len(tested.executed) == 29
    burst = next(alert for alert in tested.alerts if alert.code == "records-burst")
    assert "booth-desk" in burst.text
    assert {what["records"] for _, what in tested.store.audit} == {"100"}


@virtual_time()
@pytest.mark.parametrize(
    ("halt", "values"), [("stop-all", {}), ("stop", {}), ("pause", {}), ("stop", {"campaign_id": "other"})]
)
async def test_queued_resume_command_does_not_undo_a_later_stop(halt: str, values: dict[str, str]) -> None:
    tested = make_gateway(engine_seconds=lambda command: 5.0 if isinstance(command, SeatHold) else 0.0)

    async def attack() -> None:
        tested.send("supervisor", "seat-hold", "c-1")  # the worker is busy with it
        await asyncio.sleep(0.1)
        tested.send("supervisor", "resume", "c-2")
        tested.send("compliance", halt, "c-3", **values)
        await asyncio.sleep(10)
        tested.send("supervisor", "resume", "c-4")  # and a later one goes on
        await asyncio.sleep(10)

    await run_during(tested, attack())
    overtaken = "campaign_id" not in values
    resumed = sum(isinstance(command, ResumeCampaign) for _, command in tested.executed)
    assert resumed == (1 if overtaken else 2)
    assert tested.store.replies["replies/supervisor/c-2"] == ["refused" if overtaken else "done"]
    assert tested.store.replies["replies/supervisor/c-4"] == ["done"]


# The audit


@virtual_time()
async def test_only_stop_commands_are_executed_while_the_audit_cannot_be_written() -> None:
    tested = make_gateway()
    tested.store.audit_works = False

    async def attack() -> None:
        tested.send("supervisor", "seat-hang-up", "c-1")
        tested.send("supervisor", "stop-all", "c-2")
        await asyncio.sleep(5)
        tested.store.audit_works = True
        tested.send("supervisor", "seat-hang-up", "c-1")  # the sender repeats what had no answer
        tested.send("supervisor", "stop-all", "c-2")
        await asyncio.sleep(5)

    await run_during(tested, attack())
    assert [type(command).__name__ for _, command in tested.executed] == ["StopAll", "StopAll", "SeatHangUp"]
    assert tested.store.replies == {"replies/supervisor/c-1": ["done"], "replies/supervisor/c-2": ["done"]}


@pytest.mark.parametrize("senders", [1, 50])
@virtual_time()
async def test_refused_commands_of_unknown_senders_share_one_audit_entry_a_minute(senders: int) -> None:
    """Ten minutes of ten commands a second, under one name or fifty. A known sender's refusal is not counted with them."""
    tested = make_gateway()

    async def attack() -> None:
        for number in range(6_000):
            tested.send(f"eve-{number % senders}", "stop-all", f"f-{number}")
            await asyncio.sleep(0.1)
        tested.send("listener", "stop-all", "l-1")
        await asyncio.sleep(200)

    await run_during(tested, attack())
    assert tested.executed == []
    alerts_raised = [what for who, what in tested.store.audit if who.startswith("eve-")]
    assert 10 <= len(alerts_raised) <= 13
    assert sum(int(what.get("like_it", "1")) for what in alerts_raised) == 6_000
    assert [what["id"] for who, what in tested.store.audit if who == "listener"] == ["l-1"]


@virtual_time()
async def test_phone_numbers_in_commands_never_reach_the_audit_or_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tested = make_gateway()

    async def attack() -> None:
        tested.send("supervisor", "pause", "9001234567", campaign_id="+919001234567")
        tested.gateway.queue_command_message("9001234567", b'{"id": "c-1"}', retained=False)
        tested.gateway.queue_command_message("a b", b'{"id": "c-2", "name": "+919001234567"}', retained=False)
        await asyncio.sleep(5)

    await run_during(tested, attack())
    assert sorted(who for who, _ in tested.store.audit) == ["stranger", "supervisor"]
    assert "9001234567" not in str(tested.store.audit)
    logged = capsys.readouterr().out
    assert "command.executed" in logged
    assert "9001234567" not in logged
    (what,) = [what for who, what in tested.store.audit if who == "supervisor"]
    assert what["id"].startswith("sha256-")
    assert (what["command"], what["status"], what["role"]) == ("pause", "done", "supervisor")


# Malformed


@pytest.mark.parametrize("senders", [SIGNED, OPEN], ids=["signed", "open"])
def test_malformed_command_payloads_are_refused_without_leaking_memory(senders: Senders) -> None:
    """No exception, nothing accepted where signatures are required, constant memory. Without signatures the fields reach the
    commands' own validation, and a message that is valid by chance is accepted.
    """
    random, seeds = Random(20240422), make_valid_commands(NOW)
    accepted = 0

    def check_random_payloads(count: int) -> None:
        nonlocal accepted
        for _ in range(count):
            payload = make_malformed(random, seeds)
            parsed = parse_and_check_payload(payload, "supervisor", senders, CENTRE, retained=False, now=NOW)
            accepted += isinstance(parsed, AcceptedCommand)

    check_random_payloads(5_000)  # whatever is made once is made
    gc.collect()
    before = sys.getallocatedblocks()
    check_random_payloads(20_000)
    gc.collect()
    assert sys.getallocatedblocks() - before < 1_000
    assert bool(accepted) == (senders is OPEN)  # none of them bears a signature that holds


async def test_queued_commands_are_refused_after_their_sender_has_lost_the_role() -> None:
    stored = {"meena": SupervisorRole.SUPERVISOR, "ravi": SupervisorRole.SUPERVISOR}
    tested = make_gateway(Senders([], stored))
    tested.send("meena", "resume", "r-1", campaign_id="a")
    tested.send("ravi", "resume", "r-2", campaign_id="b")
    del stored["meena"]
    stored["ravi"] = SupervisorRole.COACH
    tested.send("meena", "stop-all", "s-1")
    tested.send("ravi", "stop-all", "s-2")
    await run_during(tested, asyncio.sleep(1))
    assert not tested.executed
    assert sorted((who, what["status"], what["why"][:25]) for who, what in tested.store.audit) == [
        ("meena", "refused", "the sender may not send c"),
        ("meena", "refused", "the user meena may no lon"),
        ("ravi", "refused", "`resume` needs the role s"),
        ("ravi", "refused", "`stop-all` needs the role"),
    ]
    stored["meena"] = SupervisorRole.SUPERVISOR
    tested.send("meena", "stop-all", "s-3")
    await run_during(tested, asyncio.sleep(1))
    assert [command for _, command in tested.executed] == [StopAll()]
