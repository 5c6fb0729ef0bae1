"""Papers as accessible PDFs, by typst, with a Japanese font within.

What is printed reaches a template as data, never as markup, so that no name can break it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import typst

from kernel.refusals import Unavailable
from kernel.web.pages import BUILT

BUILT_FONTS: Final = BUILT / "fonts"
FAMILIES: Final = ("BIZ UDPGothic", "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAPGothic", "Hiragino Sans")
"""Japanese fonts by preference. The first is a universal design font (UDフォント) and comes with the web build."""


class NoJapaneseFont(Unavailable):
    """No Japanese font is on this machine; a paper of empty boxes is never printed."""

    slug = "no-japanese-font"
    advice = (
        "A PDF needs a Japanese font. Run 'make web', which brings one, or install fonts-noto-cjk. "
        "Everything but PDFs works without it."
    )


@dataclass(slots=True)
class Printer:
    """Makes the PDFs of one template. Keep one for the process: its compiler remembers fonts, and is 20 times faster.

    Args:
        template: a typst file; it reads its data from `sys.inputs.data` as JSON, and the font's family in it as `font`.
        folders: where fonts are looked for first; those of the web build.
        system_fonts: whether the machine's own fonts may serve if the folders have none.
    """

    template: Path
    folders: Sequence[Path] = (BUILT_FONTS,)
    system_fonts: bool = True
    _ready: tuple[typst.Compiler, str] | None = None
    _lock: Lock = field(default_factory=Lock)

    def pdf(self, data: Mapping[str, object], *, at: datetime) -> bytes:
        """Return the PDF (PDF/UA-1: tagged, with language, title and texts for its pictures).

        The same data at the same moment give the same bytes. Safe to call from several threads.

        Raises:
            NoJapaneseFont: no font on this machine has Japanese letters.
        """
        with self._lock:
            compiler, family = self._compiler()
            said = json.dumps({**data, "font": family}, ensure_ascii=False)
            made = compiler.compile(
                format="pdf", sys_inputs={"data": said}, pdf_standards="ua-1", timestamp=at.astimezone(UTC)
            )
        assert isinstance(made, bytes)  # noqa: S101 - a PDF is one file
        return made

    def _compiler(self) -> tuple[typst.Compiler, str]:
        if self._ready is None:
            fonts, family = self._fonts()
            self._ready = typst.Compiler(str(self.template), root=str(self.template.parent), font_paths=fonts), family
        return self._ready

    def _fonts(self) -> tuple[typst.Fonts, str]:
        present = [str(folder) for folder in self.folders if folder.is_dir()]
        for with_system in (False, True) if self.system_fonts else (False,):
            fonts = typst.Fonts(
                include_system_fonts=with_system, include_embedded_fonts=False, font_paths=list(present)
            )
            families = set(fonts.families())
            family = next((each for each in FAMILIES if each in families), None)
            if family is not None:
                return fonts, family
        raise NoJapaneseFont
