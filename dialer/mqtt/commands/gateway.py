"""The command gateway of the dialler. It queues command messages, executes each once, and publishes the reply."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import Protocol

import structlog

from dialer.domain.alerts import Alert, AlertKind
from dialer.domain.clock import Clock
from dialer.domain.errors import CommandRefused, RefusedBecause, StoreError
from dialer.domain.model import Receipt
from dialer.engine.campaigns.commands import ResumeCampaign
from dialer.engine.command.base import Command, CommandContext, ReceiptedCommand, Urgency
from dialer.errors import MatdanError
from dialer.mqtt.commands.alerts import CountingAlert
from dialer.mqtt.commands.audit import CommandAudit, format_command_id_for_log
from dialer.mqtt.commands.checks import (
    AcceptedCommand,
    CheckedCommand,
    RefusedCommand,
    check_command_message,
    check_sender_permission_again,
)
from dialer.mqtt.commands.message import CommandMessage, parse_command_message
from dialer.mqtt.commands.queues import FairQueues
from dialer.mqtt.commands.senders import Senders
from dialer.mqtt.messages import Message, create_message_of_outbox_row, create_outbox_row_of_reply
from dialer.mqtt.reply import CommandReply
from dialer.store.commands import ExecutedCommand
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

RECORDS_PER_MINUTE = 1_000.0
"""Rate of records of a sender above which an alert is raised. More are accepted."""
UPDATE_SECONDS = 10.0
"""Interval between two updates of the alerts."""
MAX_UNSTORED_REPLIES = 100
"""Maximum number of unstored replies that wait for a connection."""

_INTERRUPTED = "the dialler stopped while it executed the command: check what was done before you send a new one"
_FAILED = "the dialler failed to execute it; its log says why. Check what was done before you send it again"


class CommandEngine(Protocol):
    """The functions of the dialler's engine that the command gateway calls."""

    @property
    def mqtt_message_stored_event(self) -> asyncio.Event:
        """An event that is set when new MQTT messages are committed to the store.

        The task that publishes these messages clears the event.
        """
        ...

    async def execute_command(self, command: Command, context: CommandContext) -> str:
        """Execute a command. Return one line that says what was done. Raises CommandRefused, StoreError."""
        ...

    def raise_or_clear_alert(self, alert: Alert) -> None:
        """Raise the alert, or clear it if its field `cleared` is set."""
        ...


