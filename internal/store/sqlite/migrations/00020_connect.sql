-- +goose Up
-- A customer has a Stripe customer of its own in each connected account: it is known by the cards that are saved there.
CREATE INDEX cards_connected ON cards (stripe_customer) WHERE account <> '';
