-- Drafts of campaigns in the desk's file.

-- name: drafts
SELECT draft_id, version, edited, form, author, saved_at, approved_by, approved_digest FROM campaign_draft
ORDER BY saved_at DESC, draft_id;

-- name: draft
SELECT draft_id, version, edited, form, author, saved_at, approved_by, approved_digest FROM campaign_draft
WHERE draft_id = :draft_id;

-- name: add_draft
INSERT INTO campaign_draft (draft_id, version, edited, form, author, saved_at, approved_by, approved_digest)
SELECT :draft_id, 1, :edited, :form, :author, :saved_at, '', '' WHERE (SELECT count(*) FROM campaign_draft) < :most;

-- name: change_draft
UPDATE campaign_draft SET version = version + 1, form = :form, author = :author, saved_at = :saved_at, approved_by = '', approved_digest = ''
WHERE draft_id = :draft_id AND version = :version;

-- name: approve_draft
UPDATE campaign_draft SET approved_by = :user, approved_digest = :digest
WHERE draft_id = :draft_id AND version = :version;

-- name: delete_draft
DELETE FROM campaign_draft WHERE draft_id = :draft_id AND version = :version;
