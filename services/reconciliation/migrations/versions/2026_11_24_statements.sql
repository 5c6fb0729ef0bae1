-- Files as they came: one row for each content, whoever sends it however often. Nothing here is ever changed.
CREATE TABLE statement_files (
    id          uuid PRIMARY KEY,
    sha256      bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    format      text NOT NULL,
    file_name   text NOT NULL,
    bytes_count bigint NOT NULL CHECK (bytes_count > 0),
    way         text NOT NULL CHECK (way IN ('page', 'api', 'folder')),
    received_at timestamptz NOT NULL,
    received_by text NOT NULL,
    first_day   date, -- of its lines, or of the period that a bank names
    last_day    date,
    line_count  integer NOT NULL CHECK (line_count >= 0),
    new_count   integer NOT NULL CHECK (new_count BETWEEN 0 AND line_count), -- the others had come in another file
    amount      bigint NOT NULL, -- by how much its new lines change what is with us
    CHECK ((first_day IS NULL) = (last_day IS NULL) AND first_day <= last_day)
);
CREATE INDEX statement_files_by_time ON statement_files (received_at);
CREATE TRIGGER statement_files_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_files
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Their bytes, each piece deflated (zlib, level 1).
CREATE TABLE statement_pieces (
    file_id uuid NOT NULL REFERENCES statement_files (id),
    number  integer NOT NULL CHECK (number >= 0),
    body    bytea NOT NULL,
    PRIMARY KEY (file_id, number)
);
ALTER TABLE statement_pieces ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TRIGGER statement_pieces_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_pieces
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a provider booked. The id is made of what names a line, so that a line that comes in two files is one row. No
-- foreign key to the file: it would be looked up a million times in the transaction that writes both.
CREATE TABLE settlement_lines (
    id          uuid PRIMARY KEY,
    file_id     uuid NOT NULL,
    record      integer NOT NULL CHECK (record > 0), -- the row of the file, its heading being 1
    provider    text NOT NULL,
    kind        text NOT NULL CHECK (kind IN (
        'charge', 'refund', 'refund_failure', 'reversal', 'dispute', 'dispute_won', 'fee', 'adjustment', 'payout')),
    word        text NOT NULL, -- the provider's own word for it
    attempt_id  uuid, -- our reference, if it is one of ours
    reference   text NOT NULL,
    key         text NOT NULL, -- the provider's id of the payment
    gross       bigint NOT NULL,
    fee         bigint NOT NULL,
    tax         bigint NOT NULL,
    net         bigint NOT NULL,
    payout      text NOT NULL,
    arrives_on  date,
    occurred_on date NOT NULL,
    CHECK (net = gross - fee - tax)
);
CREATE TRIGGER settlement_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a bank booked: in is positive, out is negative. A notice tells of a credit that its statement has too.
CREATE TABLE bank_lines (
    id         uuid PRIMARY KEY,
    file_id    uuid NOT NULL,
    record     integer NOT NULL CHECK (record > 0),
    basis      text NOT NULL CHECK (basis IN ('statement', 'notice')),
    account    text NOT NULL,
    booked_on  date NOT NULL,
    value_on   date NOT NULL,
    amount     bigint NOT NULL,
    reference  text NOT NULL,
    kind       text NOT NULL,
    payer      text NOT NULL,
    payer_code text NOT NULL,
    bank       text NOT NULL,
    branch     text NOT NULL,
    summary    text NOT NULL,
    edi        text NOT NULL,
    cancelled  boolean NOT NULL
);
CREATE INDEX bank_lines_by_day ON bank_lines (account, booked_on);
CREATE TRIGGER bank_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a bank says that an account held before and after a period.
CREATE TABLE bank_balances (
    file_id   uuid NOT NULL REFERENCES statement_files (id),
    account   text NOT NULL,
    holder    text NOT NULL,
    first_day date NOT NULL,
    last_day  date NOT NULL CHECK (last_day >= first_day),
    opening   bigint NOT NULL,
    closing   bigint NOT NULL,
    PRIMARY KEY (account, first_day, last_day, file_id)
);
CREATE TRIGGER bank_balances_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_balances
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
