-- +goose Up
-- A row that is due may be claimed after this time; an audit entry was sent to endpoints or had none. Chores are periodic jobs.
ALTER TABLE charges RENAME COLUMN wake_at TO claim_after;
ALTER TABLE events RENAME COLUMN wake_at TO claim_after;
ALTER TABLE notices RENAME COLUMN wake_at TO claim_after;
ALTER TABLE dunnings RENAME COLUMN wake_at TO claim_after;
ALTER TABLE webhook_deliveries RENAME COLUMN wake_at TO claim_after;
ALTER TABLE chores RENAME COLUMN wake_at TO claim_after;
ALTER TABLE chores RENAME TO periodic_jobs;
ALTER TABLE audit RENAME COLUMN told TO notified;
