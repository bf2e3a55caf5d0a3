-- +goose Up

-- When the charge was last compared with Stripe's record. It is in no index: a mark then rewrites none.
ALTER TABLE charges ADD COLUMN reconciled_at INTEGER;

-- The charges of a window, in pages.
CREATE INDEX charges_due_at ON charges (due_at, id);
