ALTER TABLE charges DROP CONSTRAINT charges_status_check;
ALTER TABLE charges ADD CONSTRAINT charges_status_check CHECK
    (status IN ('pending', 'captured', 'failed', 'expired', 'reversed', 'unknown', 'unallocated'));
DROP INDEX charges_waiting;
CREATE INDEX charges_waiting ON charges (expires_at) WHERE status IN ('pending', 'unknown');

-- An attempt that was taken back keeps what it had brought.
ALTER TABLE attempts DROP CONSTRAINT attempts_state_check, DROP CONSTRAINT attempts_check1;
ALTER TABLE attempts ADD CONSTRAINT attempts_state_check CHECK
    (state IN ('prepared', 'open', 'captured', 'declined', 'expired', 'unknown', 'reversed'));
ALTER TABLE attempts ADD CONSTRAINT attempts_money_check CHECK
    ((state IN ('captured', 'reversed')) = (captured_at IS NOT NULL));

-- What does not agree by itself: a person looks, or the refund that is under way ends it.
CREATE TABLE cases (
    id         uuid PRIMARY KEY,
    charge_id  uuid NOT NULL REFERENCES charges (id),
    attempt_id uuid REFERENCES attempts (id),
    kind       text NOT NULL CHECK (kind IN ('paid_twice', 'overpaid', 'underpaid', 'paid_too_late',
                                             'outcome_unknown', 'refund_failed', 'reversed', 'disputed')),
    amount     bigint NOT NULL CHECK (amount > 0),
    state      text NOT NULL CHECK (state IN ('open', 'refunding', 'closed')),
    opened_at  timestamptz NOT NULL,
    refund_id  uuid UNIQUE,
    closed_at  timestamptz,
    resolution text,
    words      text NOT NULL DEFAULT '',
    CHECK ((state = 'closed') = (closed_at IS NOT NULL AND resolution IS NOT NULL)),
    CHECK ((state = 'refunding') <= (refund_id IS NOT NULL))
);
CREATE INDEX cases_of_charge ON cases (charge_id);
CREATE INDEX cases_unsettled ON cases (id) WHERE state <> 'closed';

-- A history is read in the reader's language: what happened, and its values.
ALTER TABLE charge_history ADD COLUMN kind text, ADD COLUMN fields jsonb NOT NULL DEFAULT '{}';
ALTER TABLE charge_history ALTER COLUMN words DROP NOT NULL;

-- Circuit breakers: one for each operation of each method, known to all processes.
CREATE TABLE breakers (
    method          text NOT NULL,
    operation       text NOT NULL CHECK (operation IN ('open', 'query', 'expire', 'refund', 'query_refund')),
    state           text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    failures        integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    pauses          integer NOT NULL DEFAULT 0 CHECK (pauses >= 0),
    trouble         text CHECK (trouble IN ('maintenance', 'rate_limited', 'unreachable', 'failing')),
    until           timestamptz,
    last_ok_at      timestamptz,
    last_trouble_at timestamptz,
    version         integer NOT NULL DEFAULT 0, -- of the method as an aggregate: its pauses and resumptions
    PRIMARY KEY (method, operation)
);

-- A message is tried again until the provider has answered about what it names.
ALTER TABLE provider_messages ADD COLUMN next_try_at timestamptz;
