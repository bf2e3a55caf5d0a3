-- +goose Up

-- The Stripe account, the mode and the place this database belongs to. One row.
CREATE TABLE binding (
    id       INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    account  TEXT NOT NULL,
    livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    home     TEXT NOT NULL,
    bound_at INTEGER NOT NULL
) STRICT;
