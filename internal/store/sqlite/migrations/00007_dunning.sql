-- +goose Up

-- Which policy follows a decline, and whether the customer agreed to other cards of theirs being charged.
ALTER TABLE plans ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN backup_cards INTEGER NOT NULL DEFAULT 0 CHECK (backup_cards IN (0, 1));

-- The number of the card that was charged, by which the networks count declines.
ALTER TABLE attempts ADD COLUMN fingerprint TEXT;
CREATE INDEX attempts_declined ON attempts (fingerprint, created_at) WHERE outcome = 'declined' AND fingerprint IS NOT NULL;

-- Policies as they were when a charge began with them. Written once.
CREATE TABLE dunning_policies (
    hash       TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    content    TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What follows a charge from its first failure to its end; named by the charge.
CREATE TABLE dunnings (
    id          TEXT PRIMARY KEY NOT NULL REFERENCES charges (id),
    status      TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    policy      TEXT NOT NULL REFERENCES dunning_policies (hash),
    began_at    INTEGER NOT NULL,
    remind_at   INTEGER,
    final_at    INTEGER,
    deadline_at INTEGER NOT NULL,
    replacing   TEXT,
    card_id     TEXT REFERENCES cards (id),
    wake_at     INTEGER,
    lease       INTEGER NOT NULL,
    -- What is open and has no time would wait for ever: better refused.
    CONSTRAINT dunnings_wake CHECK ((wake_at IS NULL) = (status = 'closed'))
) STRICT;

CREATE INDEX dunnings_due ON dunnings (wake_at) WHERE wake_at IS NOT NULL;
