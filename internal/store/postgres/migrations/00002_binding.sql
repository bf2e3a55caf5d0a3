-- +goose Up

-- The Stripe account, the mode and the place this database belongs to. One row.
CREATE TABLE binding (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    account  TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    home     TEXT NOT NULL,
    bound_at BIGINT NOT NULL
);
