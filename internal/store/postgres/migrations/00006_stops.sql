-- +goose Up

-- Why a plan does not collect, and since when it is paused.
ALTER TABLE plans ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN paused_at BIGINT;

-- What was given back of a payment, and what the last dispute about it came to.
ALTER TABLE charges ADD COLUMN amount_refunded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE charges ADD COLUMN dispute_status TEXT NOT NULL DEFAULT '';
