-- A refund to a bank account; `id` is the refund's. The account lies sealed and is purged once the money has left.
CREATE TABLE transfers (
    id         uuid PRIMARY KEY REFERENCES refunds (id),
    charge_id  uuid NOT NULL REFERENCES charges (id),
    amount     bigint NOT NULL CHECK (amount > 0),
    state      text NOT NULL CHECK (state IN ('awaiting_account', 'awaiting_check', 'awaiting_approval', 'approved',
                                              'sent', 'in_file', 'transferred', 'rejected')),
    opened_at  timestamptz NOT NULL,
    moved_at   timestamptz NOT NULL,
    key_id     text,
    sealed     bytea,
    bank_name  text NOT NULL DEFAULT '',
    number_end text NOT NULL DEFAULT '' CHECK (length(number_end) <= 3),
    checker    text,
    approver   text,
    route      text CHECK (route IN ('agency', 'file')),
    fault      text,
    words      text NOT NULL DEFAULT '',
    purged_at  timestamptz,
    CHECK ((key_id IS NULL) = (sealed IS NULL)),
    CHECK ((state IN ('awaiting_check', 'awaiting_approval', 'approved')) <= (sealed IS NOT NULL)),
    CHECK ((state IN ('awaiting_account', 'transferred', 'rejected')) <= (sealed IS NULL)),
    CHECK ((state IN ('approved', 'sent', 'in_file', 'transferred'))
           <= (checker IS NOT NULL AND approver IS NOT NULL AND route IS NOT NULL)),
    CHECK ((state = 'sent') <= (route = 'agency') AND (state = 'in_file') <= (route = 'file')),
    -- Four eyes.
    CHECK (approver IS NULL OR (checker IS NOT NULL AND lower(btrim(approver)) <> lower(btrim(checker))))
);
CREATE INDEX transfers_of_charge ON transfers (charge_id);
CREATE INDEX transfers_by_state ON transfers (state, moved_at);
CREATE INDEX transfers_sealed ON transfers (key_id) WHERE sealed IS NOT NULL;

-- A Zengin file for our own bank. Its bytes hold accounts, so they lie sealed too and are purged with them.
CREATE TABLE transfer_files (
    id            uuid PRIMARY KEY,
    number        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    transfer_on   date NOT NULL,
    made_at       timestamptz NOT NULL,
    made_by       text NOT NULL,
    count         integer NOT NULL CHECK (count BETWEEN 1 AND 100000),
    amount        bigint NOT NULL CHECK (amount > 0),
    sha256        text NOT NULL CHECK (length(sha256) = 64),
    key_id        text,
    sealed        bytea,
    downloaded_at timestamptz,
    done_at       timestamptz,
    done_by       text,
    withdrawn_at  timestamptz,
    purged_at     timestamptz,
    CHECK ((key_id IS NULL) = (sealed IS NULL)),
    CHECK ((done_at IS NULL) = (done_by IS NULL)),
    CHECK (withdrawn_at IS NULL OR (downloaded_at IS NULL AND done_at IS NULL))
);
CREATE INDEX transfer_files_sealed ON transfer_files (key_id) WHERE sealed IS NOT NULL;

CREATE TABLE transfer_file_rows (
    file_id     uuid NOT NULL REFERENCES transfer_files (id),
    row         integer NOT NULL CHECK (row > 0),
    transfer_id uuid NOT NULL REFERENCES transfers (id),
    amount      bigint NOT NULL CHECK (amount > 0),
    outcome     text CHECK (outcome IN ('transferred', 'returned', 'withdrawn')),
    PRIMARY KEY (file_id, row)
);
-- A transfer lies in one file at a time: in another one only after the bank returned it.
CREATE UNIQUE INDEX transfer_in_one_file ON transfer_file_rows (transfer_id)
    WHERE outcome IS NULL OR outcome = 'transferred';

CREATE INDEX transfer_rows_waiting ON transfer_file_rows (file_id) WHERE outcome IS NULL;

-- Who did what, and who saw the account.
CREATE TABLE transfer_history (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL REFERENCES transfers (id),
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    fields      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX transfer_history_of_transfer ON transfer_history (transfer_id, position);
CREATE TRIGGER transfer_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO transfers (id, charge_id, amount, state, opened_at, moved_at)
    SELECT id, charge_id, amount, 'awaiting_account', requested_at, requested_at
    FROM refunds WHERE state = 'needs_bank_account';
