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
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (code, valid_from)
);

-- The journal: vouchers in a chain of hashes, each balanced, none ever changed.
CREATE TABLE vouchers (
    number        bigint PRIMARY KEY CHECK (number > 0), -- without gaps
    id            uuid NOT NULL UNIQUE,
    kind          text NOT NULL, -- such as receipts, fees, deposit, reversal, manual
    origin        text NOT NULL, -- what it was made from, such as receipts:2026-11-25:hpam
    booked_on     date NOT NULL, -- the day of the books
    business_date date NOT NULL, -- the day that its figures are of; earlier where a closed day was corrected
    fiscal_year   integer NOT NULL,
    old_year      boolean NOT NULL, -- booked in 出納整理期間 for the year before
    reverses      bigint UNIQUE REFERENCES vouchers (number),
    words         text NOT NULL,
    posted_by     text NOT NULL,
    posted_at     timestamptz NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash          bytea NOT NULL UNIQUE CHECK (length(hash) = 32)
);
CREATE INDEX vouchers_by_origin ON vouchers (origin, number);
CREATE INDEX vouchers_by_day ON vouchers (booked_on, number);
CREATE TABLE postings (
    voucher          bigint NOT NULL REFERENCES vouchers (number),
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
