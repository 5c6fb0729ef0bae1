-- What the journal must know of an entry: whose money it was, and whether any order has it.
ALTER TABLE entries
    ADD COLUMN attempt_id uuid,
    ADD COLUMN refund_id  uuid,
    ADD COLUMN surplus    boolean NOT NULL DEFAULT false, -- the fact itself says that no order has this money
    ADD COLUMN by_us      boolean NOT NULL DEFAULT false, -- it left our own account
    DROP CONSTRAINT entries_kind_check,
    ADD CONSTRAINT entries_kind_check CHECK (kind IN (
        'sold', 'captured', 'unallocated', 'set_aside', 'reversed', 'refund_requested', 'refunded', 'refund_failed',
        'cancelled',
        'admitted', 'admission_reversed', 'voided', 'disputed', 'dispute_lost', 'dispute_won'));

-- Ledgers of before, from their facts.
UPDATE entries AS e SET
    attempt_id = CASE WHEN f.type <> 'ticketing.refund.requested.v1' THEN CAST(f.payload ->> 'attempt_id' AS uuid) END,
    refund_id = CASE WHEN f.type IN ('ticketing.refund.requested.v1', 'payments.refund.settled.v1',
                                     'payments.refund.failed.v1') THEN CAST(f.payload ->> 'refund_id' AS uuid) END,
    surplus = e.kind IN ('unallocated', 'set_aside') OR f.type = 'payments.charge.unallocated_reversed.v1'
        OR (f.type = 'ticketing.refund.requested.v1' AND f.payload ->> 'reason' IN ('paid_too_late', 'paid_twice')),
    by_us = coalesce(CAST(f.payload ->> 'by_us' AS boolean), false),
    method = CASE WHEN f.type LIKE 'payments.dispute.%' THEN coalesce(f.payload ->> 'method', '') ELSE e.method END
FROM facts AS f
WHERE f.event_id = e.fact_id
  AND f.type IN ('payments.charge.captured.v1', 'payments.charge.unallocated.v1', 'payments.charge.reversed.v1',
                 'payments.charge.unallocated_reversed.v1', 'payments.refund.settled.v1', 'payments.refund.failed.v1',
                 'payments.dispute.opened.v1', 'payments.dispute.closed.v1', 'ticketing.refund.requested.v1');
INSERT INTO entries (fact_id, position, kind, business_date, order_id, charge_id, facility, product, category, method,
                     revenue_owner, revenue_account, tax_rate_percent, quantity, amount, attempt_id)
SELECT event_id, 0, 'dispute_won', business_date, payload ->> 'reference', CAST(payload ->> 'charge_id' AS uuid),
       payload ->> 'facility', '', '', coalesce(payload ->> 'method', ''), '', '', 0, 0,
       CAST(payload ->> 'amount' AS bigint), CAST(payload ->> 'attempt_id' AS uuid)
FROM facts WHERE type = 'payments.dispute.closed.v1' AND CAST(payload ->> 'won' AS boolean);
CREATE INDEX facts_by_arrival ON facts USING brin (recorded_at);

