-- +goose Up

-- The SetupIntent by which the customer gives the card of a plan that has no first payment, how a recurring plan goes on
-- (JSON; empty when it has all of its charges), and the connected account that it belongs to, with what Stripe Connect is told.
ALTER TABLE plans ADD COLUMN setup_intent TEXT;
ALTER TABLE plans ADD COLUMN recurrence TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN connect TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX plans_setup ON plans (setup_intent) WHERE setup_intent IS NOT NULL;
CREATE INDEX plans_account ON plans (account, id) WHERE account <> '';

-- Whether the customer pays it in the merchant's checkout: the first payment. A charge without a due time waits for the
-- merchant's word.
ALTER TABLE charges ADD COLUMN checkout INTEGER NOT NULL DEFAULT 0 CHECK (checkout IN (0, 1));
UPDATE charges SET checkout = 1 WHERE sequence = 1;
ALTER TABLE charges ALTER COLUMN due_at DROP NOT NULL;

-- The connected account that a card is saved in, its place among the customer's cards (0: none was given, by age), and why a
-- card that Stripe would charge is not charged until somebody agrees.
ALTER TABLE cards ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE cards ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cards ADD COLUMN hold TEXT NOT NULL DEFAULT '';

-- When the customer's personal data was removed.
ALTER TABLE customers ADD COLUMN erased_at INTEGER;
