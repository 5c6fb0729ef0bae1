"""The payer as a program: finds the payment behind a checkout page and acts on it."""
