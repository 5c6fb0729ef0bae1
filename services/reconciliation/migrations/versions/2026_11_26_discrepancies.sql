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
    size       bigint NOT NULL GENERATED ALWAYS AS (abs(amount)) STORED,
    since      timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'proposed', 'resolved', 'vanished')),
    assignee   text NOT NULL DEFAULT '',
    version    integer NOT NULL DEFAULT 1 CHECK (version > 0), -- of the newest step
    raised_at  timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- A resolution holds for the amount it was given for: should the amount change, the discrepancy is open again.
    resolved_amount bigint,
    proposed_by     text NOT NULL DEFAULT '', -- of the resolution that waits, or that a second person approved
    approved_by     text NOT NULL DEFAULT '',
    CHECK (state <> 'resolved' OR resolved_amount IS NOT NULL),
    CHECK (state <> 'proposed' OR (proposed_by <> '' AND approved_by = '')),
    CHECK (approved_by = '' OR (proposed_by <> '' AND approved_by <> proposed_by))
);
CREATE INDEX open_discrepancies ON discrepancies (day, id) WHERE state IN ('open', 'proposed');
CREATE INDEX open_discrepancies_by_size ON discrepancies (size DESC, id) WHERE state IN ('open', 'proposed');
CREATE INDEX open_discrepancies_of_a_kind ON discrepancies (kind, day, id) WHERE state IN ('open', 'proposed');
CREATE INDEX open_discrepancies_of_a_facility ON discrepancies (facility, day, id)
    WHERE state IN ('open', 'proposed') AND facility <> '';
CREATE INDEX open_discrepancies_of_a_provider ON discrepancies (provider, day, id)
    WHERE state IN ('open', 'proposed') AND provider <> '';
CREATE INDEX assigned_discrepancies ON discrepancies (assignee, day, id)
    WHERE state IN ('open', 'proposed') AND assignee <> '';
CREATE INDEX discrepancies_by_state ON discrepancies (state, day, id) WHERE state IN ('proposed', 'resolved', 'vanished');
CREATE INDEX discrepancies_of_an_order ON discrepancies (order_id) WHERE order_id <> '';
CREATE INDEX discrepancies_by_number ON discrepancies (number text_pattern_ops) WHERE number <> '';

CREATE TABLE discrepancy_steps (
    discrepancy_id uuid NOT NULL REFERENCES discrepancies (id),
    version        integer NOT NULL CHECK (version > 0),
    step           text NOT NULL CHECK (step IN (
        'raised', 'changed', 'assigned', 'commented', 'proposed', 'approved', 'declined', 'resolved', 'reopened',
        'vanished')),
    at             timestamptz NOT NULL,
    by             text NOT NULL, -- 'momiji' where it was found, and not done by somebody
    amount         bigint NOT NULL, -- of the discrepancy, after the step
    cause          text NOT NULL DEFAULT '', -- from the list of reasons; of a resolution only
    words          text NOT NULL DEFAULT '' CHECK (length(words) <= 1000), -- of assigned: to whom, '' for nobody
    PRIMARY KEY (discrepancy_id, version)
);
CREATE TRIGGER discrepancy_steps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON discrepancy_steps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How many there are, as differences that add up: whoever writes waits for nobody, and two million are counted at once.
CREATE TABLE discrepancy_counts (
    state    text NOT NULL,
    kind     text NOT NULL,
    facility text NOT NULL,
    provider text NOT NULL,
    assignee text NOT NULL,
    day      date NOT NULL,
    items    bigint NOT NULL,
    size     numeric NOT NULL -- yen, whichever way
);
CREATE INDEX discrepancy_counts_by_state ON discrepancy_counts (state, kind, day);

CREATE FUNCTION count_discrepancies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO discrepancy_counts
        SELECT state, kind, facility, provider, assignee, day, count(*), sum(size) FROM newer GROUP BY 1, 2, 3, 4, 5, 6;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO discrepancy_counts
        SELECT state, kind, facility, provider, assignee, day, -count(*), -sum(size) FROM older
        GROUP BY 1, 2, 3, 4, 5, 6;
    ELSE
        INSERT INTO discrepancy_counts
        SELECT state, kind, facility, provider, assignee, day, sum(sign), sum(sign * size)
        FROM (SELECT *, 1 AS sign FROM newer UNION ALL SELECT *, -1 FROM older) AS both_of_them
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0 OR sum(sign * size) <> 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER discrepancies_added AFTER INSERT ON discrepancies REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION count_discrepancies();
CREATE TRIGGER discrepancies_changed AFTER UPDATE ON discrepancies REFERENCING OLD TABLE AS older NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION count_discrepancies();
CREATE TRIGGER discrepancies_removed AFTER DELETE ON discrepancies REFERENCING OLD TABLE AS older
    FOR EACH STATEMENT EXECUTE FUNCTION count_discrepancies();

-- Orders to judge: those whose positions changed, whoever changed them, and those whose grace ends at a moment. Nothing is
-- unique here on purpose: a booking that is not committed yet must not hide behind a row that is about to be taken away.
CREATE TABLE touched_orders (
    due_at   timestamptz NOT NULL DEFAULT '-infinity',
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    order_id text NOT NULL,
    PRIMARY KEY (due_at, position)
);
CREATE FUNCTION touch_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO touched_orders (order_id) SELECT order_id FROM older;
    ELSE
        INSERT INTO touched_orders (order_id) SELECT order_id FROM newer;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER positions_added AFTER INSERT ON order_positions REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
CREATE TRIGGER positions_changed AFTER UPDATE ON order_positions REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
CREATE TRIGGER positions_removed AFTER DELETE ON order_positions REFERENCING OLD TABLE AS older
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
CREATE TRIGGER tickets_added AFTER INSERT ON ticket_positions REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
CREATE TRIGGER tickets_changed AFTER UPDATE ON ticket_positions REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
CREATE TRIGGER tickets_removed AFTER DELETE ON ticket_positions REFERENCING OLD TABLE AS older
    FOR EACH STATEMENT EXECUTE FUNCTION touch_orders();
INSERT INTO touched_orders (order_id)
SELECT order_id FROM order_positions WHERE suspect
UNION SELECT order_id FROM ticket_positions WHERE admissions > 0 AND voided_at IS NOT NULL;

-- What people found out before there were steps. `resolutions` stays as it is and gets no more rows.
INSERT INTO discrepancies (id, kind, subject, order_id, number, facility, day, amount, since, state, version, raised_at,
                           changed_at, resolved_amount)
SELECT DISTINCT ON (r.discrepancy_id) r.discrepancy_id, r.kind, 'order:' || r.order_id, r.order_id,
       coalesce(p.number, ''), coalesce(p.facility, ''), CAST(r.resolved_at AT TIME ZONE 'Asia/Tokyo' AS date), r.amount,
       r.resolved_at, 'resolved', r.version, r.resolved_at, r.resolved_at, r.amount
FROM resolutions AS r LEFT JOIN order_positions AS p ON p.order_id = r.order_id
ORDER BY r.discrepancy_id, r.version DESC;
INSERT INTO discrepancy_steps (discrepancy_id, version, step, at, by, amount, cause, words)
SELECT discrepancy_id, version, 'resolved', resolved_at, resolved_by, amount, 'other', reason FROM resolutions;
