-- What a file was of, so that it can be made again: the facilities that whoever fetched it sees (NULL: all), its size.
ALTER TABLE export_log
    ADD COLUMN facilities  text[],
    ADD COLUMN bytes_count bigint NOT NULL DEFAULT 0 CHECK (bytes_count >= 0); -- 0 before this was kept

-- What facilities are called, as ticketing said when it was asked: files must not change while it does not answer.
CREATE TABLE facility_names (
    code    text NOT NULL,
    since   timestamptz NOT NULL,
    name_ja text NOT NULL,
    name_en text NOT NULL,
    PRIMARY KEY (code, since)
);
CREATE TRIGGER facility_names_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON facility_names
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
