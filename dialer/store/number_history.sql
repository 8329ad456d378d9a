-- What was known about a number, a campaign and the rules at an earlier time (:at, epoch seconds).

-- name: phone
SELECT phone_id, opted_out_at, consent, consent_at FROM phone WHERE e164 = :number;

-- name: consent_ahead
SELECT consent, at AS consent_at FROM consent_ahead WHERE e164 = :number;

-- name: opt_out
SELECT at, source FROM opt_out WHERE e164 = :number;

-- A link may have been dropped since by what was said in a call to its voter.
-- name: linked_voters
SELECT voter.voter_id, voter.turnout, voter.booth_id, CASE voter.language WHEN '' THEN booth.language ELSE voter.language END AS language
FROM (
    SELECT voter_id FROM link WHERE phone_id = :phone_id AND dropped_at IS NULL
    UNION
    SELECT voter_id FROM attempt WHERE phone_id = :phone_id AND voter_id IS NOT NULL
) AS found
CROSS JOIN link ON link.voter_id = found.voter_id AND link.phone_id = :phone_id
CROSS JOIN voter ON voter.voter_id = link.voter_id
CROSS JOIN booth ON booth.booth_id = voter.booth_id
WHERE link.dropped_at IS NULL OR link.dropped_at > :at
ORDER BY voter.voter_id;

-- name: marked_since
SELECT EXISTS (SELECT 1 FROM mark WHERE voter_id = :voter_id AND at > :at);

-- As `calls_of_number` of number_facts.sql, without what was not known yet: later attempts, and how a call ended that
-- ended later. A call that began at that very moment is left out, so that it does not count against itself.
-- name: calls_until
SELECT count(*) FILTER (
           WHERE created_at >= :day_start AND (attempt_number IS NOT NULL OR direction = 'outbound' AND ended_at IS NULL)
       ) AS attempts,
       count(*) FILTER (WHERE created_at >= :day_start AND (connected_at IS NOT NULL OR outcome = 'completed')) AS conversations,
       max(ended_at) FILTER (WHERE outcome = 'abandoned' AND direction = 'outbound') AS abandoned_at,
       max(ended_at) FILTER (WHERE direction = 'outbound' AND outcome <> 'refused') AS called_at,
       max(ended_at) FILTER (WHERE outcome <> 'machine' AND (connected_at IS NOT NULL OR outcome = 'completed')) AS talked_at
FROM (
    SELECT created_at, attempt_number, direction,
           iif(ended_at <= :at, ended_at, NULL) AS ended_at,
           iif(connected_at <= :at, connected_at, NULL) AS connected_at,
           CASE
               WHEN ended_at > :at THEN NULL
               WHEN outcome = 'machine' AND disposition = 'machine' AND disposed_at > :at THEN 'connected'
               ELSE outcome
           END AS outcome
    FROM attempt WHERE phone_id = :phone_id AND created_at < :at
);

-- name: was_on_a_call
SELECT EXISTS (SELECT 1 FROM attempt WHERE phone_id = :phone_id AND created_at < :at AND (ended_at IS NULL OR ended_at > :at));

-- Whether the targets may have changed since: by a call, by its disposition, or by an opt-out.
-- name: changed_since
SELECT EXISTS (
    SELECT 1 FROM attempt WHERE phone_id = :phone_id AND (created_at >= :at OR ended_at > :at OR disposed_at > :at)
) OR EXISTS (SELECT 1 FROM phone WHERE phone_id = :phone_id AND opted_out_at > :at);

-- name: targets
SELECT campaign_id, state, due_at, promised, refused_by FROM target WHERE phone_id = :phone_id;

-- When the number last rang since a campaign's call was asked for: called by another campaign, or by that one and not
-- answered. The same as in `pre_dial_check` of attempts.sql.
-- name: rung_since_asked_at
SELECT max(ended_at) FROM attempt
WHERE phone_id = :phone_id AND direction = 'outbound' AND outcome <> 'refused' AND ended_at <= :at
  AND (campaign_id <> :campaign_id OR ringing_at IS NOT NULL AND answered_at IS NULL)
  AND ended_at > coalesce((
      SELECT max(asked.ended_at) FROM attempt AS asked
      WHERE asked.phone_id = :phone_id AND asked.campaign_id = :campaign_id AND asked.ended_at <= :at
        AND (asked.answered_at IS NOT NULL OR asked.direction = 'inbound' OR asked.outcome = 'connected')
  ), 0);

-- Whether the person asked for another call in the last call of a campaign. Calls that were cancelled or never placed are
-- ignored.
-- name: asked_for
SELECT campaign_id,
       disposition IN ('later', 'call-back') AND disposed_at <= :at
       OR outcome = 'missed' AND ended_at <= :at
       OR EXISTS (
           SELECT 1 FROM mark
           WHERE mark.voter_id = attempt.voter_id AND mark.attempt_id = attempt.attempt_id AND mark.kind = 'later' AND mark.at <= :at
       ) AS asked_for
FROM attempt WHERE attempt.rowid IN (
    SELECT (
        SELECT newest.rowid FROM attempt AS newest
        WHERE newest.phone_id = :phone_id AND newest.campaign_id = campaign.campaign_id AND newest.created_at < :at
          AND NOT coalesce(newest.ended_at <= :at AND (newest.outcome = 'cancelled' OR newest.attempt_number IS NULL AND newest.direction = 'outbound'), 0)
        ORDER BY newest.created_at DESC LIMIT 1
    ) FROM campaign
);

-- name: earlier_consent
SELECT consent FROM consent_before WHERE phone_id = :phone_id AND at <= :at ORDER BY at DESC LIMIT 1;

-- An earlier version did not store consents that were replaced.
-- name: lost_consents
SELECT EXISTS (SELECT 1 FROM consent_forgotten WHERE phone_id = :phone_id);

-- name: campaign_commands
SELECT at, what ->> 'campaign_id' AS campaign_id, what ->> 'command' AS command FROM audit
WHERE kind IN ('command', 'headquarters-order') AND what ->> 'status' = 'done' AND what ->> 'command' IN ('pause', 'resume', 'stop', 'stop-all')
ORDER BY number;

-- name: calling_hours_commands
SELECT what ->> 'campaign_id' AS campaign_id, what ->> 'hours' AS hours FROM audit
WHERE kind = 'command' AND what ->> 'status' = 'done' AND what ->> 'command' = 'calling-hours' AND at <= :at
ORDER BY number;

-- name: rules_at
SELECT rules_use.since, rules_version.text, rules_version.digest
FROM rules_use CROSS JOIN rules_version USING (digest)
WHERE rules_use.since <= :at ORDER BY rules_use.since DESC, rules_use.rowid DESC LIMIT 1;

-- name: certificates_used
SELECT DISTINCT lawful.grounds ->> 'certificate'
FROM attempt CROSS JOIN lawful USING (lawful_id)
WHERE attempt.campaign_id = :campaign_id AND attempt.outcome IS NOT NULL AND attempt.created_at BETWEEN :day_start AND :at
  AND lawful.grounds ->> 'certificate' IS NOT NULL;

-- Outbound calls only: somebody who complains about a call may have called us since.
-- name: last_call
SELECT attempt_id, campaign_id FROM attempt
WHERE phone_id = :phone_id AND direction = 'outbound' AND (:campaign_id IS NULL OR campaign_id = :campaign_id) AND created_at <= :at
  AND (outcome IS NULL OR outcome <> 'refused')
ORDER BY created_at DESC LIMIT 1;

-- name: campaign_and_phone
SELECT campaign_id, phone_id FROM attempt WHERE attempt_id = :attempt_id;
