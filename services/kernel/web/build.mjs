// Builds what pages load: static/built/<name>-<hash>.<ending> and manifest.json {logical name: hashed file}.
//
// - services/*/*/islands/*.ts: one script each, except those that another one imports, tests and names with a leading _
// - names that end in "worker": bundles in the form that workers of every browser take
// - services/*/*/islands/*.css and services/kernel/web/static/*.css
// - the QR reader's WebAssembly, whose SHA-256 must be the one that its own JavaScript expects
// - the Japanese font of the PDF tickets, with its licence
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { ZXING_WASM_SHA256 } from "zxing-wasm/reader";

const WEB = fileURLToPath(new URL(".", import.meta.url));
const SERVICES = join(WEB, "..", "..");
const STATIC = join(WEB, "static");
const BUILT = join(STATIC, "built");
const TARGET = "es2020";
const CSS_TARGETS = ["chrome120", "firefox121", "safari17"];
const require = createRequire(import.meta.url);

/** logical name -> {file, content} */
const outputs = new Map();

function put(logical, content, { hashed = true } = {}) {
  if (outputs.has(logical)) throw new Error(`Two sources make ${logical}; rename one of them.`);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const file = hashed ? logical.replace(/(\.[^./]+)$/, `-${hash}$1`) : logical;
  outputs.set(logical, { file, content });
}

async function islandFolders() {
  const folders = [];
  for (const service of await folderNames(SERVICES)) {
    for (const slice of await folderNames(join(SERVICES, service))) {
      if (service === "kernel" && slice === "web") continue;
      const folder = join(SERVICES, service, slice, "islands");
      const files = await readdir(folder).catch(() => []);
      if (files.length > 0) folders.push([folder, files.sort()]);
    }
  }
  return folders;
}

async function folderNames(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((each) => each.isDirectory()).map((each) => each.name).sort();
}

async function bundle(entryPoints, format) {
  if (entryPoints.length === 0) return { outputFiles: [], metafile: { outputs: {} } };
  return build({
    entryPoints,
    absWorkingDir: SERVICES,
    outdir: BUILT, // nothing is written there by esbuild itself
    outbase: SERVICES,
    entryNames: "[dir]/[name]",
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format,
    platform: "browser",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    nodePaths: [join(WEB, "node_modules")],
    logLevel: "warning",
    // The bundled QR reader asks where it came from only to find its wasm; it is told with locateFile.
    define: format === "iife" ? { "import.meta.url": "self.location.href" } : {},
  });
}

/** Two islands of one name would overwrite each other, so the logical name is the file's name alone. */
function logicalName(file) {
  return basename(file).replace(/\.ts$/, ".js").replace(/[._]worker\.js$/, "-worker.js");
}

async function scripts(folders) {
  const sources = folders.flatMap(([folder, files]) =>
    files
      .filter((name) => name.endsWith(".ts") && !name.startsWith("_") && !/\.(test|d)\.ts$/.test(name))
      .map((name) => join(folder, name)),
  );
  const isWorker = (file) => /worker\.ts$/.test(file);
  const bundles = [
    await bundle(sources.filter((file) => !isWorker(file)), "esm"),
    await bundle(sources.filter(isWorker), "iife"),
  ];
  const imported = new Set();
  for (const { metafile } of bundles) {
    for (const output of Object.values(metafile.outputs)) {
      for (const input of Object.keys(output.inputs)) if (input !== output.entryPoint) imported.add(input);
    }
  }
  for (const { metafile, outputFiles } of bundles) {
    for (const { path, contents } of outputFiles) {
      const { entryPoint } = metafile.outputs[relative(SERVICES, path).replaceAll("\\", "/")];
      if (!imported.has(entryPoint)) put(logicalName(entryPoint), Buffer.from(contents));
    }
  }
}

async function styles(folders) {
  const own = (await readdir(STATIC)).filter((name) => name.endsWith(".css")).map((name) => join(STATIC, name));
  const others = folders.flatMap(([folder, files]) =>
    files.filter((name) => name.endsWith(".css")).map((name) => join(folder, name)),
  );
  for (const file of [...own, ...others]) {
    const options = { loader: "css", minify: true, charset: "utf8", target: CSS_TARGETS, sourcefile: file };
    const { code } = await transform(await readFile(file, "utf-8"), options);
    put(basename(file), Buffer.from(code));
  }
}

async function qrReader() {
  const wasm = await readFile(require.resolve("zxing-wasm/reader/zxing_reader.wasm"));
  const found = createHash("sha256").update(wasm).digest("hex");
  if (found !== ZXING_WASM_SHA256) {
    throw new Error(`zxing_reader.wasm is ${found}, its JavaScript expects ${ZXING_WASM_SHA256}. Run 'npm ci' again.`);
  }
  put("zxing_reader.wasm", wasm);
}

async function fonts() {
  const folder = dirname(require.resolve("@expo-google-fonts/biz-udpgothic/package.json"));
  const copies = {
    "BIZUDPGothic-Regular.ttf": "400Regular/BIZUDPGothic_400Regular.ttf",
    "BIZUDPGothic-Bold.ttf": "700Bold/BIZUDPGothic_700Bold.ttf",
    "BIZUDPGothic-OFL.txt": "LICENSE_FONT",
  };
  // The server reads them by these names, so they carry no hash.
  for (const [name, source] of Object.entries(copies)) {
    put(`fonts/${name}`, await readFile(join(folder, source)), { hashed: false });
  }
}

/** A running service never sees half a build: new files first, then the manifest in one step, then the old ones go. */
async function write() {
  await mkdir(join(BUILT, "fonts"), { recursive: true });
  const manifest = {};
  for (const [logical, { file, content }] of [...outputs].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const before = await readFile(join(BUILT, file)).catch(() => null);
    if (before === null || !content.equals(before)) await writeFile(join(BUILT, file), content);
    manifest[logical] = file;
  }
  const fresh = join(BUILT, "manifest.json.new");
  await writeFile(fresh, JSON.stringify(manifest, null, 1) + "\n");
  await rename(fresh, join(BUILT, "manifest.json"));
  const wanted = new Set([...Object.values(manifest), "manifest.json", ".inputs"]);
  for (const entry of await readdir(BUILT, { recursive: true, withFileTypes: true })) {
    const name = relative(BUILT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/");
    if (entry.isFile() && !wanted.has(name)) await rm(join(BUILT, name));
  }
}

const folders = await islandFolders();
await scripts(folders);
await styles(folders);
await qrReader();
await fonts();
await write();
for (const [logical, { content }] of outputs) {
  if (!logical.startsWith("fonts/")) console.log(`${logical.padEnd(28)} ${(content.length / 1024).toFixed(1)} KB`);
}
