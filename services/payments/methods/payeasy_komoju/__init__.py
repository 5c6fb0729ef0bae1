"""Pay-easy by KOMOJU."""
