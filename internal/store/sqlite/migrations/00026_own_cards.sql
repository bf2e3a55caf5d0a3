-- +goose Up
-- Whether the PaymentMethod was saved for Tranche. Only such a card is merged with a duplicate, and detached at Stripe for that.
ALTER TABLE cards ADD COLUMN own INTEGER NOT NULL DEFAULT 0 CHECK (own IN (0, 1));

-- What an ignored event is about and nothing was known of then. A row that names it makes the event pending again.
ALTER TABLE events ADD COLUMN awaits TEXT;
CREATE INDEX events_awaits ON events (awaits) WHERE awaits IS NOT NULL;
