-- The ledger: every event as it came, and what it means for the books. Facts are never changed; the rest follows from them.
CREATE TABLE facts (
    event_id          uuid PRIMARY KEY,
    type              text NOT NULL,
    source            text NOT NULL,
    subject           text NOT NULL,
    aggregate_version integer NOT NULL CHECK (aggregate_version > 0),
    occurred_at       timestamptz NOT NULL,
    correlation_id    text NOT NULL,
    business_date     date NOT NULL, -- in Japan
    order_id          text NOT NULL DEFAULT '', -- the order or the caller's reference; '' where there is none
    payload           jsonb NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX facts_of_an_order ON facts (order_id, occurred_at) WHERE order_id <> '';
CREATE TRIGGER facts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON facts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Rows that `replay` can make again from the facts.
CREATE TABLE entries (
    fact_id          uuid NOT NULL REFERENCES facts (event_id),
    position         smallint NOT NULL CHECK (position >= 0),
    kind             text NOT NULL CHECK (kind IN (
        'sold', 'captured', 'unallocated', 'set_aside', 'reversed', 'refund_requested', 'refunded', 'refund_failed',
        'cancelled',
        'admitted', 'admission_reversed', 'voided', 'disputed', 'dispute_lost')),
    business_date    date NOT NULL,
    order_id         text NOT NULL,
    charge_id        uuid,
    scan_id          uuid,
    facility         text NOT NULL,
    product          text NOT NULL,
    category         text NOT NULL,
    method           text NOT NULL,
    revenue_owner    text NOT NULL,
    revenue_account  text NOT NULL,
    tax_rate_percent smallint NOT NULL CHECK (tax_rate_percent BETWEEN 0 AND 99),
    quantity         integer NOT NULL,
    amount           bigint NOT NULL,
    PRIMARY KEY (fact_id, position)
);
CREATE INDEX entries_of_a_day ON entries (business_date, kind)
    INCLUDE (facility, method, quantity, amount);
CREATE INDEX entries_of_an_order ON entries (order_id);
CREATE INDEX admissions_by_scan ON entries (scan_id) WHERE kind = 'admitted';

-- Sums, earliest moments and the newest description only: the order in which facts arrive changes nothing.
CREATE TABLE order_positions (
    order_id          text PRIMARY KEY,
    described_version integer NOT NULL DEFAULT 0, -- of the order fact that the description is of; 0: of a charge
    number            text NOT NULL DEFAULT '',
    facility          text NOT NULL DEFAULT '',
    method            text NOT NULL DEFAULT '',
    due               bigint NOT NULL DEFAULT 0,
    sold              bigint NOT NULL DEFAULT 0,
    captured          bigint NOT NULL DEFAULT 0,
    unallocated       bigint NOT NULL DEFAULT 0,
    reversed          bigint NOT NULL DEFAULT 0,
    refund_requested  bigint NOT NULL DEFAULT 0,
    surplus_requested bigint NOT NULL DEFAULT 0, -- of the requested: money that no order could take
    refunded          bigint NOT NULL DEFAULT 0,
    refund_failures   integer NOT NULL DEFAULT 0,
    people            integer NOT NULL DEFAULT 0,
    admitted          integer NOT NULL DEFAULT 0,
    was_paid          boolean NOT NULL DEFAULT false,
    confirmed_at      timestamptz,
    sold_at           timestamptz,
    captured_at       timestamptz,
    unallocated_at    timestamptz,
    reversed_at       timestamptz,
    refund_requested_at timestamptz,
    refunded_at       timestamptz,
    admitted_at       timestamptz,
    cancelled_at      timestamptz,
    expired_at        timestamptz,
    -- Whoever is not suspect agrees for certain; only the suspects are judged one by one.
    suspect           boolean GENERATED ALWAYS AS (
        captured - reversed - surplus_requested <> sold OR refunded <> refund_requested OR unallocated <> 0
        OR (cancelled_at IS NOT NULL AND (admitted > 0 OR (was_paid AND refunded <> captured)))
        OR refunded > captured OR (admitted > 0 AND confirmed_at IS NULL)
    ) STORED
);
CREATE INDEX suspects ON order_positions (order_id) WHERE suspect;
CREATE INDEX positions_by_number ON order_positions (number);

CREATE TABLE ticket_positions (
    ticket_id   uuid PRIMARY KEY,
    order_id    text NOT NULL,
    admissions  integer NOT NULL DEFAULT 0,
    admitted_at timestamptz,
    voided_at   timestamptz
);
CREATE INDEX tickets_admitted_though_void ON ticket_positions (order_id)
    WHERE admissions > 0 AND voided_at IS NOT NULL;

CREATE TABLE day_closings (
    day            date PRIMARY KEY,
    sold           bigint NOT NULL,
    captured       bigint NOT NULL,
    refunded       bigint NOT NULL,
    admitted_count integer NOT NULL,
    closed_by      text NOT NULL,
    closed_at      timestamptz NOT NULL
);
CREATE TRIGGER day_closings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON day_closings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A resolution holds for the amount it was given for: should the amount change, the discrepancy is open again.
CREATE TABLE resolutions (
    discrepancy_id uuid NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    kind           text NOT NULL,
    order_id       text NOT NULL,
    amount         bigint NOT NULL,
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    resolved_by    text NOT NULL,
    resolved_at    timestamptz NOT NULL,
    PRIMARY KEY (discrepancy_id, version)
);
CREATE TRIGGER resolutions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE export_log (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    fetched_by text NOT NULL,
    format     text NOT NULL,
    first_day  date NOT NULL,
    last_day   date NOT NULL,
    facility   text NOT NULL,
    sha256     text NOT NULL
);
CREATE TRIGGER export_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON export_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
