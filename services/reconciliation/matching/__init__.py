"""Matching: what we say moved at a provider, and what the provider's statement says did."""
