"""The look that all pages share: templates, words in the reader's language, built assets."""

from kernel.web.language import LANGUAGES, Language, language_of
from kernel.web.pages import Pages, mount_assets
from kernel.web.problem_pages import mount_problem_pages

__all__ = ["LANGUAGES", "Language", "Pages", "language_of", "mount_assets", "mount_problem_pages"]
