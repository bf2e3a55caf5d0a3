-- +goose Up

-- STRICT makes the engine keep to the declared types. Times are milliseconds since 1970 in UTC; no time is NULL.
-- Optional names of things at Stripe are NULL when there is none, so that UNIQUE takes any number of them.

CREATE TABLE customers (
    id              TEXT PRIMARY KEY NOT NULL,
    reference       TEXT NOT NULL UNIQUE,
    email           TEXT NOT NULL,
    name            TEXT NOT NULL,
    locale          TEXT NOT NULL,
    timezone        TEXT NOT NULL,
    stripe_customer TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL
) STRICT;

-- Several customers of the merchant's may share one at Stripe.
CREATE INDEX customers_stripe ON customers (stripe_customer) WHERE stripe_customer IS NOT NULL;

CREATE TABLE cards (
    id              TEXT PRIMARY KEY NOT NULL,
    customer_id     TEXT NOT NULL REFERENCES customers (id),
    payment_method  TEXT NOT NULL UNIQUE,
    stripe_customer TEXT,
    brand           TEXT NOT NULL,
    last4           TEXT NOT NULL,
    exp_month       INTEGER NOT NULL,
    exp_year        INTEGER NOT NULL,
    fingerprint     TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'detached', 'revoked')),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX cards_customer ON cards (customer_id, id);

CREATE TABLE plans (
    id           TEXT PRIMARY KEY NOT NULL,
    reference    TEXT NOT NULL UNIQUE,
    customer_id  TEXT NOT NULL REFERENCES customers (id),
    card_id      TEXT REFERENCES cards (id),
    kind         TEXT NOT NULL CHECK (kind IN ('installments', 'deposit', 'recurring', 'deferred')),
    status       TEXT NOT NULL CHECK (status IN
        ('awaiting_first_payment', 'active', 'past_due', 'paused', 'completed', 'canceled', 'defaulted')),
    currency     TEXT NOT NULL,
    total        INTEGER NOT NULL CHECK (total > 0),
    terms        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    activated_at INTEGER,
    version      INTEGER NOT NULL
) STRICT;

CREATE INDEX plans_status ON plans (status, id);
CREATE INDEX plans_customer ON plans (customer_id, id);

-- The charges of a plan are written together when it is made, so those that fall due in the same days, of plans made
-- in the same days, lie near one another: a claim of due rows touches few pages.
CREATE TABLE charges (
    id              TEXT PRIMARY KEY NOT NULL,
    plan_id         TEXT NOT NULL REFERENCES plans (id),
    customer_id     TEXT NOT NULL REFERENCES customers (id),
    sequence        INTEGER NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount > 0),
    currency        TEXT NOT NULL,
    due_at          INTEGER NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('scheduled', 'collecting', 'retrying', 'requires_action',
        'requires_payment_method', 'succeeded', 'failed', 'canceled', 'refunded', 'disputed')),
    next_attempt_at INTEGER,
    wake_at         INTEGER,
    lease           INTEGER NOT NULL,
    payment_intent  TEXT,
    attempt_count   INTEGER NOT NULL,
    decline_code    TEXT NOT NULL,
    reason          TEXT NOT NULL,
    paid_at         INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    UNIQUE (plan_id, sequence),
    -- A planned attempt that nobody wakes for would be forgotten without a trace: better refused.
    CONSTRAINT charges_wake CHECK ((wake_at IS NULL) = (next_attempt_at IS NULL))
) STRICT;

CREATE INDEX charges_due ON charges (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX charges_payment ON charges (payment_intent) WHERE payment_intent IS NOT NULL;
-- One payment can't settle two debts, not even after it was refunded or disputed.
CREATE UNIQUE INDEX charges_paid_once ON charges (payment_intent) WHERE status IN ('succeeded', 'refunded', 'disputed');

CREATE TABLE attempts (
    id              TEXT PRIMARY KEY NOT NULL,
    charge_id       TEXT NOT NULL REFERENCES charges (id),
    number          INTEGER NOT NULL,
    initiator       TEXT NOT NULL CHECK (initiator IN ('merchant', 'customer')),
    idempotency_key TEXT UNIQUE,
    params          TEXT NOT NULL,
    send_count      INTEGER NOT NULL,
    sent_at         INTEGER,
    outcome         TEXT NOT NULL CHECK (outcome IN ('unknown', 'awaiting_customer', 'processing', 'succeeded',
        'declined', 'requires_action', 'canceled', 'error')),
    failure         TEXT NOT NULL,
    payment_intent  TEXT,
    stripe_charge   TEXT UNIQUE,
    request_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    UNIQUE (charge_id, number)
) STRICT;

CREATE INDEX attempts_payment ON attempts (payment_intent) WHERE payment_intent IS NOT NULL;
-- While it is not known what became of one attempt, there must not be another.
CREATE UNIQUE INDEX attempts_one_open ON attempts (charge_id) WHERE outcome = 'unknown';

CREATE TABLE events (
    id          TEXT PRIMARY KEY NOT NULL,
    type        TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    account     TEXT NOT NULL,
    api_version TEXT NOT NULL,
    livemode    INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    payload     BLOB NOT NULL,
    created_at  INTEGER,
    received_at INTEGER NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'handled', 'ignored', 'failed')),
    reason      TEXT NOT NULL,
    wake_at     INTEGER,
    lease       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    handled_at  INTEGER
) STRICT;

CREATE INDEX events_due ON events (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX events_received ON events (received_at, id);
CREATE INDEX events_status ON events (status, received_at, id);

CREATE TABLE notices (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    plan_id     TEXT NOT NULL,
    charge_id   TEXT NOT NULL REFERENCES charges (id),
    customer_id TEXT NOT NULL,
    step        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    data        TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'kept', 'failed')),
    reason      TEXT NOT NULL,
    wake_at     INTEGER,
    lease       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    message_id  TEXT NOT NULL,
    subject     TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    sent_at     INTEGER,
    UNIQUE (charge_id, step, channel)
) STRICT;

CREATE INDEX notices_due ON notices (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX notices_plan ON notices (plan_id, id);
CREATE INDEX notices_status ON notices (status, id);

-- A request may be remembered before its plan is written, and an audit entry outlives what it is about, so neither
-- refers to the plan by a foreign key.
CREATE TABLE requests (
    key         TEXT PRIMARY KEY NOT NULL,
    fingerprint TEXT NOT NULL,
    plan_id     TEXT,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX requests_plan ON requests (plan_id);

CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    plan_id     TEXT,
    charge_id   TEXT,
    customer_id TEXT,
    message     TEXT NOT NULL,
    next_step   TEXT NOT NULL
) STRICT;

CREATE INDEX audit_plan ON audit (plan_id, seq);
