-- A day, month or fiscal year after which only dated corrections change anything. A version more: it was opened again.
CREATE TABLE closings (
    kind      text NOT NULL CHECK (kind IN ('day', 'month', 'year')),
    first_day date NOT NULL,
    last_day  date NOT NULL CHECK (last_day >= first_day),
    version   integer NOT NULL CHECK (version > 0),
    totals    jsonb NOT NULL,
    closed_by text NOT NULL, -- 'momiji' where it closed by itself
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, first_day, version)
);
CREATE TRIGGER closings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON closings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
