-- +goose Up
-- When a plan that is not paid, or has no card, by then is canceled; NULL: TRANCHE_CHECKOUT_DAYS decides.
ALTER TABLE plans ADD COLUMN expires_at INTEGER;
