-- What a file was of, so that it can be made again: the facilities that whoever fetched it sees (NULL: all), its size.
ALTER TABLE export_log
    ADD COLUMN facilities  text[],
    ADD COLUMN bytes_count bigint NOT NULL DEFAULT 0 CHECK (bytes_count >= 0); -- 0 before this was kept

-- What things are called, as ticketing said when it was asked: files must not change while it does not answer, and the
-- books outlive what is on sale.
CREATE TABLE known_names (
    kind    text NOT NULL CHECK (kind IN ('facility', 'product', 'category')),
    code    text NOT NULL, -- of a product or category with its facility's before it and a slash between
    since   timestamptz NOT NULL,
    name_ja text NOT NULL,
    name_en text NOT NULL,
    PRIMARY KEY (kind, code, since)
);
CREATE TRIGGER known_names_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON known_names
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
