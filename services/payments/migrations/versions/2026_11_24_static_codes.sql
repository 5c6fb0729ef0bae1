-- The QR codes that lie on counters (JPQR), exactly as their issuer gave them: what is printed, and what a scanned code
-- is compared with. `number` is JPQR's own, its four levels joined by hyphens.
CREATE TABLE static_codes (
    id            uuid PRIMARY KEY,
    facility      text NOT NULL CHECK (facility <> ''),
    counter       text NOT NULL CHECK (length(counter) BETWEEN 1 AND 60),
    name_ja       text NOT NULL CHECK (length(name_ja) BETWEEN 1 AND 60),
    name_en       text NOT NULL CHECK (length(name_en) BETWEEN 1 AND 60),
    text          text NOT NULL CHECK (text LIKE '000201%' AND length(text) <= 512),
    number        text NOT NULL CHECK (number <> ''),
    registered_at timestamptz NOT NULL,
    registered_by text NOT NULL,
    checked_at    timestamptz, -- last scanned at its counter and found right
    checked_by    text,
    retired_at    timestamptz,
    retired_by    text,
    CHECK ((checked_at IS NULL) = (checked_by IS NULL)),
    CHECK ((retired_at IS NULL) = (retired_by IS NULL))
);
CREATE UNIQUE INDEX static_codes_in_use ON static_codes (text) WHERE retired_at IS NULL;
CREATE INDEX static_codes_by_number ON static_codes (number);
CREATE INDEX static_codes_by_text ON static_codes (text);
CREATE INDEX static_codes_of_facility ON static_codes (facility, counter);
