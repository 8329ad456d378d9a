-- Campaigns: the states that operators set, and what the pacer learned.

-- A new campaign is stopped where all campaigns were stopped and none was resumed since; otherwise it has :first_state.
-- name: add_or_update_campaign
INSERT INTO campaign (campaign_id, kind, purpose, shuffle_seed, state)
SELECT
    :campaign_id, :kind, :purpose,
    CASE seed WHEN 0 THEN 0 ELSE 1 + (seed + 7919 * (SELECT count(*) FROM campaign)) % 2147483646 END,
    CASE WHEN EXISTS (SELECT 1 FROM standing_order WHERE addressee = 'centre' AND command = 'stop-all') THEN 'stopped' ELSE :first_state END
FROM shuffle
WHERE true
ON CONFLICT (campaign_id) DO UPDATE SET kind = :kind, purpose = :purpose
RETURNING state;

-- name: set_campaign_state
UPDATE campaign SET state = :state WHERE campaign_id = :campaign_id;

-- name: stop_campaigns
UPDATE campaign SET state = 'stopped' RETURNING campaign_id;

-- name: campaign_states
SELECT campaign_id, state FROM campaign;

-- name: set_stop_of_all
INSERT INTO standing_order (addressee, command, content, at) VALUES ('centre', 'stop-all', '{}', :at)
ON CONFLICT (addressee, command) DO UPDATE SET at = :at;

-- name: delete_stop_of_all
DELETE FROM standing_order WHERE addressee = 'centre' AND command = 'stop-all';

-- When headquarters lifts a stop, the campaign gets back its state before the stop, unless an operator changed it
-- meanwhile.
-- name: exclude_from_headquarters_stops
UPDATE headquarters_order SET stopped = json_remove(stopped, :path) WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- name: exclude_all_from_headquarters_stops
UPDATE headquarters_order SET stopped = '{}' WHERE kind = 'stop-all' AND lifted_at IS NULL;

-- name: purpose
SELECT purpose FROM campaign WHERE campaign_id = :campaign_id;

-- name: save_pacer_state
UPDATE campaign SET pacer_state = :state WHERE campaign_id = :campaign_id;

-- name: pacer_state
SELECT pacer_state FROM campaign WHERE campaign_id = :campaign_id;
