-- +goose Up
-- What the text of a consent listed: plans, payments, amounts and dates, as JSON; empty when the merchant reported it.
ALTER TABLE card_consents ADD COLUMN listed TEXT NOT NULL DEFAULT '';
