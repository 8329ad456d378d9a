-- Numbers as the rules see them: registers, consent, opt-outs that come from outside.

-- name: registers
SELECT name, dated, numbers FROM register ORDER BY name;

-- name: registers_imported
SELECT name, imported_at FROM register ORDER BY name;

-- name: phone
SELECT phone_id, opted_out_at, consent, consent_at FROM phone WHERE e164 = :number;

-- name: opt_out
SELECT at, source FROM opt_out WHERE e164 = :number;

-- name: linked_voters
SELECT voter.voter_id, voter.turnout, voter.booth_id, CASE voter.language WHEN '' THEN booth.language ELSE voter.language END AS language
FROM (
    SELECT voter_id FROM link WHERE phone_id = :phone_id AND dropped_at IS NULL
    UNION -- a link is dropped by what was said in a call to its voter
    SELECT voter_id FROM attempt WHERE phone_id = :phone_id AND voter_id IS NOT NULL
) AS found
CROSS JOIN link ON link.voter_id = found.voter_id AND link.phone_id = :phone_id
CROSS JOIN voter ON voter.voter_id = link.voter_id
CROSS JOIN booth ON booth.booth_id = voter.booth_id
WHERE link.dropped_at IS NULL OR link.dropped_at > :at
ORDER BY voter.voter_id;

-- name: marked_since
SELECT EXISTS (SELECT 1 FROM mark WHERE voter_id = :voter_id AND at > :at);

-- As `earlier_calls` of the queues, at a moment: what began later was not known, nor how a call ended that ended later. A call that
-- began at that very moment does not speak against itself.
-- name: calls_by
SELECT count(*) FILTER (
           WHERE created_at >= :day_start AND (attempt_number IS NOT NULL OR direction = 'outbound' AND ended_at IS NULL)
       ) AS attempts,
       count(*) FILTER (WHERE created_at >= :day_start AND (connected_at IS NOT NULL OR outcome = 'completed')) AS conversations,
       max(ended_at) FILTER (WHERE outcome = 'abandoned' AND direction = 'outbound') AS abandoned_at,
       max(ended_at) FILTER (WHERE direction = 'outbound' AND outcome <> 'refused') AS called_at,
       max(ended_at) FILTER (WHERE outcome <> 'machine' AND (connected_at IS NOT NULL OR outcome = 'completed')) AS talked_at,
       count(*) FILTER (WHERE ended_at IS NULL) AS under_way
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

-- Whether the lists' places are as they were: a call, a word of its agent, or an opt-out changes them.
-- name: touched_since
SELECT EXISTS (
    SELECT 1 FROM attempt WHERE phone_id = :phone_id AND (created_at >= :at OR ended_at > :at OR disposed_at > :at)
) OR EXISTS (SELECT 1 FROM phone WHERE phone_id = :phone_id AND opted_out_at > :at);

-- When the number was last called since a campaign's call was asked for: by others, or by that campaign and not answered. As the
-- transaction that opens an attempt has it (`gate` of attempts.sql).
-- name: rung_since_asked
SELECT max(ended_at) FROM attempt
WHERE phone_id = :phone_id AND direction = 'outbound' AND outcome <> 'refused' AND ended_at <= :at
  AND (campaign_id <> :campaign_id OR ringing_at IS NOT NULL AND answered_at IS NULL)
  AND ended_at > coalesce((
      SELECT max(asked.ended_at) FROM attempt AS asked
      WHERE asked.phone_id = :phone_id AND asked.campaign_id = :campaign_id AND asked.ended_at <= :at
        AND (asked.answered_at IS NOT NULL OR asked.direction = 'inbound' OR asked.outcome = 'connected')
  ), 0);

-- The last call of each campaign before a moment: whether the person asked for the next one. One that was cancelled, or never placed,
-- leaves that as it was.
-- name: asked_for_by
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

-- name: consent_by
SELECT consent FROM consent_before WHERE phone_id = :phone_id AND at <= :at ORDER BY at DESC LIMIT 1;

