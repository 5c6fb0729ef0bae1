"""Records: the entries behind a figure, and the search over all that the law wants to be found."""
