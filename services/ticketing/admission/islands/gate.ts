// The gate's scanner: look, send, show one verdict that fills the screen, and look again by itself.
import { Camera } from "./gate-camera";
import { newScanId, send, Unsent, type Answer, type Scan, type Sent } from "./gate-sending";
import { signalEnter, signalStop, signalWait, unlockSound } from "./gate-signals";

const VERDICT_MS = 1200;
const STOP_MS = 2200; // Words take longer to read than a tick.
const GONE_MS = 700; // This long out of view, and a code counts as shown anew.
const RETRY_MS = 2500;
const KEY_GAP_MS = 400; // Hand scanners type faster than this between two keys.

type Look = "admit" | "refuse" | "wait";

function part<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`#${id} is missing`);
  return found as T;
}

const page = part("gate");
const words = JSON.parse(part("gate-words").textContent ?? "{}") as Record<string, string>;
const status = part("gate-status");
const verdict = part<HTMLDialogElement>("gate-verdict");
const retryInVerdict = part<HTMLButtonElement>("gate-verdict-retry");
const input = part<HTMLInputElement>("gate-code");
const unsent = new Unsent(page.dataset["gate"] ?? "");
const scansAddress = page.dataset["scans"] ?? "";

let open: Scan | null = null; // The scan that the visitor at the gate waits for.
let closing: ReturnType<typeof setTimeout> | undefined;
let lastCode: string | null = null;
let lastSeenAt = 0;
let sending = false;
// A tablet whose clock is wrong must not refuse a day's visitors: the server's clock counts.
const clockOffsetMs = Date.parse(page.dataset["now"] ?? "") - Date.now();

function word(key: string, fields: Record<string, string | number> = {}): string {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? ""));
}

function fill(selector: string, text: string): void {
  const place = verdict.querySelector(selector);
  if (place !== null) place.textContent = text;
}

function show(look: Look, said: { category?: string; message: string; detail?: string }): void {
  clearTimeout(closing);
  verdict.className = `gate-verdict ${look}`;
  const title = word({ admit: "enter", refuse: "stop", wait: "wait" }[look]);
  fill(".gate-icon", { admit: "✓", refuse: "✕", wait: "!" }[look]);
  fill(".gate-word", title);
  fill(".gate-category", said.category ?? "");
  fill(".gate-message", said.message);
  fill(".gate-detail", said.detail ?? "");
  retryInVerdict.hidden = look !== "wait";
  part("gate-live").textContent = [title, said.category, said.message].filter(Boolean).join(" ");
  if (!verdict.open) verdict.showModal();
  ({ admit: signalEnter, refuse: signalStop, wait: signalWait })[look]();
  if (look !== "wait") closing = setTimeout(close, look === "admit" ? VERDICT_MS : STOP_MS);
}

function close(): void {
  clearTimeout(closing);
  if (verdict.open) verdict.close();
  open = null;
  tellUnsent();
  status.textContent = camera.running ? word("looking") : status.textContent;
}

function showAnswer(answer: Answer): void {
  const ticket = answer.ticket;
  show(answer.decision, {
    category: ticket?.category_name ?? "",
    message: answer.message,
    detail: ticket === null ? "" : [ticket.product_name, ticket.order_number].join(" · "),
  });
  count(answer);
}

function count(answer: Answer): void {
  if (answer.decision !== "admit") return;
  const place = part("gate-admitted");
  place.textContent = String(Number(place.textContent) + 1);
}

function tellUnsent(): void {
  const waiting = unsent.all().filter((each) => each.scan_id !== open?.scan_id).length;
  part("gate-unsent").hidden = waiting === 0;
  part("gate-unsent-text").textContent = waiting === 0 ? "" : word("network_kept", { count: waiting });
}

async function check(code: string): Promise<void> {
  if (open !== null) return;
  const scan: Scan = { scan_id: newScanId(), code, scanned_at: new Date(Date.now() + (clockOffsetMs || 0)).toISOString() };
  open = scan;
  status.textContent = word("checking");
  unsent.keep(scan);
  await attempt(scan);
}

async function attempt(scan: Scan): Promise<void> {
  if (sending) return;
  sending = true;
  const sent = await send(scansAddress, scan);
  sending = false;
  settle(scan, sent);
}

function settle(scan: Scan, sent: Sent): void {
  const here = open?.scan_id === scan.scan_id;
  switch (sent.kind) {
    case "answered":
      unsent.done(scan);
      if (here) showAnswer(sent.answer);
      else late(sent.answer);
      if (unsent.all().length > 0) setTimeout(() => void retryKept(), 0);
      break;
    case "refused":
      unsent.done(scan);
      if (here) show("refuse", { message: word("refused_request"), detail: sent.detail });
      else status.textContent = word("refused_request");
      break;
    case "signed_out":
      signedOut();
      break;
    case "away":
      if (here && !(verdict.open && verdict.classList.contains("wait"))) {
        show("wait", { message: word(sent.server ? "server_error" : "network_wait") });
      }
      break;
  }
  tellUnsent();
}

