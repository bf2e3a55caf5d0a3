-- +goose Up
-- Which database this is, so that a record outside it can be compared with it. One row, written at the first use.
CREATE TABLE lineage (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    token TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    reconcile_from INTEGER
) STRICT;

-- Each time at which the database was found to have lost what was committed.
CREATE TABLE rewinds (
    id TEXT PRIMARY KEY NOT NULL,
    found_at INTEGER NOT NULL,
    good_at INTEGER,
    how TEXT NOT NULL,
    missing INTEGER NOT NULL,
    caught_up_at INTEGER
) STRICT;
