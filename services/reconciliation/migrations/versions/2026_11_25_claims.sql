-- One row for each fact that a provider must have on its statement; `replay` can make them again from the facts.
CREATE TABLE claims (
    id            uuid PRIMARY KEY, -- of the fact
    kind          text NOT NULL CHECK (kind IN ('charge', 'refund', 'reversal', 'dispute', 'dispute_won')),
    method        text NOT NULL,
    attempt_id    uuid, -- our reference at the provider; none in events of before 2026-11-24
    charge_id     uuid NOT NULL,
    order_id      text NOT NULL,
    facility      text NOT NULL,
    amount        bigint NOT NULL, -- positive where the provider owes us
    business_date date NOT NULL,
    CHECK (CASE WHEN kind IN ('charge', 'dispute_won') THEN amount >= 0 ELSE amount <= 0 END)
);
CREATE INDEX claims_by_day ON claims (business_date, method);

INSERT INTO claims (id, kind, method, attempt_id, charge_id, order_id, facility, amount, business_date)
SELECT event_id,
       CASE type WHEN 'payments.charge.captured.v1' THEN 'charge' WHEN 'payments.charge.unallocated.v1' THEN 'charge'
                 WHEN 'payments.refund.settled.v1' THEN 'refund' WHEN 'payments.dispute.opened.v1' THEN 'dispute'
                 WHEN 'payments.dispute.closed.v1' THEN 'dispute_won' ELSE 'reversal' END,
       coalesce(payload ->> 'method', ''),
       (payload ->> 'attempt_id')::uuid,
       (payload ->> 'charge_id')::uuid,
       payload ->> 'reference',
       payload ->> 'facility',
       CASE type WHEN 'payments.charge.captured.v1' THEN (payload ->> 'captured')::bigint
                 WHEN 'payments.charge.unallocated.v1' THEN (payload ->> 'captured')::bigint
                 WHEN 'payments.dispute.closed.v1' THEN (payload ->> 'amount')::bigint
                 WHEN 'payments.refund.settled.v1' THEN -(payload ->> 'amount')::bigint
                 WHEN 'payments.dispute.opened.v1' THEN -(payload ->> 'amount')::bigint
                 ELSE -(payload ->> 'reversed')::bigint END,
       business_date
FROM facts
WHERE type IN ('payments.charge.captured.v1', 'payments.refund.settled.v1', 'payments.charge.reversed.v1',
               'payments.charge.unallocated_reversed.v1', 'payments.dispute.opened.v1')
   OR (type = 'payments.charge.unallocated.v1' AND payload ->> 'attempt_id' IS NOT NULL
       AND payload ->> 'cause' <> 'paid_too_late')
   OR (type = 'payments.dispute.closed.v1' AND (payload ->> 'won')::boolean);
