-- By what lines and claims are matched. A changed rule is a new version; what an old one matched keeps its name.
CREATE TABLE match_rules (
    name    text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    place   integer NOT NULL, -- in which order they are asked
    since   date NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TRIGGER match_rules_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON match_rules
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
INSERT INTO match_rules (name, version, place, since) VALUES
    ('same_payment_same_kind', 1, 1, '2026-11-25'),
    ('same_payment_other_kind', 1, 2, '2026-11-25'),
    ('same_payment_in_sum', 1, 3, '2026-11-25'),
    ('same_payment_other_amount', 1, 4, '2026-11-25');

CREATE TABLE match_runs (
    id        uuid PRIMARY KEY,
    began_at  timestamptz NOT NULL,
    lines     integer NOT NULL CHECK (lines >= 0), -- newly matched
    claims    integer NOT NULL CHECK (claims >= 0),
    differing integer NOT NULL CHECK (differing >= 0) -- matches whose amounts differ
);
CREATE TRIGGER match_runs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON match_runs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A match of one line with one claim is one row; one of several has a row for each line and each claim, under one
-- group. A line and a claim are in at most one match that stands.
CREATE TABLE match_legs (
    line_id      uuid,
    claim_id     uuid,
    group_id     uuid,
    rule         text NOT NULL,
    rule_version integer NOT NULL,
    run_id       uuid NOT NULL,
    difference   bigint NOT NULL, -- of the line's gross over the claim; 0 but under same_payment_other_amount
    stands       boolean NOT NULL DEFAULT true,
    CHECK (line_id IS NOT NULL OR claim_id IS NOT NULL),
    CHECK ((group_id IS NULL) = (line_id IS NOT NULL AND claim_id IS NOT NULL)),
    CHECK (difference = 0 OR rule = 'same_payment_other_amount')
);
CREATE UNIQUE INDEX a_line_is_matched_once ON match_legs (line_id) WHERE stands;
CREATE UNIQUE INDEX a_claim_is_matched_once ON match_legs (claim_id) WHERE stands;
CREATE INDEX legs_of_a_group ON match_legs (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX legs_that_differ ON match_legs (run_id) WHERE difference <> 0 AND stands;
CREATE INDEX legs_that_fell ON match_legs (line_id, claim_id) WHERE NOT stands;

-- A match is never deleted: it is taken back, by somebody, for a reason.
CREATE TABLE match_reversals (
    id          uuid PRIMARY KEY,
    line_id     uuid, -- of a match of one with one
    claim_id    uuid,
    group_id    uuid,
    reversed_by text NOT NULL,
    reversed_at timestamptz NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    CHECK ((group_id IS NULL) = (line_id IS NOT NULL AND claim_id IS NOT NULL))
);
CREATE TRIGGER match_reversals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON match_reversals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION legs_only_fall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.stands AND NOT NEW.stands
        AND (to_jsonb(OLD) - 'stands') = (to_jsonb(NEW) - 'stands') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'match_legs keeps its history: a match is taken back, not changed';
END
$$;
CREATE TRIGGER match_legs_only_fall BEFORE UPDATE OR DELETE ON match_legs
    FOR EACH ROW EXECUTE FUNCTION legs_only_fall();
