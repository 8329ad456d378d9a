-- A store that lacks the newest call which is recorded outside it.

-- Slow: reads the whole audit. Runs only if the store lacks a call.
-- name: went_on_at
SELECT at FROM audit WHERE kind IN ('store-older-accepted', 'store-restored', 'purge') ORDER BY at DESC LIMIT 1;

-- name: missing_calls
SELECT number, at, what FROM audit
WHERE kind = 'store-older' AND number > coalesce((SELECT max(number) FROM audit WHERE kind = 'store-older-accepted'), 0)
ORDER BY number;

-- name: newest_call_at
SELECT created_at FROM attempt ORDER BY rowid DESC LIMIT 1;
