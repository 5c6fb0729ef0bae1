// Goes on to the order as soon as the payment is there.

const place = document.querySelector<HTMLElement>("#pay");
const EVERY_MS = 3000;
const TRIES_MAX = 1200; // An hour; a page that is left open for longer is reloaded by hand.

async function look(address: string, tries: number): Promise<void> {
  try {
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    const said = (await answer.json()) as { status: string; return_url: string };
    if (said.status === "captured") {
      location.assign(said.return_url);
      return;
    }
    if (said.status === "expired" || said.status === "failed") {
      location.reload();
      return;
    }
  } catch {
    // No network for a moment: the next look tells.
  }
  if (tries < TRIES_MAX) setTimeout(() => void look(address, tries + 1), EVERY_MS);
}

if (place?.dataset["status"]) void look(place.dataset["status"], 0);
