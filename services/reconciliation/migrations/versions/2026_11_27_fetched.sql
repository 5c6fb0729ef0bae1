-- Payouts that were fetched from payments, and the statement that each became: none is asked for again.
CREATE TABLE fetched_payouts (
    provider   text NOT NULL,
    payout     text NOT NULL, -- the provider's own id
    fetched_at timestamptz NOT NULL,
    file_id    uuid NOT NULL REFERENCES statement_files (id),
    PRIMARY KEY (provider, payout)
);
CREATE TRIGGER fetched_payouts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fetched_payouts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
