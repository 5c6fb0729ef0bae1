-- What the bank took for a transfer, where a provider has a row for it, is no fee of the provider. Lines of before stay
-- what they were read as. The old check allowed less, so that no line needs to be looked at again.
ALTER TABLE settlement_lines DROP CONSTRAINT settlement_lines_kind_check;
ALTER TABLE settlement_lines ADD CONSTRAINT settlement_lines_kind_check CHECK (kind IN (
    'charge', 'refund', 'refund_failure', 'reversal', 'dispute', 'dispute_won', 'fee', 'transfer_fee', 'adjustment',
    'payout')) NOT VALID;

-- Of a payout's transfer fee, what its lines say; none of them says it: the contract does.
ALTER TABLE payouts ADD COLUMN lines_transfer_fee bigint;
