-- +goose Up

-- Work that comes back at its time and that one scheduler does for all. cursor_at is how far it has come.
CREATE TABLE chores (
    name      TEXT PRIMARY KEY,
    wake_at   BIGINT NOT NULL,
    lease     BIGINT NOT NULL,
    cursor_at BIGINT
);
