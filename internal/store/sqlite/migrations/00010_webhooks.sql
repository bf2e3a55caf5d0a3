-- +goose Up

-- Addresses of the merchant's that are told what happens. Secrets are sealed before they come here. failing_since is kept
-- when failures disable an endpoint, and empty when somebody else did.
CREATE TABLE webhook_endpoints (
    id            TEXT PRIMARY KEY NOT NULL,
    url           TEXT NOT NULL,
    types         TEXT NOT NULL,
    secret        TEXT NOT NULL,
    old_secret    TEXT NOT NULL,
    old_until     INTEGER,
    status        TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
    reason        TEXT NOT NULL,
    failing_since INTEGER,
    disabled_at   INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

CREATE INDEX webhook_endpoints_failing ON webhook_endpoints (status, failing_since) WHERE failing_since IS NOT NULL;

-- What happened, as it is told. A message outlives what it is about, and neither messages nor deliveries refer to anything
-- by a foreign key: the outcome of a charge must not fail because an endpoint is being deleted.
CREATE TABLE webhook_messages (
    id         TEXT PRIMARY KEY NOT NULL,
    type       TEXT NOT NULL,
    plan_id    TEXT,
    payload    TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_deliveries (
    id              TEXT PRIMARY KEY NOT NULL,
    message_id      TEXT NOT NULL,
    endpoint_id     TEXT NOT NULL,
    type            TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        INTEGER NOT NULL,
    last_status     INTEGER NOT NULL,
    last_error      TEXT NOT NULL,
    next_attempt_at INTEGER,
    wake_at         INTEGER,
    lease           INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    last_attempt_at INTEGER,
    delivered_at    INTEGER,
    UNIQUE (message_id, endpoint_id),
    -- A pending delivery that nobody wakes for would be forgotten without a trace: better refused.
    CONSTRAINT webhook_deliveries_wake CHECK ((wake_at IS NULL) = (next_attempt_at IS NULL) AND (wake_at IS NULL) = (status <> 'pending'))
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (status, id);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, id);

-- What an entry is about, for who is told of it; and whether anybody was there to be told when it was written.
ALTER TABLE audit ADD COLUMN card_id TEXT;
ALTER TABLE audit ADD COLUMN notice_id TEXT;
ALTER TABLE audit ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
