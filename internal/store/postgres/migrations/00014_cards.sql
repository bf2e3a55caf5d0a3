-- +goose Up
-- When Stripe is next asked to detach a card that was removed here; null when there is nothing left to ask.
ALTER TABLE cards ADD COLUMN detach_at BIGINT;
CREATE INDEX cards_detach ON cards (detach_at, id) WHERE detach_at IS NOT NULL;
