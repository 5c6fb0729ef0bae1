// Runs every tests/**/*.test.ts with Node's own test runner; esbuild strips the types, so that Node 20 can do it too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const WEB = fileURLToPath(new URL(".", import.meta.url));
const TESTS = join(WEB, "..", "..", "..", "tests");

const found = readdirSync(TESTS, { recursive: true, encoding: "utf-8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(TESTS, name));
if (found.length === 0) throw new Error(`There is no *.test.ts under ${TESTS}.`);

const folder = mkdtempSync(join(tmpdir(), "momiji-web-test-"));
try {
  await build({
    entryPoints: found,
    outdir: folder,
    outbase: TESTS,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    nodePaths: [join(WEB, "node_modules")],
    logLevel: "warning",
  });
  const built = readdirSync(folder, { recursive: true, encoding: "utf-8" })
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => join(folder, name));
  process.exitCode = spawnSync(process.execPath, ["--test", ...built], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
