-- A name as names are compared (deposits/names.py), but with a company's form: width, hiragana, small kana and dashes alike,
-- no spaces and signs. To fold 100,000 names anew for each search takes seconds, to look through them folded a moment.
CREATE FUNCTION plain_name(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN translate(
    upper(normalize(name, NFKC)),
    'ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねのはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろゎわゐゑをんゔゕゖァィゥェォャュョッヮヵヶヲヰヱ‐‑‒–—―−ー─~〜 .,・、。''"	',
    'アアイイウウエエオオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツツヅテデトドナニヌネノハバパヒビピフブプヘベペホボポマミムメモヤヤユユヨヨラリルレロワワイエオンヴカケアイウエオヤユヨツワカケオイエ-----------');

CREATE TABLE bank_line_names (
    line_id uuid PRIMARY KEY,
    sender  text NOT NULL, -- payer and summary, a line each
    rest    text NOT NULL -- the payer's code, EDI, bank and reference
);
CREATE FUNCTION name_bank_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bank_line_names SELECT id, plain_name(payer) || E'\n' || plain_name(summary),
        concat_ws(E'\n', plain_name(payer_code), plain_name(edi), plain_name(bank), plain_name(reference)) FROM newer;
    RETURN NULL;
END
$$;
CREATE TRIGGER bank_lines_named AFTER INSERT ON bank_lines REFERENCING NEW TABLE AS newer
    FOR EACH STATEMENT EXECUTE FUNCTION name_bank_lines();
INSERT INTO bank_line_names SELECT id, plain_name(payer) || E'\n' || plain_name(summary),
    concat_ws(E'\n', plain_name(payer_code), plain_name(edi), plain_name(bank), plain_name(reference)) FROM bank_lines;
-- Of all accounts together, the newest first.
CREATE INDEX bank_lines_newest ON bank_lines (booked_on DESC, id DESC);
