"""QR by PayPay."""
