-- Systems of others that collect fees here (電子収納). `name` is the caller of their charges.
CREATE TABLE collecting_systems (
    name           text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{2,39}$'),
    title          text NOT NULL CHECK (title <> ''),
    facility       text NOT NULL,
    methods        text[] NOT NULL CHECK (cardinality(methods) > 0),
    accounts       jsonb NOT NULL, -- [{"owner", "account"}]: where its money may be booked
    return_origins text[] NOT NULL CHECK (cardinality(return_origins) > 0),
    webhook_url    text,
    active         boolean NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL
);

-- API keys: only a hash; the prefix is what people see.
CREATE TABLE collecting_keys (
    prefix       text PRIMARY KEY,
    system       text NOT NULL REFERENCES collecting_systems (name),
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz -- by the hour
);
CREATE INDEX collecting_keys_of_system ON collecting_keys (system);

-- Webhook secrets are derived from the installation's own and this id: nothing to steal here.
CREATE TABLE collecting_secrets (
    id         uuid PRIMARY KEY,
    system     text NOT NULL REFERENCES collecting_systems (name),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX collecting_secrets_of_system ON collecting_secrets (system);

-- What a collecting system is told, written in the transaction of the fact. `body` is sent as it stands.
CREATE TABLE caller_messages (
    id            uuid PRIMARY KEY,
    system        text NOT NULL REFERENCES collecting_systems (name),
    type          text NOT NULL,
    charge_id     uuid NOT NULL REFERENCES charges (id),
    body          text NOT NULL,
    state         text NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up', 'kept')),
    created_at    timestamptz NOT NULL,
    asked_at      timestamptz NOT NULL, -- when it was written, or last asked for again: its three days begin here
    tries         integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    next_try_at   timestamptz,
    last_tried_at timestamptz,
    last_status   smallint,
    last_problem  text,
    delivered_at  timestamptz,
    CHECK ((state = 'waiting') = (next_try_at IS NOT NULL)),
    CHECK ((state = 'delivered') <= (delivered_at IS NOT NULL))
);
CREATE INDEX caller_messages_due ON caller_messages (system, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX caller_messages_of_system ON caller_messages (system, id);
CREATE INDEX caller_messages_of_charge ON caller_messages (charge_id);
CREATE INDEX caller_messages_given_up ON caller_messages (id) WHERE state = 'given_up';

-- Notices (納入通知) that are made together. A row becomes a charge, or says why not.
CREATE TABLE notice_batches (
    id         uuid PRIMARY KEY,
    system     text NOT NULL REFERENCES collecting_systems (name),
    total      integer NOT NULL CHECK (total > 0),
    created_at timestamptz NOT NULL,
    done_at    timestamptz
);
CREATE INDEX notice_batches_waiting ON notice_batches (id) WHERE done_at IS NULL;
CREATE TABLE notice_rows (
    batch_id  uuid NOT NULL REFERENCES notice_batches (id),
    row       integer NOT NULL CHECK (row > 0),
    notice    jsonb NOT NULL,
    charge_id uuid REFERENCES charges (id),
    problem   text,
    PRIMARY KEY (batch_id, row),
    CHECK (charge_id IS NULL OR problem IS NULL)
);
CREATE INDEX notice_rows_waiting ON notice_rows (batch_id, row) WHERE charge_id IS NULL AND problem IS NULL;

CREATE INDEX charges_of_caller ON charges (caller, id);