-- One was sealed for each that was ever kept.
-- name: consents_not_kept
SELECT (SELECT count(*) FROM seal WHERE entity = 'consent' AND row_id = :phone_id AND salt IS NOT NULL)
     > 1 + (SELECT count(*) FROM consent_before WHERE phone_id = :phone_id);

-- name: issue_by
SELECT what ->> 'dated' FROM audit
WHERE kind = 'register-import' AND what ->> 'register' = :name AND at <= :at ORDER BY number DESC LIMIT 1;

-- name: campaign_commands
SELECT at, what ->> 'campaign_id' AS campaign_id, what ->> 'command' AS command FROM audit
WHERE kind IN ('command', 'headquarters-order') AND what ->> 'status' = 'done' AND what ->> 'command' IN ('pause', 'resume', 'stop', 'stop-all')
ORDER BY number;

-- name: rules_by
SELECT rules_use.since, rules_version.text, rules_version.digest
FROM rules_use CROSS JOIN rules_version USING (digest)
WHERE rules_use.since <= :at ORDER BY rules_use.since DESC, rules_use.rowid DESC LIMIT 1;

-- Those that a campaign's calls of the day up to a moment rest on.
-- name: certificates_by
SELECT DISTINCT lawful.grounds ->> 'certificate'
FROM attempt CROSS JOIN lawful USING (lawful_id)
WHERE attempt.campaign_id = :campaign_id AND attempt.outcome IS NOT NULL AND attempt.created_at BETWEEN :day_start AND :at
  AND lawful.grounds ->> 'certificate' IS NOT NULL;

-- name: targets
SELECT campaign_id, state, due_at, promised FROM target WHERE phone_id = :phone_id;

-- name: campaign_states
SELECT campaign_id, state FROM campaign;

-- name: numbers_of_voter
SELECT phone.e164 FROM link CROSS JOIN phone USING (phone_id) WHERE link.voter_id = :voter_id AND link.dropped_at IS NULL ORDER BY phone.e164;

-- name: voter
SELECT turnout FROM voter WHERE voter_id = :voter_id;

-- Walks the booths: for a person at the command line.
-- name: voter_at
SELECT voter.voter_id
FROM booth CROSS JOIN voter ON voter.booth_id = booth.booth_id AND voter.serial = :serial
WHERE booth.constituency_number = :constituency_number AND booth.part_number = :part_number;

-- Reads the roll.
-- name: voter_of_epic
SELECT voter_id FROM voter WHERE upper(epic) = :epic ORDER BY voter_id;

-- A call of ours: who complains of one may have called us since.
-- name: last_call
SELECT attempt_id, campaign_id FROM attempt
WHERE phone_id = :phone_id AND direction = 'outbound' AND (:campaign_id IS NULL OR campaign_id = :campaign_id) AND created_at <= :at
  AND (outcome IS NULL OR outcome <> 'refused')
ORDER BY created_at DESC LIMIT 1;

-- name: call_of
SELECT campaign_id, phone_id FROM attempt WHERE attempt_id = :attempt_id;

-- Opt-outs

-- name: insert_opt_out
INSERT INTO opt_out (e164, at, source, attempt_id) VALUES (:number, :at, :source, NULL) ON CONFLICT (e164) DO NOTHING;

-- name: insert_foreign
INSERT INTO opt_out_hash (number_hash, at, centre) VALUES (:number_hash, :at, :centre) ON CONFLICT (number_hash) DO NOTHING;

-- name: phone_of_hash
SELECT phone_id FROM phone_hash WHERE number_hash = :number_hash;

-- name: secrets
SELECT fingerprint, secret FROM hash_secret;

-- name: forget_secret
DELETE FROM hash_secret WHERE secret = :secret;

-- name: forget_hashes
DELETE FROM phone_hash WHERE secret = :secret;

