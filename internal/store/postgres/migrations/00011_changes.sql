-- +goose Up

-- A charge that the merchant says was paid elsewhere, and one that a change took out of its plan.
ALTER TABLE charges ADD COLUMN paid_outside BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE charges ADD COLUMN dropped BOOLEAN NOT NULL DEFAULT FALSE;

-- What was agreed, and each change of it. Rows are only added.
CREATE TABLE plan_versions (
    plan_id TEXT NOT NULL REFERENCES plans (id),
    number  BIGINT NOT NULL CHECK (number > 0),
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    what    TEXT NOT NULL,
    total   BIGINT NOT NULL,
    charges TEXT NOT NULL,
    PRIMARY KEY (plan_id, number)
);

-- Money to be given back: written before Stripe is asked.
CREATE TABLE refunds (
    id              TEXT PRIMARY KEY,
    plan_id         TEXT NOT NULL REFERENCES plans (id),
    charge_id       TEXT NOT NULL REFERENCES charges (id),
    payment_intent  TEXT NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount > 0),
    currency        TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    status          TEXT NOT NULL CHECK (status IN ('open', 'made', 'failed')),
    stripe_refund   TEXT,
    failure         TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE INDEX refunds_charge ON refunds (charge_id, id);
CREATE INDEX refunds_plan ON refunds (plan_id);
-- While it is not known what became of one, there must not be another.
CREATE UNIQUE INDEX refunds_one_open ON refunds (charge_id) WHERE status = 'open';
