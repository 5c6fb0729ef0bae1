-- A resolution holds for its amount and, where one amount does not say all, for what else was found.
ALTER TABLE discrepancies ADD COLUMN detail text NOT NULL DEFAULT '', ADD COLUMN resolved_detail text NOT NULL DEFAULT '';
CREATE INDEX discrepancies_of_a_closing ON discrepancies (day) WHERE kind = 'changed_after_closing';

-- Business days whose figures may differ from those they were closed with: whatever was booked on them, and whatever was
-- closed or opened. A booking notes its day whether that is closed or not: a closing under way cannot be seen by it yet.
-- Like touched_orders, nothing is unique here on purpose.
CREATE TABLE touched_days (
    day      date NOT NULL,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (day, position)
);
CREATE FUNCTION touch_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO touched_days (day) SELECT DISTINCT business_date FROM older;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO touched_days (day) SELECT business_date FROM older UNION SELECT business_date FROM newer;
    ELSE
        INSERT INTO touched_days (day) SELECT DISTINCT business_date FROM newer;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entries_added AFTER INSERT ON entries REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_days();
CREATE TRIGGER entries_changed AFTER UPDATE ON entries REFERENCING OLD TABLE AS older NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION touch_days();
CREATE TRIGGER entries_removed AFTER DELETE ON entries REFERENCING OLD TABLE AS older
    FOR EACH STATEMENT EXECUTE FUNCTION touch_days();

CREATE FUNCTION touch_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'day' THEN
        INSERT INTO touched_days (day) VALUES (NEW.first_day);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER closings_touch AFTER INSERT ON closings FOR EACH ROW EXECUTE FUNCTION touch_closed_day();
CREATE TRIGGER reopened_closings_touch AFTER INSERT ON reopened_closings FOR EACH ROW EXECUTE FUNCTION touch_closed_day();
INSERT INTO touched_days (day) SELECT first_day FROM standing_closings WHERE kind = 'day';
