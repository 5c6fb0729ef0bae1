"""The board: key figures of the digital plan, measured where they can be and assumed in the open where they cannot."""