class CommandGateway:
    """The dialler's gateway for commands: it executes received commands and publishes replies.

    While the broker is disconnected, replies wait in the store. Commands of the same urgency are executed one after
    another. Commands of different urgency are executed concurrently.
    """

    def __init__(self, engine: CommandEngine, store: Store, clock: Clock, senders: Senders, centre: str) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock
        self._centre = centre
        self._senders = senders
        self._audit = CommandAudit(store, clock)
        # Each command has its number in the order of arrival.
        self._queues: dict[Urgency, FairQueues[tuple[int, CheckedCommand]]] = {each: FairQueues() for each in Urgency}
        self._arrived = {urgency: asyncio.Event() for urgency in Urgency}
        self._number = 0
        self._in_progress: set[str] = set()  # keys of commands that the store does not know yet
        self._halts: dict[str | None, int] = {}  # number of the last halt of each campaign (None: all campaigns)
        self._floods = CountingAlert(AlertKind.COMMAND_FLOOD, engine.raise_or_clear_alert, clock)
        self._forgeries = CountingAlert(AlertKind.COMMAND_FORGED, engine.raise_or_clear_alert, clock)
        self._bursts = CountingAlert(AlertKind.RECORDS_BURST, engine.raise_or_clear_alert, clock)
        self._records: dict[str, tuple[float, float]] = {}  # by sender: how many recently, and when that was counted
        self._has_counts = asyncio.Event()
        self.unstored_replies: asyncio.Queue[Message] = asyncio.Queue(MAX_UNSTORED_REPLIES)
        """Replies to be published by the main connection. If one is lost, its sender repeats the command."""

    def queue_command_message(self, user: str, payload: bytes, *, retained: bool) -> None:
        """Queue a command message that arrived on the topic of `user`.

        An empty message is ignored: it is no command, but only deletes a retained message at the broker.
        """
        if not payload:
            return
        sender = user if self._senders.find_sender_by_user_name(user) is not None else ""  # strangers share one queue
        message: CommandMessage | RefusedCommand
        try:
            message = parse_command_message(payload)
        except CommandRefused as refused:
            message = RefusedCommand(None, str(refused), user)
        urgency = message.command_urgency if sender and isinstance(message, CommandMessage) else Urgency.NORMAL
        if self._queues[urgency].is_queue_of_sender_full(sender):  # before any check, because a flood must cost little
            self._count_incident_of_sender(self._floods, sender)  # not answered: the sender repeats it with the same ID
            return
        if isinstance(message, RefusedCommand):
            checked: CheckedCommand = message
        else:
            now = self._clock.now()
            checked = check_command_message(message, user, self._senders, self._centre, retained=retained, now=now)
        self._number += 1
        if isinstance(checked, AcceptedCommand) and urgency < Urgency.NORMAL:
            self._halts[getattr(checked.command, "campaign_id", None)] = self._number
        self._queues[urgency].append_command(sender, (self._number, checked))
        self._arrived[urgency].set()

    async def execute_commands_until_cancelled(self) -> None:
        """Execute and answer commands until cancelled."""
        async with asyncio.TaskGroup() as group:
            for urgency in Urgency:
                group.create_task(
                    self._execute_queued_commands_of_urgency(urgency), name=f"commands-{urgency.name.lower()}"
                )
            group.create_task(self._update_alerts_about_incidents(), name="commands-alerts")

    async def _execute_queued_commands_of_urgency(self, urgency: Urgency) -> None:
        queues, arrived = self._queues[urgency], self._arrived[urgency]
        while True:
            waiting, seconds = queues.pop_next_command(self._clock.monotonic())
            if waiting is not None:
                await self._execute_command_and_log_errors(*waiting)
                continue
            if urgency is Urgency.NORMAL and not queues:
                self._halts.clear()  # no command is left that they could overtake
            arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await arrived.wait()

    async def _execute_command_and_log_errors(self, number: int, checked: CheckedCommand) -> None:
        try:
            await self.execute_command_once_and_reply(checked, number)
        except StoreError as error:
            _log.error("command.unanswered", command=format_command_id_for_log(checked), problem=str(error))
        except Exception:  # noqa: BLE001 - no message may end the dialler; the error is logged with its traceback
            _log.exception("command.failed", command=format_command_id_for_log(checked))
            if checked.command_id is not None:
                with contextlib.suppress(StoreError):
                    await self._audit.append_audit_entry(checked, "failed")
                    await self._put_reply_into_outbox(
                        checked.sender, self._create_refusal_reply(checked.command_id, _FAILED)
                    )

    async def _update_alerts_about_incidents(self) -> None:
        while True:
            await self._has_counts.wait()
            await asyncio.sleep(UPDATE_SECONDS)
            raised = [alert.update_or_clear_incident_alert() for alert in (self._floods, self._forgeries, self._bursts)]
            with contextlib.suppress(StoreError):
                await self._audit.write_audit_summaries_of_refused_commands()
            if not any(raised) and not self._audit.has_unaudited_commands:
                self._has_counts.clear()

    def _count_incident_of_sender(self, alert: CountingAlert, sender: str, number: int = 1) -> None:
        alert.count_incidents_of_sender(sender, number)
        self._has_counts.set()

    async def execute_command_once_and_reply(self, checked: CheckedCommand, number: int = 0) -> None:
        """Execute a command, unless it was executed before, and send a reply to its sender.

        `number` is the command's place in the order of arrival. If the dialler crashes and the command is sent again:

        - An idempotent command may be executed again, which changes nothing. It is recorded after its execution.
        - Another command, such as a hang-up or transfer, is refused, because a second execution would affect the next voter.
          It is recorded before its execution.
        - A command with a receipt (stored reply) is committed in one transaction with its reply.
        """
        if isinstance(checked, AcceptedCommand):
            checked = check_sender_permission_again(checked, self._senders)
        if isinstance(checked, RefusedCommand):
            await self._refuse_command(checked)
            return
        is_stored = checked.command.is_stored
        known = None
        if is_stored and checked.stored_command_key not in self._in_progress:
            known = await self._store.find_executed_command(checked.stored_command_key)
        if checked.stored_command_key in self._in_progress or (known is not None and known.content != checked.content):
            text = "another command has this ID: every command needs a new one"
            await self._refuse_command(
                RefusedCommand(checked.command_id, text, checked.sender, checked.name, checked.role, is_authentic=True)
            )
            return
        self._in_progress.add(checked.stored_command_key)
        try:
            reply = await self._execute_command_or_return_stored_reply(checked, known, number)
        finally:
            self._in_progress.discard(checked.stored_command_key)
        payload = CommandReply(id=checked.command_id, **json.loads(reply))
        if is_stored:
            await self._put_reply_into_outbox(checked.sender, payload)
            return
        announced = create_outbox_row_of_reply(checked.sender, payload)
        with contextlib.suppress(asyncio.QueueFull):
            self.unstored_replies.put_nowait(
                create_message_of_outbox_row(self._centre, announced.topic, announced.payload)
            )

    async def _execute_command_or_return_stored_reply(
        self, accepted: AcceptedCommand, known: ExecutedCommand | None, number: int
    ) -> str:
        """Execute a command and return its reply as JSON.

        If the store has a reply already (`known`), return that reply and do not execute the command.
        """
        if known is not None:
            await self._audit.append_audit_entry(accepted, "repeated")
            return known.reply
        if isinstance(accepted.command, ReceiptedCommand):
            return await self._execute_command_and_commit_reply(accepted, accepted.command)
        if not accepted.command.is_idempotent:
            return await self._record_command_then_execute(accepted)
        _, reply = await self._execute_and_audit_command(accepted, accepted.command_context, number)
        if accepted.command.is_stored:
            await self._record_command_with_reply(accepted, reply)
        return reply

    async def _refuse_command(self, refused: RefusedCommand) -> None:
        _log.warning("command.refused", command=format_command_id_for_log(refused), reason=refused.text)
        if refused.is_forged:
            self._count_incident_of_sender(self._forgeries, refused.sender)
        if refused.is_authentic:
            await self._audit.append_audit_entry(refused, "refused", refused.text)
        else:
            name = refused.sender if self._senders.find_sender_by_user_name(refused.sender) is not None else ""
            self._has_counts.set()
            await self._audit.write_audit_entry_for_forged_command(refused, name)
        if refused.command_id is not None:
            await self._put_reply_into_outbox(
                refused.sender, self._create_refusal_reply(refused.command_id, refused.text)
            )

    async def _execute_command_and_commit_reply(self, accepted: AcceptedCommand, command: ReceiptedCommand) -> str:
        await self._audit.append_audit_entry(accepted, "begun")
        receipted = self._encode_reply_as_json("done", command.format_reply_to_command)
        receipt = Receipt(accepted.stored_command_key, accepted.name, accepted.content, receipted)
        status, reply = await self._execute_and_audit_command(
            accepted, replace(accepted.command_context, receipt=receipt)
        )
        if status == "done":
            return receipted
        await self._record_command_with_reply(accepted, reply)
        return reply

    async def _record_command_then_execute(self, accepted: AcceptedCommand) -> str:
        """Record a command that must not be executed twice, then execute it. Return the reply as JSON."""
        await self._audit.append_audit_entry(accepted, "begun")  # it is not executed unless this is committed
        await self._record_command_with_reply(accepted, self._encode_reply_as_json("refused", _INTERRUPTED))
        _, reply = await self._execute_and_audit_command(accepted, accepted.command_context)
        await self._store.save_final_reply_to_command(accepted.stored_command_key, reply)
        return reply

    async def _record_command_with_reply(self, accepted: AcceptedCommand, reply: str) -> None:
        now = self._clock.now()
        await self._store.record_new_command(accepted.stored_command_key, accepted.name, accepted.content, reply, now)

    def _encode_reply_as_json(self, status: str, text: str, why: RefusedBecause | None = None) -> str:
        reply = {"status": status, "text": text, "at": round(self._clock.now(), 3)}
        return json.dumps(reply if why is None else {**reply, "code": why})

    async def _execute_and_audit_command(
        self, accepted: AcceptedCommand, context: CommandContext, number: int = 0
    ) -> tuple[str, str]:
        """Execute a command, and write it to audit and log. Return the status and the text of the reply."""
        status, text, why = await self._execute_command_or_return_refusal(accepted, context, number)
        reply = self._encode_reply_as_json(status, text, why)
        if status == "done" and not accepted.command.is_stored:
            return status, reply
        await self._audit.append_audit_entry(accepted, status, text if status == "refused" else "")
        _log.info(
            "command.executed",
            command=format_command_id_for_log(accepted),
            name=accepted.name,
            user=accepted.sender,
            role=accepted.role,
            status=status,
        )
        return status, reply

    async def _execute_command_or_return_refusal(
        self, accepted: AcceptedCommand, context: CommandContext, number: int
    ) -> tuple[str, str, RefusedBecause | None]:
        """Execute a command. Return the reply's status and text, and the code if it was refused."""
        self._count_records_imported_by_command(accepted)
        command = accepted.command
        try:
            if isinstance(
                command, ResumeCampaign
            ):  # without an await until the execution, so that no stop comes between
                self._refuse_resume_sent_before_newer_stop(command, number)
            return "done", await self._engine.execute_command(command, context), None
        except StoreError as error:
            if command.is_idempotent:
                raise  # it was not executed or may be executed again, so a repeat may succeed
            return "refused", f"it was not saved: {error}", None
        except MatdanError as error:
            return "refused", str(error), error.why if isinstance(error, CommandRefused) else None

    def _refuse_resume_sent_before_newer_stop(self, command: ResumeCampaign, number: int) -> None:
        """Raise CommandRefused for a command to resume dialling if a stop or pause arrived after it.

        Stops and pauses have queues of their own. So a stop may be executed before a resume that was sent earlier. That
        resume must not undo the stop.
        """
        if max(self._halts.get(command.campaign_id, 0), self._halts.get(None, 0)) > number:
            raise CommandRefused(
                "dialling was not resumed, because a stop or pause was sent later than this command: send the "
                "command again to resume dialling"
            )

    def _count_records_imported_by_command(self, accepted: AcceptedCommand) -> None:
        count = accepted.command.imported_record_count
        if not count:
            return
        now = self._clock.monotonic()
        recent, since = self._records.get(accepted.sender, (0.0, now))
        recent = max(0.0, recent - (now - since) * RECORDS_PER_MINUTE / 60) + count
        self._records[accepted.sender] = (recent, now)
        if recent > RECORDS_PER_MINUTE:
            self._count_incident_of_sender(self._bursts, accepted.sender, count)

    def _create_refusal_reply(self, command_id: str, text: str) -> CommandReply:
        return CommandReply(id=command_id, status="refused", text=text, at=self._clock.now())

    async def _put_reply_into_outbox(self, user: str, reply: CommandReply) -> None:
        await self._store.add_messages_to_outbox([create_outbox_row_of_reply(user, reply)], self._clock.now())
        self._engine.mqtt_message_stored_event.set()