-- 会計・款・項・目・節 of each revenue account, from a day on.
CREATE TABLE revenue_accounts (
    code       text NOT NULL CHECK (length(code) BETWEEN 1 AND 200), -- as events carry it
    valid_from date NOT NULL,
    fund       text NOT NULL, -- 会計
    part       text NOT NULL, -- 款
    chapter    text NOT NULL, -- 項
    item       text NOT NULL, -- 目
    section    text NOT NULL, -- 節
    regime     text NOT NULL CHECK (regime IN ('fee', 'use_charge')), -- 使用料, 利用料金
    illustrative boolean NOT NULL DEFAULT false, -- made up, to be replaced
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (code, valid_from)
);
CREATE TRIGGER revenue_accounts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revenue_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The journal: vouchers in a chain of hashes, each balanced, none ever changed. Postings are written before their
-- voucher, which seals them.
CREATE TABLE vouchers (
    number        bigint PRIMARY KEY CHECK (number > 0), -- without gaps
    id            uuid NOT NULL UNIQUE,
    kind          text NOT NULL, -- such as receipts, fees, deposit, reversal, manual
    origin        text NOT NULL, -- what it was made from, such as receipts:2026-11-25:hpam
    booked_on     date NOT NULL, -- the day of the books
    business_date date NOT NULL, -- the day that its figures are of; earlier where a closed day was corrected
    belongs       integer NOT NULL, -- the fiscal year that its figures are of
    fiscal_year   integer NOT NULL, -- the one in which they are booked: another where that year's books were closed
    old_year      boolean NOT NULL, -- booked in 出納整理期間 for the year before
    reverses      bigint UNIQUE REFERENCES vouchers (number),
    words         text NOT NULL,
    posted_by     text NOT NULL,
    posted_at     timestamptz NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash          bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    CHECK ((kind = 'reversal') = (reverses IS NOT NULL) AND reverses < number),
    -- 出納整理期間 ends on 31 May.
    CHECK (fiscal_year = extract(year FROM booked_on - interval '3 months') - CAST(old_year AS integer)
           AND (NOT old_year OR (extract(month FROM booked_on) IN (4, 5) AND belongs = fiscal_year)))
);
CREATE INDEX vouchers_by_origin ON vouchers (origin, number);
CREATE INDEX vouchers_by_day ON vouchers (booked_on, number);
CREATE INDEX vouchers_by_business_date ON vouchers (business_date) WHERE reverses IS NULL;
CREATE TABLE postings (
    voucher          bigint NOT NULL REFERENCES vouchers (number) DEFERRABLE INITIALLY DEFERRED,
    place            integer NOT NULL CHECK (place > 0),
    side             text NOT NULL CHECK (side IN ('debit', 'credit')),
    account          text NOT NULL, -- 勘定科目, by its code
    amount           bigint NOT NULL CHECK (amount > 0),
    facility         text NOT NULL DEFAULT '',
    revenue_owner    text NOT NULL DEFAULT '',
    revenue_account  text NOT NULL DEFAULT '',
    method           text NOT NULL DEFAULT '',
    provider         text NOT NULL DEFAULT '',
    tax_rate_percent smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (voucher, place)
);
CREATE TRIGGER vouchers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON vouchers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_posting_to_sealed_voucher() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN vouchers ON vouchers.number = added.voucher) THEN
        RAISE EXCEPTION 'a voucher is sealed: nothing is added to it';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER postings_come_first AFTER INSERT ON postings REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_posting_to_sealed_voucher();

CREATE FUNCTION refuse_broken_voucher() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    debits  numeric;
    credits numeric;
    before  bytea;
BEGIN
    SELECT coalesce(sum(amount) FILTER (WHERE side = 'debit'), 0), coalesce(sum(amount) FILTER (WHERE side = 'credit'), 0)
    INTO debits, credits FROM postings WHERE voucher = NEW.number;
    IF debits <> credits OR debits = 0 THEN
        RAISE EXCEPTION 'voucher % does not balance: debit %, credit %', NEW.number, debits, credits;
    END IF;
    SELECT hash INTO before FROM vouchers WHERE number = NEW.number - 1;
    IF NEW.previous_hash IS DISTINCT FROM
        (CASE WHEN NEW.number = 1 THEN decode(repeat('00', 32), 'hex') ELSE before END) THEN
        RAISE EXCEPTION 'voucher % does not follow the voucher before it', NEW.number;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER vouchers_balance_and_follow AFTER INSERT ON vouchers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_broken_voucher();

-- How far the journal has looked: one row. What it has looked at without a clock of ours is in journal_seen.
CREATE TABLE journal_progress (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    facts_until timestamptz NOT NULL, -- facts that were recorded before are in
    deposits    text NOT NULL, -- counts that any change of deposits changes
    contracts   bigint NOT NULL, -- how many versions of contracts with providers there were
    later       date[] NOT NULL -- days of which something came before they began
);
CREATE TABLE journal_seen (
    id uuid PRIMARY KEY -- a statement file, a run of matching, or a match taken back
);

-- What was verified when. A head that was sound once must be so for ever.
CREATE TABLE journal_verifications (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    verified_by  text NOT NULL,
    number       bigint NOT NULL CHECK (number >= 0), -- the last sound voucher
    head         bytea NOT NULL CHECK (length(head) = 32), -- its hash
    fault        text NOT NULL, -- '' if nothing was wrong
    fault_number bigint,
    fault_origin text NOT NULL,
    waiting      integer NOT NULL -- what the next run books
);
CREATE TRIGGER journal_verifications_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_verifications
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Which column of an export says what, as accounting writes it. A change is a new version.
CREATE TABLE export_layouts (
    name    text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    layout  jsonb NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TRIGGER export_layouts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON export_layouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
