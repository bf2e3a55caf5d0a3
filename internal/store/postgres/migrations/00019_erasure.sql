-- +goose Up
-- Stripe's objects of customers whose personal data was removed: what Stripe tells of them later is not kept either.
CREATE TABLE erased_objects (
    object_id TEXT PRIMARY KEY NOT NULL,
    erased_at BIGINT NOT NULL
);

-- By these the events about a customer are found when it is erased. Refunds and disputes name their payment in the body alone.
CREATE INDEX events_object ON events (object_id);
CREATE INDEX events_reversals ON events (id) WHERE substr(type, 1, 7) = 'charge.';

CREATE INDEX audit_customer ON audit (customer_id, seq) WHERE plan_id IS NULL;
