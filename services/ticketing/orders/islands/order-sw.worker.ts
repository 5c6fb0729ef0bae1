// The service worker of ticket pages: the network first, and what was kept when it does not answer.

const KEPT = "momiji-tickets-1";
const PATIENCE_MS = 4000;

// What of a service worker is used here; TypeScript's own types for it do not go together with those of pages.
interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface KeepEvent extends WorkerEvent {
  readonly data: { keep?: string[] };
  readonly ports: readonly MessagePort[];
}
interface Worker {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: "install" | "activate", listener: (event: WorkerEvent) => void): void;
  addEventListener(type: "message", listener: (event: KeepEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
}
const worker = self as unknown as Worker;

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("message", (event) => {
  const wanted = event.data.keep ?? [];
  event.waitUntil(
    caches
      .open(KEPT)
      .then((cache) => cache.addAll(wanted.slice(0, 500).map((address) => new Request(address, { credentials: "same-origin" }))))
      .then(() => event.ports[0]?.postMessage("kept")),
  );
});

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(KEPT);
  // By address alone: what a page says differs by cookie and language, but this is the phone that kept it.
  const kept = await cache.match(request, { ignoreVary: true, ignoreSearch: request.mode === "navigate" });
  if (!kept) return fetch(request);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const fresh = await fetch(request, { signal: stop.signal });
    // What was kept is kept fresh, so that a cancelled order does not look valid for longer than it must.
    if (fresh.ok) await cache.put(request, fresh.clone());
    return fresh.status >= 500 ? kept : fresh;
  } catch {
    return kept;
  } finally {
    clearTimeout(timer);
  }
}

worker.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET" || request.headers.get("accept") === "text/event-stream") return;
  event.respondWith(answer(request));
});
