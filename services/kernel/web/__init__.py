"""The look that all pages share: templates, words in the reader's language, built assets."""

from kernel.web.language import LANGUAGES, Language, language_of
from kernel.web.pages import Pages, mount_assets

__all__ = ["LANGUAGES", "Language", "Pages", "language_of", "mount_assets"]
