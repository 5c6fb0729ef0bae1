-- Which column of a provider's table says what. A changed mapping is a new version; each file names the one it was read by.
CREATE TABLE column_mappings (
    name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{2,39}$'),
    version    integer NOT NULL CHECK (version > 0),
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
    definition jsonb NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TRIGGER column_mappings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON column_mappings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
