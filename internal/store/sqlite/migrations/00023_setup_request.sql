-- +goose Up
-- The request that makes a plan's SetupIntent: its idempotency key and its Stripe customer. The same request is sent again when the
-- answer is lost. Both are null for a plan that has no such request, or that was stored before these columns.
ALTER TABLE plans ADD COLUMN setup_key TEXT;
ALTER TABLE plans ADD COLUMN setup_customer TEXT;
