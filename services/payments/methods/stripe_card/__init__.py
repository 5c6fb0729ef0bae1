"""Card by Stripe Checkout."""
