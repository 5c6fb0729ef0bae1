// Reads QR codes off camera frames in a thread of its own, so that the page never stutters.
import { prepareZXingModule, readBarcodes, type ReaderOptions } from "zxing-wasm/reader";

export type ToWorker = { kind: "open"; wasm: string } | { kind: "frame"; frame: ImageBitmap };
export type FromWorker = { kind: "ready" } | { kind: "seen"; text: string | null } | { kind: "broken"; problem: string };

const OPTIONS: ReaderOptions = { formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: true };

let canvas: OffscreenCanvas | null = null;

function tell(message: FromWorker): void {
  self.postMessage(message);
}

async function open(wasm: string): Promise<void> {
  await prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true });
  tell({ kind: "ready" });
}

async function read(frame: ImageBitmap): Promise<void> {
  const { width, height } = frame;
  if (canvas === null || canvas.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no 2d context");
  context.drawImage(frame, 0, 0);
  frame.close();
  const found = await readBarcodes(context.getImageData(0, 0, width, height), OPTIONS);
  tell({ kind: "seen", text: found.find((each) => each.isValid)?.text ?? null });
}

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  const work = message.kind === "open" ? open(message.wasm) : read(message.frame);
  work.catch((problem: unknown) => tell({ kind: "broken", problem: String(problem) }));
});
