-- +goose Up
-- When a card was taken from the customer for good, and when Stripe is next asked to detach it: null when there is nothing left to ask.
ALTER TABLE cards ADD COLUMN removed_at BIGINT;
ALTER TABLE cards ADD COLUMN detach_at BIGINT;
CREATE INDEX cards_detach ON cards (detach_at, id) WHERE detach_at IS NOT NULL;
