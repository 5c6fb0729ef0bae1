-- What revenue owners are called is kept as facilities' names are.
ALTER TABLE known_names
    DROP CONSTRAINT known_names_kind_check,
    ADD CONSTRAINT known_names_kind_check CHECK (kind IN ('facility', 'product', 'category', 'owner'));
