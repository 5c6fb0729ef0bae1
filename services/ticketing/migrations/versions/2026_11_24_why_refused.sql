-- A word of payments' own (kernel/contracts/payments.py); one that is not known here is kept and not shown.
ALTER TABLE orders ADD COLUMN payment_refused_because text
    CHECK (length(payment_refused_because) <= 64),
    ADD CHECK (payment_refused_because IS NULL OR payment_problem = 'failed');
