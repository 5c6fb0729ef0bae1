"""Pay-easy by an agency that speaks as GMO Payment Gateway does."""
