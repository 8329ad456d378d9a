"""The store of one centre, in one SQLite file.

Most methods of `Store` are functions of this package's modules, which contain their documentation and their SQL.
`Store` declares whether a method reads or writes. One test suite checks these rules:

- A method that writes returns only after its commit is on disk. If it raises, none of its writes are stored. An
  exception is a commit whose confirmation was lost: then calling the method again changes nothing.
- There is one writer. Waiting writes may share a commit; a write that fails does not fail the others.
- A result and its announcements (MQTT messages) are committed together or not at all.
- Errors: StoreFull (no space; nothing was stored), StoreBusy, StoreCorrupt, StoreError.

Times are epoch seconds, UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from dialer.domain.model import AttemptId, Booth, BoothTurnout, CampaignProgress, Mark, NewAttempt
from dialer.domain.phone_facts import NO_INTERVALS, CallIntervals
from dialer.domain.results import Encode
from dialer.store import attempts as attempt_rows
from dialer.store import (
    audit,
    campaign_figures,
    campaigns,
    claims,
    commands,
    dispositions,
    grounds,
    inbound_calls,
    judged_calls,
    marks,
    number_erasure,
    number_hashes,
    older_store,
    opt_outs,
    outbox,
    peer_updates,
    polling_day_records,
    recorded_calls,
    roll_updates,
    seals,
    seat_intervals,
    targets,
    turnout,
    unknown_attempts,
    users,
    voters,
)
from dialer.store import flow_answers as flow_answer_rows
from dialer.store import headquarters_orders as headquarters_order_rows
from dialer.store import log_ins as log_in_rows
from dialer.store import own_call_backs as own_call_back_rows
from dialer.store import registers as register_rows
from dialer.store import standing_orders as standing_order_rows
from dialer.store.attempts import Refusal
from dialer.store.audit import AuditNote
from dialer.store.connection import OpenStore, open_and_lock_store
from dialer.store.driver import BUSY_SECONDS
from dialer.store.free_space import FreeSpaceCheck
from dialer.store.keys import StoreKey
from dialer.store.lock import DIALLER
from dialer.store.marks import MarkEffect
from dialer.store.roll import StoredBooth
from dialer.store.runner import Announce, Read, StoreRunner, Write
from dialer.store.sql import Connection


async def open_store(
    path: Path,
    *,
    encode: Encode | None = None,
    create: bool = True,
    busy_seconds: float = BUSY_SECONDS,
    key: StoreKey | None = None,
    holder: str = DIALLER,
) -> Store:
    """Open the store at `path` and lock it for this process. With `create`, create a missing store.

    `encode` encodes updates as MQTT messages; without it nothing is announced. `busy_seconds` is how long a write waits
    for another program. With a `key` the file is encrypted. `holder` names this process in the errors of other
    processes.

    Raises StoreBusy if another dialler or an import holds the store, StoreCorrupt if the file is damaged or not a
    store, and StoreError if it cannot be opened or is newer than this program. The file is unchanged after an error.
    """
    write_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-write")
    try:
        loop = asyncio.get_running_loop()
        opened = await loop.run_in_executor(write_thread, open_and_lock_store, path, create, busy_seconds, key, holder)
    except BaseException:
        write_thread.shutdown(wait=False)
        raise
    return Store(opened, write_thread, encode)


class Store(StoreRunner):
    """The open store of a centre: all data that survives a restart."""

    def __init__(self, opened: OpenStore, write_thread: ThreadPoolExecutor, encode: Encode | None) -> None:
        """Create the store object for a file that is open and locked. Callers use `open_store`."""
        super().__init__(opened, write_thread, encode)
        self._free_space = FreeSpaceCheck(opened.path)
        # Nobody else changes the roll or the length of the queues while we hold the lock: both are read once.
        self._target_counts: dict[str, int] = {}
        self._booths: dict[int, Booth] | None = None
        self._voters_by_booth: dict[int, int] | None = None

    async def __aenter__(self) -> Self:
        """Return the store."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the store."""
        await self.close()

    # Campaigns and queues

    add_or_update_campaign = Write(campaigns.add_or_update_campaign)
    set_campaign_state = Write(campaigns.set_campaign_state)
    stop_campaigns = Write(campaigns.stop_campaigns)
    save_pacer_state = Write(campaigns.save_pacer_state)
    read_pacer_state = Read(campaigns.read_pacer_state)
    claim_queued_numbers = Write(claims.claim_queued_numbers)
    claim_number = Write(claims.claim_number)
    release_claimed_numbers = Write(claims.release_claimed_numbers)
    postpone_claimed_numbers = Write(claims.postpone_claimed_numbers)
    remove_refused_numbers_from_queue = Write(claims.remove_refused_numbers_from_queue)
    return_refused_numbers_to_queue = Write(claims.return_refused_numbers_to_queue)
    release_expired_claims = Write(claims.release_expired_claims)
    find_next_due_time = Read(targets.find_next_due_time)
    read_call_backs_reserved_for_agents = Read(own_call_back_rows.read_call_backs_reserved_for_agents)
    read_do_not_call_registers = Read(register_rows.read_do_not_call_registers)

    async def add_roll_numbers_to_queue(
        self, campaign_id: str, first: int = 0, last: int = targets.MAX_PHONE_ID
    ) -> int:
        """Add to a campaign's queue the numbers that it may call and that are missing there. Return how many were added
        or reopened.

        A campaign that calls voters gets every number that has a voter still to be called and that has not opted out. A
        campaign that calls booth workers gets every worker on the list. A number that was closed because it had no
        voter left to call is reopened if it has one now. A repeat adds nothing. A number is queued under the booth of
        its first pending voter, ranked by the sum of the pending voters' weights. Only numbers with ids from `first` to
        `last` are added. See `targets.add_roll_numbers_to_queue`.
        """
        added = await self._run_write_job(targets.add_roll_numbers_to_queue, campaign_id, first, last)
        self._target_counts.pop(campaign_id, None)
        return added

    # Attempts

    save_version_of_calling_rules = Write(grounds.save_version_of_calling_rules)
    save_settings_and_rules_in_force = Write(grounds.save_settings_and_rules_in_force)
    save_answer_time_of_call = Write(attempt_rows.save_answer_time_of_call)
    save_connect_time_of_call = Write(attempt_rows.save_connect_time_of_call)
    end_attempts = Announce(attempt_rows.end_attempts)
    save_disposition_of_call = Announce(dispositions.save_disposition_of_call)
    find_newest_attempt_time = Read(attempt_rows.find_newest_attempt_time)
    find_settings_changed_during_unfinished_calls = Read(audit.find_settings_changed_during_unfinished_calls)
    read_unfinished_attempts = Read(attempt_rows.read_unfinished_attempts)
    read_screen_pop = Read(attempt_rows.read_screen_pop)
    find_conversations_without_disposition = Read(attempt_rows.find_conversations_without_disposition)
    find_stored_attempts = Read(attempt_rows.find_stored_attempts)
    is_call_missing_from_store = Read(older_store.is_call_missing_from_store)
    append_missing_call_to_audit = Write(older_store.append_missing_call_to_audit)
    find_unfinished_attempt_on_number = Read(attempt_rows.find_unfinished_attempt_on_number)
    save_start_of_call_recording = Write(recorded_calls.save_start_of_call_recording)
    has_call_with_recording_ended = Read(recorded_calls.has_call_with_recording_ended)
    save_judgement_of_call = Write(judged_calls.save_judgement_of_call)
    count_judged_calls_of_campaign = Read(judged_calls.count_judged_calls_of_campaign)
    save_flow_answers = Announce(flow_answer_rows.save_flow_answers)
    read_flow_answers = Read(flow_answer_rows.read_flow_answers)
    save_inbound_call = Write(inbound_calls.save_inbound_call)

    async def commit_new_attempts(
        self,
        attempts: Sequence[NewAttempt],
        *,
        max_attempts_since: float,
        max_attempts: int,
        max_conversations: int | None = None,
        gaps: CallIntervals = NO_INTERVALS,
    ) -> list[Refusal | None]:
        """Commit attempts *before* they are dialled.

        Return for each attempt None, or the reason why it must not be dialled. These conditions are checked again: the
        number's reservation (claim), open attempts on it, opt-outs, pending voters, and the caps per number over all
        campaigns.

        - Caps count from `max_attempts_since`. A number at its cap is due again a day after that. `max_conversations`
          None: no
          cap.
        - `gaps` has the minimum intervals between calls. A number that was called more recently is due again when the
          interval
          ends, unless its call was promised and the phone has not rung since.
        - An attempt id that was opened before is refused as OPEN_ATTEMPT.
        - A refused target goes back to the queue, or is closed if the reason is final.
        - Attempts that end as `refused` were never placed, and do not count towards caps and intervals.

        Raises StoreFull if the disk has no room for the results, and StoreError also if the store's file was moved or
        replaced.
        """

        def commit_each_new_attempt(db: Connection) -> list[Refusal | None]:
            self._lock.refuse_moved_store_file()
            self._free_space.check_free_space(db, len(attempts))
            limits = (max_attempts_since, max_attempts, max_conversations, gaps)
            return [attempt_rows.commit_new_attempt(db, each, *limits) for each in attempts]

        return await self._run_write_job(commit_each_new_attempt)

    # Voters and marks

    find_pending_voters = Read(voters.find_pending_voters)
    find_voter_by_serial_number = Read(voters.find_voter_by_serial_number)
    read_voter_for_agent_page = Read(voters.read_voter_for_agent_page)
    find_number_for_sms = Read(voters.find_number_for_sms)
    count_voters_unreachable_after_opt_out = Read(turnout.count_voters_unreachable_after_opt_out)
    find_last_mark_by_booth_worker = Write(
        marks.find_last_mark_by_booth_worker
    )  # after the waiting writes, to find their marks
    find_voters_by_mark_key = Write(marks.find_voters_by_mark_key)
    save_report_of_unknown_serial_number = Write(marks.save_report_of_unknown_serial_number)
    append_official_turnout_figures = Write(polling_day_records.append_official_turnout_figures)
    save_complaint = Write(polling_day_records.save_complaint)
    answer_complaint = Write(polling_day_records.answer_complaint)

    async def save_voter_mark(self, mark: Mark) -> MarkEffect:
        """Store a mark (fact about a voter) and update the voter's status. See `marks.save_voter_mark`."""
        effect = await self._run_announcing_write_job(marks.save_voter_mark, mark)
        self._discard_cached_queue_lengths([effect])
        return effect

    async def save_voter_marks(self, new: Sequence[Mark], note: AuditNote) -> list[MarkEffect]:
        """Store several marks (facts about voters), all or none, with an audit entry.

        See `marks.save_voter_marks`.
        """
        effects = await self._run_announcing_write_job(marks.save_voter_marks, new, note)
        self._discard_cached_queue_lengths(effects)
        return effects

    async def release_attempts_with_unknown_outcome(
        self, attempt_ids: Sequence[AttemptId], reason: str, note: AuditNote
    ) -> int:
        """Let the numbers of attempts with an unknown result be called again, all or none.

        See `unknown_attempts.release_attempts_with_unknown_outcome`.
        """
        opened = await self._run_write_job(
            unknown_attempts.release_attempts_with_unknown_outcome, attempt_ids, reason, note
        )
        self._target_counts.clear()
        return opened

    def _discard_cached_queue_lengths(self, effects: Sequence[MarkEffect]) -> None:
        """Discard the cached counts of numbers in campaigns' queues, after a write that may have added numbers."""
        if any(effect.reopened for effect in effects):
            self._target_counts.clear()

    async def read_booths(self) -> dict[int, Booth]:
        """Return all polling stations (booths) of the electoral roll by id."""
        if self._booths is None:
            self._booths = await self._run_read_job(voters.read_booths)
        return dict(self._booths)

    async def count_booth_turnout(self) -> list[BoothTurnout]:
        """Return the self-reported turnout of every polling station (booth) that has voters.

        Slow, because it reads the whole roll: call it once, at the start.
        """
        booths = await self.read_booths()
        if self._voters_by_booth is None:
            self._voters_by_booth = await self._run_read_job(turnout.count_voters_by_booth)
        return await self._run_read_job(turnout.count_booth_turnout, booths, self._voters_by_booth)

    # A roll that is imported while the dialler is running

    import_voters = Write(roll_updates.import_voters)
    save_roll_import = Write(roll_updates.save_roll_import)
    find_last_phone_id = Read(roll_updates.find_last_phone_id)
    count_turnout_of_booth = Write(
        turnout.count_turnout_of_booth
    )  # in its turn among the marks, which are added to its result

    async def import_booths(self, booths: Sequence[StoredBooth]) -> dict[int, int]:
        """Add or update polling stations (booths) of an electoral roll. See `roll_updates.import_booths`."""
        ids = await self._run_write_job(roll_updates.import_booths, booths)
        self._booths = self._voters_by_booth = None
        return ids

    # Opt-outs and erasures

    suppress_list_of_phone_numbers = Announce(opt_outs.suppress_list_of_phone_numbers)
    save_opt_out = Announce(opt_outs.save_opt_out)
    save_hashed_opt_outs = Announce(opt_outs.save_hashed_opt_outs)
    save_opt_out_of_other_centre = Write(opt_outs.save_opt_out_of_other_centre)
    erase_number = Announce(number_erasure.erase_number_with_audit_entry)

    async def hash_numbers_and_suppress_opt_outs(self, secrets: Sequence[bytes]) -> int:
        """Hash the roll's phone numbers with the centres' shared secrets, and suppress those that opted out elsewhere.

        Return how many were suppressed. This centre's opt-outs are announced with the first secret. The others only
        serve to recognise opt-outs of other centres. Raises StoreError if opt-outs may be known only by a secret that
        is missing. Runs in several transactions, so that other writes do not wait for long.
        """
        await self._run_write_job(number_hashes.save_fingerprints_of_shared_secrets, secrets)
        for secret in secrets:
            after: int | None = 0
            while after is not None:
                after = await self._run_write_job(number_hashes.hash_next_page_of_phone_numbers, secret, after)
        return await self._run_write_job(opt_outs.suppress_roll_numbers_opted_out_elsewhere)

    # Figures

    count_attempts_by_outcome = Read(campaign_figures.count_attempts_by_outcome)
    count_calls_taken_for_machines = Read(campaign_figures.count_calls_taken_for_machines)
    count_recent_answers_by_interval = Read(campaign_figures.count_recent_answers_by_interval)
    count_recent_calls_taken_for_machines = Read(campaign_figures.count_recent_calls_taken_for_machines)

    async def read_campaign_progress(self, campaign_id: str, now: float) -> CampaignProgress:
        """Return the progress of a campaign at `now` (epoch seconds)."""
        if campaign_id not in self._target_counts:
            self._target_counts[campaign_id] = await self._run_read_job(
                campaign_figures.count_numbers_in_queue, campaign_id
            )
        return await self._run_read_job(
            campaign_figures.read_campaign_progress, campaign_id, self._target_counts[campaign_id], now
        )

    # Seats, supervisors, users and headquarters. Reads that must see the waiting writes are made as writes.

    save_intervals_of_seat_states = Announce(seat_intervals.save_intervals_of_seat_states)
    save_log_in = Write(log_in_rows.save_log_in)
    remove_log_in = Write(log_in_rows.remove_log_in)
    read_log_ins = Write(log_in_rows.read_log_ins)
    read_supervisor_orders_in_force = Write(standing_order_rows.read_supervisor_orders_in_force)
    save_supervisor_orders = Write(standing_order_rows.save_supervisor_orders)
    delete_supervisor_order = Write(standing_order_rows.delete_supervisor_order)
    read_users = Write(users.read_users)
    add_or_change_user = Write(users.add_or_change_user)
    remove_user = Write(users.remove_user)
    read_headquarters_orders = Write(headquarters_order_rows.read_headquarters_orders)
    read_stop_orders_in_force = Write(headquarters_order_rows.read_stop_orders_in_force)
    save_headquarters_order = Write(headquarters_order_rows.save_headquarters_order)

    # Announcements, commands and the audit

    add_messages_to_outbox = Write(outbox.add_messages_to_outbox)
    add_result_to_outbox = Announce(outbox.add_result_to_outbox)
    add_test_message_to_outbox = Announce(outbox.add_test_message_to_outbox)
    read_outbox_rows_for_broker = Read(outbox.read_outbox_rows_for_broker)
    mark_outbox_rows_published = Write(outbox.mark_outbox_rows_published)
    count_waiting_outbox_rows = Read(outbox.count_waiting_outbox_rows)
    delete_oldest_messages_of_full_outbox = Write(outbox.delete_oldest_messages_of_full_outbox)
    set_byte_limit_of_headquarters_queue = Write(outbox.set_byte_limit_of_headquarters_queue)
    record_last_outbox_id_at_headquarters = Write(outbox.record_last_outbox_id_at_headquarters)
    save_updates_from_other_centres = Write(peer_updates.save_updates_from_other_centres)
    find_executed_command = Read(commands.find_executed_command)
    record_new_command = Write(commands.record_new_command)
    save_final_reply_to_command = Write(commands.save_final_reply_to_command)
    append_audit_entry = Write(audit.append_entry)
    record_settings_at_start = Write(audit.record_settings_at_start)
    read_first_keys_of_signing_chains = Read(seals.read_first_keys_of_signing_chains)
    read_seal = Read(seals.read_seal)
    sign_logged_changes = Announce(seals.sign_changes_and_queue_seal)
