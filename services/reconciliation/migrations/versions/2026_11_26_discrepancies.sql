-- Something that does not agree, as people work on it. Its findings come from the ledger and from matching; what people
-- did is in discrepancy_steps, which only grows.
CREATE TABLE discrepancies (
    id         uuid PRIMARY KEY, -- made of kind and subject: the same for ever
    kind       text NOT NULL,
    subject    text NOT NULL, -- such as order:…, line:…, claim:…, payout:…, deposit:…, day:…
    order_id   text NOT NULL DEFAULT '',
    number     text NOT NULL DEFAULT '',
    facility   text NOT NULL DEFAULT '',
    provider   text NOT NULL DEFAULT '',
    day        date NOT NULL,
    amount     bigint NOT NULL,
    since      timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'proposed', 'resolved', 'vanished')),
    assignee   text NOT NULL DEFAULT '',
    version    integer NOT NULL DEFAULT 1 CHECK (version > 0),
    raised_at  timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX open_discrepancies ON discrepancies (day, id) WHERE state IN ('open', 'proposed');
