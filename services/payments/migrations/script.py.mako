"""${message}."""

revision = "${up_revision}"
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Expand the schema; a contraction comes in a later release."""
    ${upgrades if upgrades else "raise NotImplementedError"}
