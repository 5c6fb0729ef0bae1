-- Facilities are documents that staff edit; every revision stays.
CREATE TABLE authorities (
    code    text PRIMARY KEY,
    name_ja text NOT NULL,
    name_en text NOT NULL
);

CREATE TABLE facility_revisions (
    code       text NOT NULL,
    revision   integer NOT NULL CHECK (revision > 0),
    number     smallint NOT NULL CHECK (number > 0), -- what ticket codes carry; never given to another facility
    authority  text NOT NULL REFERENCES authorities (code),
    document   jsonb NOT NULL,
    revised_at timestamptz NOT NULL,
    revised_by text NOT NULL,
    PRIMARY KEY (code, revision)
);
CREATE TRIGGER facility_revisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON facility_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How many people a facility (or one pool of places in it) takes on a day or in a slot.
-- A slot of a whole day starts at 00:00.
CREATE TABLE slots (
    facility   text NOT NULL,
    pool       text NOT NULL,
    visit_date date NOT NULL,
    starts_at  time NOT NULL DEFAULT '00:00',
    capacity   integer NOT NULL CHECK (capacity >= 0),
    taken      integer NOT NULL DEFAULT 0 CHECK (taken >= 0),
    PRIMARY KEY (facility, pool, visit_date, starts_at)
);

CREATE TABLE orders (
    id             uuid PRIMARY KEY,
    number         text NOT NULL UNIQUE,
    key_sha256     bytea NOT NULL CHECK (length(key_sha256) = 32),
    authority      text NOT NULL,
    facility       text NOT NULL,
    visit_date     date NOT NULL,
    slot           time,
    method         text NOT NULL CHECK (method IN ('stripe_card', 'paypay', 'payeasy_komoju', 'none')),
    status         text NOT NULL CHECK (status IN ('awaiting_payment', 'confirmed', 'cancelled', 'expired')),
    lines          jsonb NOT NULL,  -- [{facility, product, category, quantity, unit_price, amount, …}] as in the contract
    places         jsonb NOT NULL,  -- [{facility, pool, visit_date, starts_at, quantity}] held or sold
    total          bigint NOT NULL CHECK (total >= 0),
    tax            bigint NOT NULL CHECK (tax BETWEEN 0 AND total),
    locale         text NOT NULL,
    email          text,
    version        integer NOT NULL CHECK (version > 0),
    correlation_id text NOT NULL,
    placed_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    charge_id      uuid,
    checkout_url   text,
    payment_problem text CHECK (payment_problem IN ('failed', 'expired')), -- why the last try to pay came to nothing
    confirmed_at   timestamptz,
    received_at    timestamptz,
    cancelled_at   timestamptz,
    cancel_reason  text,
    expired_at     timestamptz,
    CHECK ((status = 'confirmed') <= (confirmed_at IS NOT NULL AND received_at IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CHECK ((status = 'expired') = (expired_at IS NOT NULL)),
    CHECK (payment_problem IS NULL OR status = 'awaiting_payment'),
    CHECK (method <> 'none' OR total = 0)
);
CREATE INDEX orders_due ON orders (expires_at) WHERE status = 'awaiting_payment';
CREATE INDEX orders_by_day ON orders (facility, visit_date);
CREATE INDEX orders_by_charge ON orders (charge_id) WHERE charge_id IS NOT NULL;

-- Money that ticketing asked payments to give back.
CREATE TABLE order_refunds (
    id           uuid PRIMARY KEY,
    order_id     uuid NOT NULL REFERENCES orders (id),
    charge_id    uuid NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    reason       text NOT NULL,
    status       text NOT NULL CHECK (status IN ('requested', 'settled', 'failed')),
    requested_at timestamptz NOT NULL,
    finished_at  timestamptz,
    CHECK ((status = 'requested') = (finished_at IS NULL)),
    UNIQUE (order_id, charge_id, reason)
);

CREATE TABLE tickets (
    id          uuid PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES orders (id),
    position    smallint NOT NULL CHECK (position > 0),
    facility    text NOT NULL,
    product     text NOT NULL,
    category    text NOT NULL,
    admits      text[] NOT NULL CHECK (cardinality(admits) > 0), -- codes of the facilities it opens
    visit_date  date NOT NULL,
    slot        time,
    price       bigint NOT NULL CHECK (price >= 0),
    code        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('valid', 'admitted', 'voided')),
    version     integer NOT NULL CHECK (version > 0),
    issued_at   timestamptz NOT NULL,
    voided_at   timestamptz,
    void_reason text,
    CHECK ((status = 'voided') = (voided_at IS NOT NULL)),
    UNIQUE (order_id, position)
);
CREATE INDEX tickets_by_day ON tickets (visit_date, facility);

-- Every scan once; the answer is kept, so that the same scan_id is answered the same.
CREATE TABLE scans (
    id          uuid PRIMARY KEY,
    gate        text NOT NULL,
    facility    text NOT NULL,
    ticket_id   uuid,
    decision    text NOT NULL CHECK (decision IN ('admit', 'refuse')),
    reason      text NOT NULL CHECK (reason IN ('ok', 'already_admitted', 'wrong_facility', 'wrong_date', 'voided',
                                                'unknown_ticket', 'bad_signature', 'malformed')),
    scanned_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    scanned_by  text NOT NULL,
    offline     boolean NOT NULL DEFAULT false,
    code_sha256 bytea NOT NULL CHECK (length(code_sha256) = 32), -- the same scan_id with another code is an error
    admitted_at timestamptz,  -- of this entry, or of the earlier one that refuses it
    remaining   smallint CHECK (remaining >= 0), -- how many more may enter on the order number that was typed
    conflict    text CHECK (conflict <> reason), -- what the books would have said, where an offline gate said otherwise
    CHECK ((decision = 'admit') = (reason = 'ok')),
    CHECK (conflict IS NULL OR offline)
);
CREATE INDEX scans_by_gate ON scans (gate, received_at);

-- One admission per ticket and facility: the constraint that makes a second entry impossible.
CREATE TABLE admissions (
    ticket_id   uuid NOT NULL REFERENCES tickets (id),
    facility    text NOT NULL,
    scan_id     uuid NOT NULL UNIQUE,
    gate        text NOT NULL,
    admitted_at timestamptz NOT NULL,
    reversed_at timestamptz
);
CREATE UNIQUE INDEX admissions_once ON admissions (ticket_id, facility) WHERE reversed_at IS NULL;

-- Public keys of ticket codes; the private halves are secrets of the installation.
CREATE TABLE ticket_keys (
    id          smallint PRIMARY KEY CHECK (id BETWEEN 1 AND 255),
    public_key  bytea NOT NULL CHECK (length(public_key) = 32),
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz
);
