-- What the board adds up, by day: counted again from the ledger whenever facts of a day arrive. All of it can be made
-- again: empty board_progress, and the next round counts every day.
CREATE TABLE board_days (
    day      date NOT NULL,
    facility text NOT NULL,
    method   text NOT NULL,
    taken    bigint NOT NULL, -- yen that came in, gross
    payments integer NOT NULL, -- of the facility's orders; one that is of two facilities counts where it was ordered
    tickets  integer NOT NULL, -- sold
    PRIMARY KEY (day, facility, method)
);
CREATE TABLE board_waits (
    day    date NOT NULL,
    method text NOT NULL,
    since  text NOT NULL CHECK (since IN ('placed', 'paid')),
    tenths integer NOT NULL CHECK (tenths >= 0), -- of a second, until the order's last ticket was issued
    orders integer NOT NULL CHECK (orders > 0),
    PRIMARY KEY (day, method, since, tenths)
);
CREATE TABLE board_stale (
    day date PRIMARY KEY
);
CREATE TABLE board_progress (
    facts_until timestamptz NOT NULL
);

-- Cash and paper that Momiji cannot see, as accounting counted it: a facility's month, the newest version counts.
CREATE TABLE counted_cash (
    facility      text NOT NULL CHECK (length(facility) BETWEEN 1 AND 64),
    month         date NOT NULL CHECK (extract(day FROM month) = 1),
    version       integer NOT NULL CHECK (version > 0),
    known         boolean NOT NULL, -- false: what was entered before is taken back
    amount        bigint NOT NULL CHECK (amount >= 0),
    payments      integer NOT NULL CHECK (payments >= 0),
    paper_tickets integer NOT NULL CHECK (paper_tickets >= 0),
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (facility, month, version)
);
CREATE INDEX counted_cash_by_month ON counted_cash (month, facility, version);
CREATE TRIGGER counted_cash_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON counted_cash
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the board assumes and cannot measure. A change is a new version, with its reason.
CREATE TABLE board_assumptions (
    version    integer PRIMARY KEY CHECK (version > 0),
    definition jsonb NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL
);
CREATE TRIGGER board_assumptions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON board_assumptions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
