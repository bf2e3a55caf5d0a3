-- +goose Up

-- The clock the database lives by, as TRANCHE_CLOCK writes it ('real' without one); '' is not known yet.
ALTER TABLE binding ADD COLUMN clock TEXT NOT NULL DEFAULT '';
-- An object at Stripe that belongs to this database, and its connected account: a key that finds it is
-- of the right account. '' is not known yet.
ALTER TABLE binding ADD COLUMN anchor TEXT NOT NULL DEFAULT '';
ALTER TABLE binding ADD COLUMN anchor_account TEXT NOT NULL DEFAULT '';
