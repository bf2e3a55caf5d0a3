-- +goose Up
-- Which database this is, so that a record outside it can be compared with it. One row, written at the first use.
CREATE TABLE lineage (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    token TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    reconcile_from BIGINT
);

-- Each time at which the database was found to have lost what was committed.
CREATE TABLE rewinds (
    id TEXT PRIMARY KEY,
    found_at BIGINT NOT NULL,
    good_at BIGINT,
    how TEXT NOT NULL,
    missing BIGINT NOT NULL,
    caught_up_at BIGINT
);
