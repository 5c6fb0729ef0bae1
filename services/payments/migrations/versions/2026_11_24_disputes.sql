-- Payers who contest a card payment with their bank.
CREATE TABLE disputes (
    id          uuid PRIMARY KEY,
    provider    text NOT NULL,
    provider_id text NOT NULL,
    charge_id   uuid NOT NULL REFERENCES charges (id),
    attempt_id  uuid NOT NULL REFERENCES attempts (id),
    amount      bigint NOT NULL CHECK (amount > 0),
    reason      text NOT NULL,
    status      text NOT NULL CHECK (status IN ('needs_response', 'under_review', 'won', 'lost')),
    opened_at   timestamptz NOT NULL,
    due_at      timestamptz,
    answered_at timestamptz,
    closed_at   timestamptz,
    UNIQUE (provider, provider_id),
    CHECK ((closed_at IS NOT NULL) = (status IN ('won', 'lost')))
);
CREATE INDEX disputes_by_charge ON disputes (charge_id);
CREATE INDEX disputes_by_attempt ON disputes (attempt_id);