-- name: known_too
SELECT opt_out_hash_id FROM opt_out_hash
WHERE number_hash IN (SELECT number_hash FROM phone_hash CROSS JOIN phone USING (phone_id)
                      WHERE phone_hash.secret = :secret AND phone.opted_out_at IS NOT NULL);

-- What is known by the number too, and by this hash needs to be known no longer.
-- name: forget_known
DELETE FROM opt_out_hash
WHERE number_hash IN (SELECT number_hash FROM phone_hash CROSS JOIN phone USING (phone_id)
                      WHERE phone_hash.secret = :secret AND phone.opted_out_at IS NOT NULL);

-- Under which secret a hash was made shows only where it fits a number of ours.
-- name: any_by_hash_alone
SELECT EXISTS (SELECT 1 FROM opt_out_hash WHERE NOT EXISTS (
    SELECT 1 FROM phone_hash CROSS JOIN phone USING (phone_id)
    WHERE phone_hash.number_hash = opt_out_hash.number_hash AND phone.opted_out_at IS NOT NULL));

-- Hashes come in no order: an index that grows with them costs six times what one costs that is made afterwards.
-- name: drop_hash_index
DROP INDEX IF EXISTS phone_hash_by_hash;

-- name: make_hash_index
CREATE INDEX IF NOT EXISTS phone_hash_by_hash ON phone_hash (number_hash);

-- name: insert_secret
INSERT INTO hash_secret (fingerprint) VALUES (:fingerprint);

-- name: tell_under
UPDATE hash_secret SET tells = (fingerprint = :fingerprint);

-- Asked at the start, page by page.
-- name: unhashed
SELECT phone_id, e164 FROM phone
WHERE phone_id > :after
  AND NOT EXISTS (SELECT 1 FROM phone_hash WHERE phone_hash.phone_id = phone.phone_id AND phone_hash.secret = :secret)
ORDER BY phone_id LIMIT :limit;

-- name: insert_hash
INSERT INTO phone_hash (phone_id, secret, number_hash) VALUES (:phone_id, :secret, :number_hash) ON CONFLICT (phone_id, secret) DO NOTHING;

-- name: foreign_not_honoured
SELECT phone_hash.phone_id, opt_out_hash.at, opt_out_hash.centre
FROM opt_out_hash
CROSS JOIN phone_hash ON phone_hash.number_hash = opt_out_hash.number_hash
CROSS JOIN phone ON phone.phone_id = phone_hash.phone_id
WHERE phone.opted_out_at IS NULL;

-- Along the new numbers, which are few.
-- name: foreign_of_new
SELECT phone_hash.phone_id, opt_out_hash.at, opt_out_hash.centre
FROM phone_hash
CROSS JOIN opt_out_hash ON opt_out_hash.number_hash = phone_hash.number_hash
CROSS JOIN phone ON phone.phone_id = phone_hash.phone_id
WHERE phone_hash.phone_id > :after AND phone.opted_out_at IS NULL;

-- Registers and consent

-- name: put_register
INSERT INTO register (name, dated, imported_at, numbers, sha256) VALUES (:name, :dated, :at, :numbers, :sha256)
ON CONFLICT (name) DO UPDATE SET dated = :dated, imported_at = :at, numbers = :numbers, sha256 = :sha256;

-- name: dated
SELECT dated FROM register WHERE name = :name;

-- name: clear_register
DELETE FROM registered WHERE register = :name;

-- name: insert_registered
INSERT INTO registered (e164, register) VALUES (:number, :name) ON CONFLICT DO NOTHING;

-- name: count_registered
SELECT count(*) FROM registered WHERE register = :name;

-- name: set_consent
UPDATE phone SET consent = :consent, consent_source = :source, consent_at = :at WHERE e164 = :number;

-- name: keep_consent_ahead
INSERT INTO consent_ahead (e164, consent, source, at) VALUES (:number, :consent, :source, :at)
ON CONFLICT (e164) DO UPDATE SET consent = :consent, source = :source, at = :at;

-- name: consent_ahead
SELECT consent, at AS consent_at FROM consent_ahead WHERE e164 = :number;
