// Shows an order's change without a reload, and keeps the tickets for when there is no network.

const POLL_MS = 5000;

const part = (): HTMLElement | null => document.querySelector<HTMLElement>("#order");

async function refresh(): Promise<void> {
  const answer = await fetch(location.href, { cache: "no-store" });
  const now = part();
  if (!answer.ok || !now) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = page.querySelector<HTMLElement>("#order");
  if (!newer || newer.dataset["stamp"] === now.dataset["stamp"]) return;
  const turned = newer.dataset["status"] !== now.dataset["status"];
  now.replaceWith(document.importNode(newer, true));
  document.title = page.title;
  // Whoever does not see the page is told by the heading that the order turned into something else.
  if (turned) part()?.querySelector<HTMLElement>("h1")?.focus();
  if (newer.dataset["status"] === "confirmed") void keepForOffline().catch(() => undefined);
}

const look = (): void => void refresh().catch(() => undefined); // Without a network the page stays as it is.

function watch(address: string, seen: string): void {
  const source = new EventSource(`${address}?seen=${encodeURIComponent(seen)}`);
  let polling: ReturnType<typeof setInterval> | undefined;
  source.addEventListener("changed", look);
  source.addEventListener("error", () => {
    // The browser connects again by itself unless the server refused; then the page asks now and then.
    if (source.readyState !== EventSource.CLOSED || polling !== undefined) return;
    polling = setInterval(() => {
      if (part()?.dataset["status"] === "awaiting_payment") look();
    }, POLL_MS);
  });
  // Back from the payment app: phones stop connections of pages that are not shown.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
}

async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/orders/sw.js", { scope: "/orders/" });
  const ready = await navigator.serviceWorker.ready;
  const pictures = [...document.querySelectorAll<HTMLImageElement>("img.qr")].map((picture) => picture.src);
  const looks = [...document.querySelectorAll<HTMLLinkElement>("link[href]")].map((link) => link.href);
  const scripts = [...document.querySelectorAll<HTMLScriptElement>("script[src]")].map((script) => script.src);
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    document.querySelector("#offline")?.removeAttribute("hidden");
  };
  ready.active?.postMessage({ keep: [location.href, ...pictures, ...looks, ...scripts] }, [channel.port2]);
}

const shown = part();
if (shown?.dataset["live"]) watch(shown.dataset["live"], shown.dataset["stamp"] ?? "");
if (shown?.dataset["status"] === "confirmed") {
  void keepForOffline().catch(() => undefined); // Without a worker the tickets still work online.
}
