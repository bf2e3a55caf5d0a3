-- +goose Up

-- A charge that the merchant says was paid elsewhere, and one that a change took out of its plan.
ALTER TABLE charges ADD COLUMN paid_outside INTEGER NOT NULL DEFAULT 0 CHECK (paid_outside IN (0, 1));
ALTER TABLE charges ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1));

-- What was agreed, and each change of it. Rows are only added.
CREATE TABLE plan_versions (
    plan_id TEXT NOT NULL REFERENCES plans (id),
    number  INTEGER NOT NULL CHECK (number > 0),
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    what    TEXT NOT NULL,
    total   INTEGER NOT NULL,
    charges TEXT NOT NULL,
    PRIMARY KEY (plan_id, number)
) STRICT;

-- Money to be given back: written before Stripe is asked.
CREATE TABLE refunds (
    id              TEXT PRIMARY KEY NOT NULL,
    plan_id         TEXT NOT NULL REFERENCES plans (id),
    charge_id       TEXT NOT NULL REFERENCES charges (id),
    payment_intent  TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount > 0),
    currency        TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    status          TEXT NOT NULL CHECK (status IN ('open', 'made', 'failed')),
    stripe_refund   TEXT,
    failure         TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX refunds_charge ON refunds (charge_id, id);
CREATE INDEX refunds_plan ON refunds (plan_id);
-- While it is not known what became of one, there must not be another.
CREATE UNIQUE INDEX refunds_one_open ON refunds (charge_id) WHERE status = 'open';