function late(answer: Answer): void {
  count(answer);
  const title = word(answer.decision === "admit" ? "enter" : "stop");
  status.textContent = word("late", { word: title, message: answer.message });
}

function signedOut(): void {
  open = null;
  camera.stop();
  if (verdict.open) verdict.close();
  const link = document.createElement("a");
  link.href = page.dataset["signIn"] ?? "/staff/sign-in";
  link.className = "button";
  link.textContent = word("sign_in");
  status.replaceChildren(word("session_over"), " ", link);
  link.focus();
}

async function retryKept(): Promise<void> {
  const next = open ?? unsent.all()[0];
  if (next !== undefined && !sending && !answeredNow()) await attempt(next);
}

function answeredNow(): boolean {
  return open !== null && verdict.open && !verdict.classList.contains("wait");
}

// A code that stays in view is one scan, however long it stays: a visitor who keeps the phone there
// after the tick must not see "already used". It counts anew once it was out of view for a moment.
function seen(text: string | null): void {
  if (text === null) return;
  const now = performance.now();
  const stayed = text === lastCode && now - lastSeenAt < GONE_MS;
  if (text === lastCode) lastSeenAt = now;
  if (stayed || open !== null || verdict.open) return;
  lastCode = text;
  lastSeenAt = now;
  void check(text);
}

const camera = new Camera(
  part<HTMLVideoElement>("gate-video"),
  { worker: page.dataset["worker"] ?? "", wasm: page.dataset["wasm"] ?? "" },
  seen,
);

async function cameraStarted(problem: Awaited<ReturnType<Camera["start"]>>): Promise<void> {
  page.classList.toggle("running", problem === null);
  status.textContent = word(problem ?? "looking");
  status.classList.toggle("problem", problem !== null);
  part("gate-torch").hidden = problem !== null || !camera.hasTorch;
  part("gate-camera").hidden = problem !== null || !camera.several;
  if (problem === null) await keepAwake();
}

async function keepAwake(): Promise<void> {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // A device low on battery may refuse; scanning works all the same.
  }
}

let typed = "";
let typedAt = 0;

// Hand scanners type like a keyboard and end with Enter. With a Japanese input method on, the keys
// arrive as "Process": the key's place on the keyboard still says which it was.
function onKey(event: KeyboardEvent): void {
  unlockSound();
  const inField = event.target instanceof HTMLInputElement;
  if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
  const now = performance.now();
  if (now - typedAt > KEY_GAP_MS) typed = "";
  typedAt = now;
  if (event.key === "Enter") {
    if (typed.length < 6) return;
    event.preventDefault();
    const code = typed;
    typed = "";
    if (answeredNow()) close();
    void check(code);
    return;
  }
  const physical = /^(?:Key|Digit)(\w)$/.exec(event.code)?.[1];
  const typedKey = event.key.length === 1 ? event.key : event.key === "Process" ? (physical ?? "") : "";
  typed = (typed + typedKey).slice(-600);
}

function listen(): void {
  part("gate-start").addEventListener("click", () => {
    unlockSound();
    void camera.start().then(cameraStarted);
  });
  part("gate-camera").addEventListener("click", () => void camera.next().then(cameraStarted));
  part("gate-torch").addEventListener("click", (event) => {
    const button = event.currentTarget as HTMLButtonElement;
    const on = button.getAttribute("aria-pressed") !== "true";
    void camera.torch(on).then(() => button.setAttribute("aria-pressed", String(on)));
  });
  part("gate-verdict-close").addEventListener("click", close);
  verdict.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  retryInVerdict.addEventListener("click", () => void retryKept());
  part("gate-retry").addEventListener("click", () => void retryKept());
  part<HTMLFormElement>("gate-form").addEventListener("submit", (event) => {
    event.preventDefault();
    unlockSound();
    const code = input.value.normalize("NFKC").trim();
    if (code === "") return;
    input.value = "";
    input.blur(); // The on-screen keyboard would cover the verdict.
    void check(code);
  });
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", unlockSound);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && camera.running) void keepAwake();
  });
  window.addEventListener("online", () => void retryKept());
  setInterval(() => void retryKept(), RETRY_MS);
}

async function begin(): Promise<void> {
  page.hidden = false;
  document.body.classList.add("scripted");
  listen();
  tellUnsent();
  // Where the camera was allowed before, scanning starts by itself.
  const allowed = await navigator.permissions?.query({ name: "camera" as PermissionName }).catch(() => null);
  if (allowed?.state === "granted") await cameraStarted(await camera.start());
  else if (!navigator.mediaDevices) await cameraStarted("camera_insecure");
}

void begin();
