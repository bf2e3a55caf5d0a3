-- +goose Up

-- What should have been tried by now, whoever holds its lease: a claim moves wake_at and not next_attempt_at.
CREATE INDEX charges_next_attempt ON charges (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;

-- Charges that may still be paid, by status. Paid ones, which are nearly all in the end, are not in it.
CREATE INDEX charges_open ON charges (status, due_at, id)
    WHERE status IN ('scheduled', 'collecting', 'retrying', 'requires_action', 'requires_payment_method', 'failed');

-- Requests that Stripe refused: few, and each wants a person.
CREATE INDEX attempts_refused ON attempts (created_at, charge_id) WHERE outcome = 'error';
