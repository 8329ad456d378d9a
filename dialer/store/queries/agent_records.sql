-- What the desk keeps of agents, in its own file.

-- name: end_sessions
DELETE FROM agent_session WHERE seat = :seat OR agent = :agent OR used_at < :before;

-- name: begin_session
INSERT INTO agent_session (digest, agent, seat, began_at, used_at) VALUES (:digest, :agent, :seat, :began_at, :used_at);

-- name: session
SELECT digest, agent, seat, began_at, used_at FROM agent_session WHERE digest = :digest;

-- name: use_session
UPDATE agent_session SET used_at = :at WHERE digest = :digest;

-- name: end_session
DELETE FROM agent_session WHERE digest = :digest;
