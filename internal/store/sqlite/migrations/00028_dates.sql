-- +goose Up

-- How a plan's dates are counted: interval, anchor, time of day, business day rule. Empty for plans made before this column.
ALTER TABLE plans ADD COLUMN schedule TEXT NOT NULL DEFAULT '';
-- What becomes of periods that an outage missed: '' (one a day), 'all', 'latest' or 'none'.
ALTER TABLE plans ADD COLUMN catch_up TEXT NOT NULL DEFAULT '';

-- A customer's day is taken by one missed charge at most, whatever plan the charge belongs to.
CREATE TABLE catch_up_days (
    customer_id TEXT NOT NULL,
    day         TEXT NOT NULL,
    charge_id   TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (customer_id, day)
) STRICT;
CREATE UNIQUE INDEX catch_up_days_charge ON catch_up_days (charge_id);

-- A notice that is no longer true when its turn comes is dropped.
-- SQLite drops a column's CHECK with the column only, so the column is replaced.
DROP INDEX notices_status;
ALTER TABLE notices RENAME COLUMN status TO old_status;
ALTER TABLE notices ADD COLUMN status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'kept', 'failed', 'dropped'));
UPDATE notices SET status = old_status;
ALTER TABLE notices DROP COLUMN old_status;
CREATE INDEX notices_status ON notices (status, id);

-- A customer's waiting notices are sent in the order in which they were written.
CREATE INDEX notices_waiting ON notices (customer_id, created_at) WHERE wake_at IS NOT NULL;

-- The step of an advance notice names the date that it gives, so that a moved charge is announced again.
UPDATE notices SET step = 'upcoming_charge:' || (SELECT c.due_at FROM charges c WHERE c.id = notices.charge_id)
    WHERE step = 'upcoming_charge' AND charge_id IN (SELECT id FROM charges WHERE due_at IS NOT NULL);
