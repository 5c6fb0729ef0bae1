-- Staff look charges up by any caller's reference, by the number that ends the description, by the provider's ids,
-- and by the day on which they were paid.
CREATE INDEX charges_by_reference ON charges (reference);
CREATE INDEX charges_by_number ON charges ((replace(split_part(description, ' ', -1), '-', '')));
CREATE INDEX charges_by_capture ON charges (captured_at) WHERE captured_at IS NOT NULL;
CREATE INDEX refunds_by_provider_id ON refunds (provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX refunds_waiting ON refunds (state) WHERE state IN ('requested', 'needs_bank_account', 'sent');
CREATE INDEX attempts_unknown ON attempts (id) WHERE state = 'unknown';
CREATE INDEX provider_messages_by_outcome ON provider_messages (outcome, id);
CREATE INDEX provider_messages_by_reference ON provider_messages (reference);
