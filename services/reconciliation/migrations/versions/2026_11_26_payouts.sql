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

ALTER TABLE settlement_lines ADD COLUMN brand text NOT NULL DEFAULT ''; -- of a card, as the provider writes it
-- Lines lie in the order in which files came, so that these cost next to nothing when a million of them come.
CREATE INDEX settlement_lines_by_file ON settlement_lines USING brin (file_id) WITH (autosummarize = on);
CREATE INDEX settlement_lines_by_day ON settlement_lines (occurred_on); -- A file's lines lie by their ids, not by days.
CREATE INDEX claims_by_attempt ON claims (attempt_id) WHERE attempt_id IS NOT NULL;

-- Which files matching has seen: each is taken once, in the transaction that matches its lines.
CREATE TABLE matched_files (
    file_id uuid PRIMARY KEY REFERENCES statement_files (id),
    run_id  uuid NOT NULL
);
CREATE TRIGGER matched_files_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON matched_files
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Among what can be open: every line and claim that matching has seen and that no match explains (and perhaps some that
-- one does by now). So what is open is found without looking at what is not.
CREATE TABLE open_lines (
    line_id uuid PRIMARY KEY
);
CREATE TABLE open_claims (
    claim_id     uuid PRIMARY KEY,
    provider     text NOT NULL,
    missed_after date NOT NULL -- when the provider's statements reach beyond this day, it is missed
);
CREATE INDEX open_claims_by_day ON open_claims (provider, missed_after);

-- Until which day the statements of a provider and of a bank account reach.
CREATE TABLE provider_reach (
    provider text PRIMARY KEY,
    until    date NOT NULL
);
CREATE TABLE account_reach (
    account       text PRIMARY KEY, -- '': any of ours
    until         date NOT NULL,
    unknown_until date -- a deposit of this day or before that no payout explains is unknown; none: nobody asks for it
);

ALTER TABLE match_legs ADD COLUMN days_late integer NOT NULL DEFAULT 0; -- beyond what the contract tolerates
CREATE INDEX legs_that_are_late ON match_legs (line_id) WHERE days_late > 0 AND stands;
ALTER TABLE match_runs ADD COLUMN payouts integer NOT NULL DEFAULT 0; -- made or changed
ALTER TABLE match_runs ADD COLUMN deposits integer NOT NULL DEFAULT 0; -- bank lines newly matched

-- Lines whose fee is not what the contract says.
CREATE TABLE fee_findings (
    line_id      uuid PRIMARY KEY,
    expected_fee bigint NOT NULL,
    expected_tax bigint NOT NULL,
    difference   bigint NOT NULL CHECK (difference <> 0) -- of what was kept over what was agreed, tax included
);

-- What a provider pays out at once: a sum of its lines, made again whenever lines come. gross - fee - tax -
-- transfer_fee = net is what its bank transfers.
CREATE TABLE payouts (
    id           uuid PRIMARY KEY, -- made of provider, contract and key
    contract     text NOT NULL, -- '' where the provider has none
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
    account      text NOT NULL DEFAULT '', -- where it arrives; '': in any of ours
    missed_after date NOT NULL DEFAULT '9999-12-31', -- arrives_on and the bank days that the contract tolerates
    named        boolean NOT NULL DEFAULT true, -- by its lines; else it is a period of the contract
    told_on      date, -- when its lines say that it arrives
    lines_fee    bigint NOT NULL DEFAULT 0, -- of the fee, what is known line by line
    lines_tax    bigint NOT NULL DEFAULT 0,
    exact_fee    bigint NOT NULL DEFAULT 0, -- gross times basis points, where the contract rounds over the payout
    CHECK (net = gross - fee - tax - transfer_fee),
    UNIQUE (provider, contract, key)
);
CREATE INDEX payouts_by_day ON payouts (arrives_on);
CREATE INDEX payouts_that_are_unequal ON payouts (id) WHERE stated_net <> net;

