-- Which ways to pay rest now; a row for each that ever did. `version` is that of payments' event.
CREATE TABLE pauses (
    method    text PRIMARY KEY CHECK (length(method) <= 64),
    rests     boolean NOT NULL,
    paused_at timestamptz NOT NULL,
    until     timestamptz,
    version   integer NOT NULL
);
