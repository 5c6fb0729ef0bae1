-- What the kernel keeps in each service's database. Frozen once released: changes are new files.

CREATE TABLE outbox (
    position          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                uuid NOT NULL UNIQUE,
    aggregatetype     text NOT NULL,
    aggregateid       text NOT NULL,
    aggregate_version integer NOT NULL CHECK (aggregate_version > 0),
    type              text NOT NULL,
    payload           jsonb NOT NULL,
    correlation_id    text NOT NULL,
    shard             smallint NOT NULL CHECK (shard BETWEEN 0 AND 5),
    occurred_at       timestamptz NOT NULL,
    sent_at           timestamptz,
    UNIQUE (aggregatetype, aggregateid, aggregate_version)
);
CREATE INDEX outbox_unsent ON outbox (shard, position) WHERE sent_at IS NULL;

CREATE TABLE inbox (
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);

CREATE TABLE idempotency (
    scope        text NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    body_sha256  bytea NOT NULL,
    status       smallint,
    answer       jsonb,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    PRIMARY KEY (scope, key),
    CHECK ((status IS NULL) = (finished_at IS NULL))
);

CREATE TABLE audit (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    details    jsonb NOT NULL DEFAULT '{}'
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps its history: rows are only added', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