-- A transfer that came (a bank line) and the payouts that it is. Like match_legs: one row where one is one, a row for
-- each side under one group where several are; only taken back.
CREATE TABLE deposit_legs (
    bank_line_id uuid,
    payout_id    uuid,
    group_id     uuid,
    rule         text NOT NULL,
    rule_version integer NOT NULL,
    run_id       uuid NOT NULL, -- or the decision of a person
    difference   bigint NOT NULL, -- of what came over what was due; of a group, in one of its rows
    accepted_by  text NOT NULL DEFAULT '', -- who accepted a suggestion or matched by hand; '' for a rule
    accepted_at  timestamptz NOT NULL DEFAULT now(),
    reason       text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000), -- why a person matched by hand
    stands       boolean NOT NULL DEFAULT true,
    CHECK (bank_line_id IS NOT NULL OR payout_id IS NOT NULL),
    CHECK ((group_id IS NULL) = (bank_line_id IS NOT NULL AND payout_id IS NOT NULL)),
    CHECK (difference = 0 OR accepted_by <> '')
);
CREATE UNIQUE INDEX a_bank_line_is_matched_once ON deposit_legs (bank_line_id) WHERE stands;
CREATE UNIQUE INDEX a_payout_is_matched_once ON deposit_legs (payout_id) WHERE stands;
CREATE INDEX deposit_legs_of_a_group ON deposit_legs (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX deposit_legs_that_differ ON deposit_legs (bank_line_id) WHERE difference <> 0 AND stands;

CREATE FUNCTION deposit_legs_only_fall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.stands AND NOT NEW.stands
        AND (to_jsonb(OLD) - 'stands') = (to_jsonb(NEW) - 'stands') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'deposit_legs keeps its history: a match is taken back, not changed';
END
$$;
CREATE TRIGGER deposit_legs_only_fall BEFORE UPDATE OR DELETE ON deposit_legs
    FOR EACH ROW EXECUTE FUNCTION deposit_legs_only_fall();

-- A match of deposits is taken back by somebody, for a reason; by '' where its payout changed after it was made.
CREATE TABLE deposit_reversals (
    id           uuid PRIMARY KEY,
    match_id     uuid NOT NULL, -- the group, or the bank line of a match of one with one
    bank_lines   uuid[] NOT NULL,
    payouts      uuid[] NOT NULL,
    reversed_by  text NOT NULL,
    reversed_at  timestamptz NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000)
);
CREATE INDEX deposit_reversals_of_a_match ON deposit_reversals (match_id);
CREATE TRIGGER deposit_reversals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_reversals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What may belong together: made again by each run; its id is made of the bank lines and payouts.
CREATE TABLE deposit_suggestions (
    id         uuid PRIMARY KEY,
    bank_lines uuid[] NOT NULL CHECK (cardinality(bank_lines) > 0),
    payouts    uuid[] NOT NULL CHECK (cardinality(payouts) > 0),
    provider   text NOT NULL,
    day        date NOT NULL, -- of the first bank line
    amount     bigint NOT NULL, -- of the bank lines
    difference bigint NOT NULL, -- of what came over what was due
    score      smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
    reasons    jsonb NOT NULL
);
CREATE INDEX deposit_suggestions_by_score ON deposit_suggestions (score DESC, day, id);

-- What a person said does not belong together: neither rules nor suggestions come back to it.
CREATE TABLE deposit_refusals (
    suggestion_id uuid PRIMARY KEY,
    bank_lines    uuid[] NOT NULL,
    payouts       uuid[] NOT NULL,
    refused_by    text NOT NULL,
    refused_at    timestamptz NOT NULL,
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000)
);
CREATE TRIGGER deposit_refusals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_refusals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO match_rules (name, version, place, since) VALUES
    ('one_transfer_one_payout', 1, 11, '2026-11-26'),
    ('one_transfer_of_a_group', 1, 12, '2026-11-26'),
    ('one_transfer_less_carried', 1, 13, '2026-11-26'),
    ('suggestion_accepted', 1, 14, '2026-11-26'),
    ('by_hand', 1, 15, '2026-11-26');

-- Everything between our books, the providers' and the bank's that nothing explains, one row each.
CREATE VIEW open_items AS
SELECT CASE WHEN known.same_way THEN 'paid_again_at_provider' ELSE 'missing_here' END AS kind,
       'line:' || l.id AS subject,
       coalesce(known.order_id, '') AS order_id, coalesce(known.number, '') AS number,
       coalesce(known.facility, '') AS facility, l.provider, l.occurred_on AS day, l.gross AS amount,
       CAST(l.occurred_on AS timestamp) AT TIME ZONE 'Asia/Tokyo' AS since
