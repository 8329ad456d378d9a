-- Self-reported turnout by booth.

-- name: voters_by_booth
SELECT booth_id, count(*) AS voters FROM voter GROUP BY booth_id;

-- Voters without a number that may be called, in the whole roll and among contacted voters, whom a booth worker may have
-- reported. Numbers that opted out are collected once; the rest reads each voter's links from their index.
-- LIMIT -1 makes SQLite sort the inner query, and so merge both tables by voter, which is faster than a search for each voter.
-- name: without_number_by_booth
SELECT voter.booth_id, count(*) AS voters FROM (
    SELECT voter_id FROM voter NOT INDEXED EXCEPT SELECT voter_id FROM link NOT INDEXED
    WHERE dropped_at IS NULL AND phone_id NOT IN (SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL)
    ORDER BY voter_id LIMIT -1
) AS without_number CROSS JOIN voter ON voter.voter_id = without_number.voter_id GROUP BY voter.booth_id;

-- name: contacted_without_number_by_booth
SELECT booth_id, count(*) AS voters FROM voter INDEXED BY voter_reached WHERE reached = 1 AND NOT EXISTS (
    SELECT 1 FROM link WHERE link.voter_id = voter.voter_id AND link.dropped_at IS NULL
      AND link.phone_id NOT IN (SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL)
) GROUP BY booth_id;

-- name: contacted_by_booth
SELECT booth_id, count(*) AS contacted, sum(turnout = 'voted') AS voted, sum(turnout = 'pending' AND not_yet = 1) AS not_yet
FROM voter INDEXED BY voter_reached WHERE reached = 1 GROUP BY booth_id;

-- Voters who were not contacted and have no callable number left since this one opted out. Where all numbers of a voter opted
-- out, the voter counts for the last of them, whatever the order of the queries.
-- name: lost_by_opt_out
SELECT voter.booth_id, count(*) AS voters
FROM phone AS opted_out
CROSS JOIN link ON link.phone_id = opted_out.phone_id AND link.dropped_at IS NULL
CROSS JOIN voter ON voter.voter_id = link.voter_id AND voter.reached = 0
WHERE opted_out.phone_id = :phone_id AND opted_out.opted_out_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM link AS other CROSS JOIN phone ON phone.phone_id = other.phone_id
    WHERE other.voter_id = link.voter_id AND other.dropped_at IS NULL AND other.phone_id <> opted_out.phone_id
      AND (phone.opted_out_at IS NULL OR (phone.opted_out_at, phone.phone_id) > (opted_out.opted_out_at, opted_out.phone_id))
)
GROUP BY voter.booth_id;

-- name: count_turnout_of_booth
SELECT count(*) AS voters, coalesce(sum(reached), 0) AS contacted, coalesce(sum(reached AND turnout = 'voted'), 0) AS voted,
       coalesce(sum(reached AND turnout = 'pending' AND not_yet), 0) AS not_yet,
       coalesce(sum(NOT reached AND NOT EXISTS (
           SELECT 1 FROM link CROSS JOIN phone ON phone.phone_id = link.phone_id
           WHERE link.voter_id = voter.voter_id AND link.dropped_at IS NULL AND phone.opted_out_at IS NULL
       )), 0) AS without_number
  FROM voter WHERE booth_id = :booth_id;
