-- Files that were not taken, whatever way they came, and what their sender was told: so that nobody waits for one.
CREATE TABLE refused_files (
    id          uuid PRIMARY KEY,
    refused_at  timestamptz NOT NULL,
    way         text NOT NULL CHECK (way IN ('page', 'api', 'folder', 'fetch')),
    file_name   text NOT NULL,
    bytes_count bigint NOT NULL CHECK (bytes_count >= 0),
    sha256      bytea CHECK (length(sha256) = 32), -- none where it could not be read at all
    sent_by     text NOT NULL,
    slug        text NOT NULL,
    advice_ja   text NOT NULL,
    advice_en   text NOT NULL
);
CREATE INDEX refused_files_by_time ON refused_files (refused_at);
CREATE TRIGGER refused_files_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refused_files
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A file may be fetched from payments, too.
ALTER TABLE statement_files DROP CONSTRAINT statement_files_way_check;
ALTER TABLE statement_files ADD CONSTRAINT statement_files_way_check
    CHECK (way IN ('page', 'api', 'folder', 'fetch')) NOT VALID;
ALTER TABLE statement_files VALIDATE CONSTRAINT statement_files_way_check;

-- Files on which mappings are tried, as long as somebody works on one; never a statement, and deleted after a while.
CREATE TABLE mapping_examples (
    id        uuid PRIMARY KEY,
    file_name text NOT NULL,
    body      bytea NOT NULL, -- deflated (zlib)
    cut       boolean NOT NULL, -- only its first rows
    made_by   text NOT NULL,
    made_at   timestamptz NOT NULL
);
CREATE INDEX mapping_examples_by_time ON mapping_examples (made_at);
