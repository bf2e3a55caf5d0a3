-- +goose Up
-- When Stripe is next asked to take over the customer's e-mail address and name; NULL: nothing is left to do.
ALTER TABLE customers ADD COLUMN stripe_update_at INTEGER;
CREATE INDEX customers_stripe_update ON customers (stripe_update_at, id) WHERE stripe_update_at IS NOT NULL;
