-- A day, month or fiscal year after which only dated corrections change anything. A version more: it was opened again.
CREATE TABLE closings (
    kind      text NOT NULL CHECK (kind IN ('day', 'month', 'year')),
    first_day date NOT NULL,
    last_day  date NOT NULL CHECK (last_day >= first_day),
    version   integer NOT NULL CHECK (version > 0),
    totals    jsonb NOT NULL, -- the sums; under 'rows' a day's by facility and method
    closed_by text NOT NULL, -- 'momiji' where it closed by itself
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, first_day, version),
    CHECK (CASE kind
        WHEN 'day' THEN last_day = first_day
        WHEN 'month' THEN last_day = date_trunc('month', first_day::timestamp) + interval '1 month - 1 day'
        ELSE last_day = first_day + interval '1 year - 1 day' END),
    CHECK (CASE kind WHEN 'month' THEN extract(day FROM first_day) = 1
        WHEN 'year' THEN extract(month FROM first_day) = 4 AND extract(day FROM first_day) = 1 ELSE true END)
);
CREATE TRIGGER closings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Somebody asks to open a closing again, somebody else decides. Only the decision is ever added.
CREATE TABLE reopenings (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL,
    first_day  date NOT NULL,
    version    integer NOT NULL,
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    asked_by   text NOT NULL,
    asked_as   text NOT NULL CHECK (asked_as IN ('accounting', 'admin')), -- their role
    asked_at   timestamptz NOT NULL,
    decision   text CHECK (decision IN ('approved', 'declined')),
    decided_by text CHECK (decided_by <> asked_by), -- two people, whatever the code does
    decided_as text CHECK (decided_as IN ('accounting', 'admin')),
    decided_at timestamptz,
    FOREIGN KEY (kind, first_day, version) REFERENCES closings,
    CHECK (decision <> 'approved' OR asked_as = 'accounting' OR decided_as = 'accounting'),
    CHECK ((decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_as IS NULL)
        AND (decision IS NULL) = (decided_at IS NULL))
);
CREATE UNIQUE INDEX one_reopening_waits ON reopenings (kind, first_day) WHERE decision IS NULL;
CREATE FUNCTION reopenings_are_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.decision IS NULL AND NEW.decision IS NOT NULL
        AND (to_jsonb(OLD) - '{decision,decided_by,decided_as,decided_at}'::text[])
          = (to_jsonb(NEW) - '{decision,decided_by,decided_as,decided_at}'::text[]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'reopenings keep their history: each is decided once';
END
$$;
CREATE TRIGGER reopenings_are_decided_once BEFORE UPDATE OR DELETE ON reopenings
    FOR EACH ROW EXECUTE FUNCTION reopenings_are_decided_once();

-- Which closings an approval opened: its own, and those of the longer periods that hold it.
CREATE TABLE reopened_closings (
    kind         text NOT NULL,
    first_day    date NOT NULL,
    version      integer NOT NULL,
    reopening_id uuid NOT NULL REFERENCES reopenings,
    PRIMARY KEY (kind, first_day, version),
    FOREIGN KEY (kind, first_day, version) REFERENCES closings
);
CREATE TRIGGER reopened_closings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reopened_closings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is closed now.
CREATE VIEW standing_closings AS
SELECT c.* FROM closings AS c WHERE NOT EXISTS (SELECT FROM reopened_closings AS r
    WHERE r.kind = c.kind AND r.first_day = c.first_day AND r.version = c.version);

-- Expand: the closings of before move here, and so does one that a still running older version writes. It kept four
-- figures; the other three are those of the entries now. day_closings itself goes with a later release.
CREATE FUNCTION keep_day_closing(given day_closings) RETURNS void LANGUAGE sql AS $$
    INSERT INTO closings (kind, first_day, last_day, version, totals, closed_by, closed_at)
    SELECT 'day', given.day, given.day, 1, jsonb_build_object(
        'sold', given.sold, 'captured', given.captured, 'refunded', given.refunded, 'admitted', given.admitted_count,
        'sold_count', coalesce(sum(quantity) FILTER (WHERE kind = 'sold'), 0),
        'reversed', coalesce(sum(amount) FILTER (WHERE kind = 'reversed'), 0),
        'unallocated', coalesce(sum(amount) FILTER (WHERE kind = 'unallocated'), 0)), given.closed_by, given.closed_at
    FROM entries WHERE business_date = given.day AND kind IN ('sold', 'reversed', 'unallocated')
    ON CONFLICT DO NOTHING
$$;
SELECT keep_day_closing(d) FROM day_closings AS d;
CREATE FUNCTION day_closings_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_day_closing(NEW);
    RETURN NULL;
END
$$;
CREATE TRIGGER day_closings_move AFTER INSERT ON day_closings FOR EACH ROW EXECUTE FUNCTION day_closings_move();
