-- +goose Up

-- Work that comes back at its time and that one scheduler does for all. cursor_at is how far it has come.
CREATE TABLE chores (
    name      TEXT PRIMARY KEY NOT NULL,
    wake_at   INTEGER NOT NULL,
    lease     INTEGER NOT NULL,
    cursor_at INTEGER
) STRICT;
