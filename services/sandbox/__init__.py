"""The provider sandbox: faithful stand-ins of Stripe, PayPay and KOMOJU; never in production."""
