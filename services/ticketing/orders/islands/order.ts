// Shows an order's change without a reload, and keeps the tickets for when there is no network.

const place = document.querySelector<HTMLElement>("#order");

function watch(address: string): void {
  const source = new EventSource(address);
  source.addEventListener("changed", () => {
    source.close();
    location.reload();
  });
}

async function keepForOffline(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/orders/sw.js", { scope: "/orders/" });
  const ready = await navigator.serviceWorker.ready;
  const pictures = [...document.querySelectorAll<HTMLImageElement>("img.qr")].map((picture) => picture.src);
  const looks = [...document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')].map((link) => link.href);
  const scripts = [...document.querySelectorAll<HTMLScriptElement>("script[src]")].map((script) => script.src);
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    document.querySelector("#offline")?.removeAttribute("hidden");
  };
  ready.active?.postMessage({ keep: [location.href, ...pictures, ...looks, ...scripts] }, [channel.port2]);
}

if (place?.dataset["live"] && place.dataset["status"] !== "expired" && place.dataset["status"] !== "cancelled") {
  watch(place.dataset["live"]);
}
if (place?.dataset["status"] === "confirmed") {
  void keepForOffline().catch(() => undefined); // Without a worker the tickets still work online.
}
