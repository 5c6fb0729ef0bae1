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

async function fromNetwork(request: Request): Promise<Response> {
  const cache = await caches.open(KEPT);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(request, { signal: stop.signal });
    // A page that was kept is kept fresh, so that a cancelled order does not look valid for longer than it must.
    if (answer.ok && (await cache.match(request))) await cache.put(request, answer.clone());
    return answer;
  } catch (away) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw away;
  } finally {
    clearTimeout(timer);
  }
}

worker.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET" || request.headers.get("accept") === "text/event-stream") return;
  event.respondWith(fromNetwork(request));
});
