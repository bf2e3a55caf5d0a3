-- +goose Up

-- Addresses of the merchant's that are told what happens. Secrets are sealed before they come here. failing_since is kept
-- when failures disable an endpoint, and empty when somebody else did.
CREATE TABLE webhook_endpoints (
    id            TEXT PRIMARY KEY,
    url           TEXT NOT NULL,
    types         TEXT NOT NULL,
    secret        TEXT NOT NULL,
    old_secret    TEXT NOT NULL,
    old_until     BIGINT,
    status        TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
    reason        TEXT NOT NULL,
    failing_since BIGINT,
    disabled_at   BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL
);

CREATE INDEX webhook_endpoints_failing ON webhook_endpoints (status, failing_since) WHERE failing_since IS NOT NULL;

-- What happened, as it is told. A message outlives what it is about, and neither messages nor deliveries refer to anything
-- by a foreign key: the outcome of a charge must not fail because an endpoint is being deleted.
CREATE TABLE webhook_messages (
    id         TEXT PRIMARY KEY,
    type       TEXT NOT NULL,
    plan_id    TEXT,
    payload    TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE webhook_deliveries (
    id              TEXT PRIMARY KEY,
    message_id      TEXT NOT NULL,
    endpoint_id     TEXT NOT NULL,
    type            TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        BIGINT NOT NULL,
    last_status     BIGINT NOT NULL,
    last_error      TEXT NOT NULL,
    next_attempt_at BIGINT,
    wake_at         BIGINT,
    lease           BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    last_attempt_at BIGINT,
    delivered_at    BIGINT,
    UNIQUE (message_id, endpoint_id),
    -- A pending delivery that nobody wakes for would be forgotten without a trace: better refused.
    CONSTRAINT webhook_deliveries_wake CHECK ((wake_at IS NULL) = (next_attempt_at IS NULL) AND (wake_at IS NULL) = (status <> 'pending'))
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (status, id);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, id);

-- What an entry is about, for who is told of it; and whether anybody was there to be told when it was written.
ALTER TABLE audit ADD COLUMN card_id TEXT;
ALTER TABLE audit ADD COLUMN notice_id TEXT;
ALTER TABLE audit ADD COLUMN told BOOLEAN NOT NULL DEFAULT FALSE;
