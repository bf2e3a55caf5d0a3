-- +goose Up
-- The person behind an API key, as the caller of the API names them.
ALTER TABLE audit ADD COLUMN actor_name TEXT NOT NULL DEFAULT '';
