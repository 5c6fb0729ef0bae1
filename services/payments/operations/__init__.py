"""Operations: what needs a person now, the search, a charge with all that happened to it, and providers' health."""
