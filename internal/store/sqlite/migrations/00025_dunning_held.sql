-- +goose Up

-- Since when the last failure of a charge is the merchant's to fix: its reminder, final notice and
-- deadline stand still. Null while the charge waits for the customer, or for time.
ALTER TABLE dunnings ADD COLUMN held_at INTEGER;
CREATE INDEX dunnings_held ON dunnings (held_at) WHERE held_at IS NOT NULL;

-- Charges whose last attempt Stripe refused as a request, before this version.
UPDATE dunnings SET held_at = (
    SELECT a.created_at FROM attempts a JOIN charges c ON c.id = a.charge_id
    WHERE c.id = dunnings.id AND a.number = c.attempt_count AND a.outcome = 'error' AND c.status IN ('retrying', 'failed'))
WHERE status = 'open';
