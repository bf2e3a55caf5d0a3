-- +goose Up

-- A notice may be about the plan or the card, and so about no single charge.
ALTER TABLE notices ALTER COLUMN charge_id DROP NOT NULL;

-- Such a notice is owed once to its customer: the step names the plan or the card. The other index tells no two of them
-- apart, because NULLs differ.
CREATE UNIQUE INDEX notices_customer_step ON notices (customer_id, step, channel) WHERE charge_id IS NULL;

-- Cards by the month in which they expire.
CREATE INDEX cards_expiry ON cards (exp_year, exp_month, id) WHERE status = 'active';
