"""Fake cameras: videos of a ticket held before a gate, which Chromium plays as if it saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random

import segno
from PIL import Image, ImageDraw, ImageFilter

CHROMIUM = Path("/usr/bin/chromium")
WIDTH, HEIGHT = 1280, 720
FRAMES_PER_SECOND = 30  # What Chromium plays such a file at, whatever it was made with.
FRAMES_A_TREMBLE = 5


@dataclass(frozen=True)
class Shot:
    """One thing before the camera for a while; no code is an empty scene."""

    code: str | None
    seconds: float


def write_camera(file: Path, shots: Sequence[Shot]) -> Path:
    """Write a .mjpeg that shows one thing after the other; Chromium plays it in a loop.

    Each shot trembles a little, as a hand does, and no picture is quite sharp.
    """
    random = Random(20261123)
    with file.open("wb") as video:
        for shot in shots:
            for _ in range(max(1, round(shot.seconds * FRAMES_PER_SECOND / FRAMES_A_TREMBLE))):
                video.write(_jpeg(_scene(shot.code, random)) * FRAMES_A_TREMBLE)
    return file


def chromium_arguments(video: Path | None = None) -> list[str]:
    """Return Chromium's arguments: camera allowed, and playing this video if one is given."""
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    return arguments if video is None else [*arguments, f"--use-file-for-fake-video-capture={video}"]


def _scene(code: str | None, random: Random) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), (96, 104, 110))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, HEIGHT * 2 // 3, WIDTH, HEIGHT), fill=(70, 66, 60))
    if code is not None:
        phone = _phone(code)
        angle = random.uniform(-4, 4)
        turned = phone.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC, fillcolor=(96, 104, 110))
        left = (WIDTH - turned.width) // 2 + random.randint(-12, 12)
        picture.paste(turned, (left, (HEIGHT - turned.height) // 2 + random.randint(-8, 8)))
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def _phone(code: str) -> Image.Image:
    drawn = BytesIO()
    segno.make_qr(code, error="l", boost_error=False).save(drawn, kind="png", scale=8, border=4)
    qr = Image.open(drawn).convert("RGB")
    side = 440
    phone = Image.new("RGB", (side + 60, side + 160), (20, 20, 22))
    phone.paste(Image.new("RGB", (side + 36, side + 120), (255, 255, 255)), (12, 20))
    phone.paste(qr.resize((side, side), Image.Resampling.LANCZOS), (30, 60))
    return phone


def _jpeg(picture: Image.Image) -> bytes:
    encoded = BytesIO()
    picture.save(encoded, format="JPEG", quality=88)
    return encoded.getvalue()
