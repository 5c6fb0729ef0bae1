"""Transfer files: many approved transfers in one Zengin file, and what the bank made of it."""
