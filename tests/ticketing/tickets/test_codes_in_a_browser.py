import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console import webbuild
from kernel.web.pages import BUILT

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ticket-code.json").read_text(encoding="utf-8"))
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

VERIFY_ALL = """async ([address, vectors, engine]) => {
  const code = await import(address);
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  const keys = new Map(vectors.keys.map((key) => [key.id, {
    id: key.id,
    publicKey: bytes(key.public_key),
    validUntil: key.valid_until && new Date(key.valid_until),
    scope: key.scope === "all" ? "all" : new Set(key.scope),
  }]));
  const verdicts = {};
  for (const { name, text } of vectors.codes) {
    const verdict = await code.verify(text, keys, new Date(vectors.at), code[engine]);
    verdicts[name] = verdict.kind === "genuine" ? "genuine" : verdict.reason;
  }
  return verdicts;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def built():
    webbuild.build()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(BUILT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("engine", ["checkByWebCrypto", "checkByNoble", "checkSignature"])
async def test_a_browser_judges_every_code_as_the_server_does(built, engine):
    from playwright.async_api import async_playwright

    script = json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))["code.js"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"{built}/manifest.json")
        verdicts = await page.evaluate(VERIFY_ALL, [f"{built}/{script}", VECTORS, engine])
        await browser.close()
    assert verdicts == {vector["name"]: vector["verdict"] for vector in VECTORS["codes"]}
