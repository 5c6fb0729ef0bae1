-- A charge is what is due for one reference of one caller.
CREATE TABLE charges (
    id              uuid PRIMARY KEY,
    caller          text NOT NULL,
    reference       text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    method          text NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'captured', 'failed', 'expired', 'reversed', 'unknown')),
    description     text NOT NULL,
    expires_at      timestamptz NOT NULL,
    return_url      text NOT NULL,
    locale          text NOT NULL,
    facility        text NOT NULL,
    allocations     jsonb NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    correlation_id  text NOT NULL,
    created_at      timestamptz NOT NULL,
    captured_at     timestamptz,
    captured_amount bigint CHECK (captured_amount > 0),
    captured_by     uuid,
    UNIQUE (caller, reference),
    CHECK ((status IN ('captured', 'reversed')) <= (captured_at IS NOT NULL)),
    CHECK ((captured_at IS NULL) = (captured_amount IS NULL) AND (captured_at IS NULL) = (captured_by IS NULL))
);

-- One try to pay a charge by one method. `id` is our reference and our idempotency key at the provider,
-- written and committed before the provider is called.
CREATE TABLE attempts (
    id              uuid PRIMARY KEY,
    charge_id       uuid NOT NULL REFERENCES charges (id),
    method          text NOT NULL,
    state           text NOT NULL CHECK (state IN ('prepared', 'open', 'captured', 'declined', 'expired', 'unknown')),
    amount          bigint NOT NULL CHECK (amount > 0),
    provider_id     text,
    pay_url         text,
    shown           jsonb NOT NULL DEFAULT '{}', -- what the payer is shown: numbers of Pay-easy, a deep link
    deadline        timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    next_poll_at    timestamptz,
    asked_at        timestamptz, -- when the poller last asked: a page that waits does not make it ask too often
    polls           integer NOT NULL DEFAULT 0,
    captured_at     timestamptz,
    captured_amount bigint CHECK (captured_amount > 0),
    CHECK ((state = 'open') <= (provider_id IS NOT NULL)),
    CHECK ((state = 'captured') = (captured_at IS NOT NULL)),
    CHECK ((captured_at IS NULL) = (captured_amount IS NULL))
);
CREATE INDEX charges_waiting ON charges (expires_at) WHERE status = 'pending';
CREATE INDEX attempts_of_charge ON attempts (charge_id);
CREATE INDEX attempts_due ON attempts (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX attempts_by_provider_id ON attempts (method, provider_id) WHERE provider_id IS NOT NULL;

-- What providers sent, as it came. Unique: a repeat is acknowledged and does nothing.
CREATE TABLE provider_messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    method       text NOT NULL,
    event_id     text NOT NULL,
    reference    text NOT NULL,
    body         bytea NOT NULL,
    received_at  timestamptz NOT NULL,
    processed_at timestamptz,
    outcome      text,
    tries        integer NOT NULL DEFAULT 0,
    UNIQUE (method, event_id)
);
CREATE INDEX provider_messages_with_body ON provider_messages (received_at) WHERE body <> '';
CREATE INDEX provider_messages_waiting ON provider_messages (id) WHERE processed_at IS NULL;

CREATE TABLE refunds (
    id           uuid PRIMARY KEY,
    charge_id    uuid NOT NULL REFERENCES charges (id),
    attempt_id   uuid NOT NULL REFERENCES attempts (id),
    amount       bigint NOT NULL CHECK (amount > 0),
    reason       text NOT NULL,
    state        text NOT NULL CHECK (state IN ('requested', 'needs_bank_account', 'sent', 'settled', 'failed')),
    provider_id  text,
    problem      text,
    version      integer NOT NULL CHECK (version > 0),
    requested_at timestamptz NOT NULL,
    next_poll_at timestamptz,
    polls        integer NOT NULL DEFAULT 0,
    finished_at  timestamptz,
    CHECK ((state IN ('settled', 'failed')) = (finished_at IS NOT NULL))
);
CREATE INDEX refunds_of_charge ON refunds (charge_id);
CREATE INDEX refunds_due ON refunds (next_poll_at) WHERE next_poll_at IS NOT NULL;

-- What a person reads when asking what became of a charge.
CREATE TABLE charge_history (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_id uuid NOT NULL REFERENCES charges (id),
    at        timestamptz NOT NULL,
    words     text NOT NULL
);
CREATE INDEX charge_history_of_charge ON charge_history (charge_id, position);
CREATE TRIGGER charge_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON charge_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
