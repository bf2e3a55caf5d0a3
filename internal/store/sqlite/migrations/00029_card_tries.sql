-- +goose Up
-- What customers try cards with, and which were declined: counted over hours and days, so that nobody tests stolen cards.
CREATE TABLE card_tries (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('payment', 'setup', 'declined', 'voided')),
    customer_id TEXT NOT NULL REFERENCES customers (id),
    charge_id   TEXT,
    link_id     TEXT,
    intent      TEXT NOT NULL,
    address     TEXT,
    code        TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

CREATE INDEX card_tries_customer ON card_tries (customer_id, kind, at);
CREATE INDEX card_tries_charge ON card_tries (charge_id, kind, at) WHERE charge_id IS NOT NULL;
CREATE INDEX card_tries_link ON card_tries (link_id, kind, at) WHERE link_id IS NOT NULL;
CREATE INDEX card_tries_address ON card_tries (address, kind, at) WHERE address IS NOT NULL;
CREATE INDEX card_tries_intent ON card_tries (intent, kind, at);
