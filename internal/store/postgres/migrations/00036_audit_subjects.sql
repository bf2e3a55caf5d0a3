-- +goose Up
-- What an entry is about beside plan, charge, customer, card, notice and incident: the id of an
-- endpoint, a delivery or an event, or the table of an export.
ALTER TABLE audit ADD COLUMN subject TEXT;
CREATE INDEX audit_subject ON audit (subject, seq) WHERE subject IS NOT NULL;