FROM open_lines AS o
JOIN settlement_lines AS l ON l.id = o.line_id
LEFT JOIN LATERAL (
    SELECT c.order_id, p.number, c.facility,
        (c.kind IN ('charge', 'dispute_won')) = (l.kind IN ('charge', 'dispute_won', 'refund_failure')) AS same_way
    FROM claims AS c LEFT JOIN order_positions AS p ON p.order_id = c.order_id
    WHERE c.attempt_id = l.attempt_id ORDER BY same_way DESC, c.id LIMIT 1
) AS known ON true
WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = o.line_id AND m.stands)
UNION ALL
SELECT 'missing_at_provider', 'claim:' || c.id, c.order_id, coalesce(p.number, ''), c.facility, o.provider,
       c.business_date, c.amount, CAST(c.business_date AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM provider_reach AS r
JOIN open_claims AS o ON o.provider = r.provider AND o.missed_after < r.until
JOIN claims AS c ON c.id = o.claim_id
LEFT JOIN order_positions AS p ON p.order_id = c.order_id
WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = o.claim_id AND m.stands)
UNION ALL
SELECT told.kind, 'line:' || l.id, coalesce(known.order_id, ''), coalesce(known.number, ''),
       coalesce(known.facility, ''), l.provider, l.occurred_on,
       CASE told.kind WHEN 'booked_late' THEN l.gross ELSE told.amount END,
       CAST(l.occurred_on AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM (
    SELECT 'provider_amount_differs' AS kind, line_id, difference AS amount FROM match_legs
    WHERE difference <> 0 AND stands
    UNION ALL
    SELECT 'booked_late', line_id, 0 FROM match_legs WHERE days_late > 0 AND stands
    UNION ALL
    SELECT 'fee_differs', line_id, difference FROM fee_findings
) AS told
JOIN settlement_lines AS l ON l.id = told.line_id
LEFT JOIN LATERAL (
    SELECT c.order_id, p.number, c.facility
    FROM claims AS c LEFT JOIN order_positions AS p ON p.order_id = c.order_id
    WHERE c.attempt_id = l.attempt_id ORDER BY CAST(c.id AS text) LIMIT 1 -- as text, lest the planner walk an index
) AS known ON true
UNION ALL
SELECT 'payout_unequal', 'payout:' || id, '', '', '', provider, arrives_on, stated_net - net,
       CAST(arrives_on AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM payouts WHERE stated_net <> net
UNION ALL
SELECT 'deposit_missing', 'payout:' || p.id, '', '', '', p.provider, p.arrives_on, coalesce(p.stated_net, p.net),
       CAST(p.arrives_on AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM payouts AS p JOIN account_reach AS r ON r.account = p.account AND p.missed_after < r.until
WHERE coalesce(p.stated_net, p.net) <> 0
  AND NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands)
  -- What is below zero is not transferred but carried over to the next payout, with which it is missed.
  AND (coalesce(p.stated_net, p.net) > 0 OR EXISTS (
      SELECT FROM payouts AS n WHERE n.provider = p.provider AND n.contract = p.contract
      AND n.arrives_on > p.arrives_on AND n.missed_after < r.until))
UNION ALL
SELECT 'deposit_differs', 'deposit:' || coalesce(d.group_id, d.bank_line_id), '', '', '', coalesce(paid.provider, ''),
       b.booked_on, d.difference, CAST(b.booked_on AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM deposit_legs AS d
JOIN bank_lines AS b ON b.id = d.bank_line_id
LEFT JOIN LATERAL (
    SELECT p.provider FROM deposit_legs AS g JOIN payouts AS p ON p.id = g.payout_id
    WHERE g.stands AND (g.group_id = d.group_id OR g.payout_id = d.payout_id) ORDER BY p.id LIMIT 1
) AS paid ON true
WHERE d.difference <> 0 AND d.stands
UNION ALL
SELECT 'unknown_deposit', 'deposit:' || b.id, '', '', '', '', b.booked_on, b.amount,
       CAST(b.booked_on AS timestamp) AT TIME ZONE 'Asia/Tokyo'
FROM account_reach AS r
JOIN bank_lines AS b ON b.account = r.account AND b.booked_on <= r.unknown_until
WHERE b.basis = 'statement' AND b.amount > 0 AND NOT b.cancelled
  AND NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.bank_line_id = b.id AND d.stands);
