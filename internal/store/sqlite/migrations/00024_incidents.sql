-- +goose Up
-- Faults that a person must answer. An open one is an alarm.
CREATE TABLE incidents (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    plan_id     TEXT REFERENCES plans (id),
    charge_id   TEXT REFERENCES charges (id),
    customer_id TEXT REFERENCES customers (id),
    account     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    remedy      TEXT NOT NULL,
    opened_at   INTEGER NOT NULL,
    closed_at   INTEGER,
    closed_by   TEXT,
    note        TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX incidents_one_open ON incidents (kind, subject) WHERE closed_at IS NULL;
CREATE INDEX incidents_open ON incidents (id) WHERE closed_at IS NULL;
CREATE INDEX incidents_kind ON incidents (kind, id);
CREATE INDEX incidents_plan ON incidents (plan_id, id);
CREATE INDEX incidents_charge ON incidents (charge_id);
CREATE INDEX incidents_customer ON incidents (customer_id) WHERE plan_id IS NULL;

ALTER TABLE audit ADD COLUMN incident_id TEXT;
