-- +goose Up

-- Links to the recovery page. The token is nowhere: only its hash is.
CREATE TABLE pay_links (
    id          TEXT PRIMARY KEY,
    token_hash  TEXT NOT NULL UNIQUE,
    notice_id   TEXT,
    customer_id TEXT NOT NULL,
    plan_id     TEXT NOT NULL REFERENCES plans (id),
    charge_id   TEXT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);

CREATE INDEX pay_links_plan ON pay_links (plan_id, id);

-- That a card may be saved and charged later, as the customer agreed to it. A row outlives its card.
CREATE TABLE card_consents (
    id           TEXT PRIMARY KEY,
    customer_id  TEXT NOT NULL REFERENCES customers (id),
    plan_id      TEXT NOT NULL,
    charge_id    TEXT,
    card_id      TEXT,
    intent       TEXT,
    source       TEXT NOT NULL CHECK (source IN ('page', 'merchant')),
    text_version TEXT NOT NULL,
    text_shown   TEXT NOT NULL,
    locale       TEXT NOT NULL,
    accepted_at  BIGINT NOT NULL,
    address      TEXT NOT NULL,
    user_agent   TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE INDEX card_consents_customer ON card_consents (customer_id, id);
CREATE INDEX card_consents_card ON card_consents (card_id, id) WHERE card_id IS NOT NULL;
CREATE INDEX card_consents_charge ON card_consents (charge_id, id) WHERE charge_id IS NOT NULL;
CREATE INDEX card_consents_intent ON card_consents (intent, id) WHERE intent IS NOT NULL;
