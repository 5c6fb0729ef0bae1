-- What is agreed with a provider: how it pays out, what it keeps, under which names its transfers come. A change is a
-- new version.
CREATE TABLE provider_contracts (
    name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{2,39}$'),
    version    integer NOT NULL CHECK (version > 0),
    provider   text NOT NULL, -- as settlement_lines names it
    since      date NOT NULL, -- the first day of payments that it is about
    definition jsonb NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TRIGGER provider_contracts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_contracts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a provider pays out at once: a sum of its lines, made again whenever lines come. gross - fee - tax -
-- transfer_fee = net is what its bank transfers.
CREATE TABLE payouts (
    id           uuid PRIMARY KEY, -- made of provider, contract and key
    contract     text NOT NULL,
    provider     text NOT NULL,
    key          text NOT NULL, -- the provider's own name for it, or the period that the contract makes it of
    arrives_on   date NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    lines        integer NOT NULL CHECK (lines >= 0),
    gross        bigint NOT NULL,
    fee          bigint NOT NULL,
    tax          bigint NOT NULL,
    transfer_fee bigint NOT NULL,
    net          bigint NOT NULL,
    stated_net   bigint, -- what the provider's own line of the payout says, if it has one
    CHECK (net = gross - fee - tax - transfer_fee),
    UNIQUE (provider, contract, key)
);
CREATE INDEX payouts_by_day ON payouts (arrives_on);

-- A transfer that came (a bank line) and the payouts that it is. Like match_legs: one row where one is one, a row for
-- each side under one group where several are; only taken back.
CREATE TABLE deposit_legs (
    bank_line_id uuid,
    payout_id    uuid,
    group_id     uuid,
    rule         text NOT NULL,
    rule_version integer NOT NULL,
    run_id       uuid NOT NULL,
    difference   bigint NOT NULL, -- of what came over what was due
    accepted_by  text NOT NULL DEFAULT '', -- who accepted a suggestion; '' for a rule
    stands       boolean NOT NULL DEFAULT true,
    CHECK (bank_line_id IS NOT NULL OR payout_id IS NOT NULL),
    CHECK ((group_id IS NULL) = (bank_line_id IS NOT NULL AND payout_id IS NOT NULL))
);
CREATE UNIQUE INDEX a_bank_line_is_matched_once ON deposit_legs (bank_line_id) WHERE stands;
CREATE UNIQUE INDEX a_payout_is_matched_once ON deposit_legs (payout_id) WHERE stands;
