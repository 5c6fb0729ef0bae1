"""A stand-in of a Pay-easy agency that speaks as GMO Payment Gateway's protocol type does."""
