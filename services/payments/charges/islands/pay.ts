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

// The numbers of Pay-easy: copied without gaps, and printed. Without a script the buttons do not show.
const told = document.querySelector<HTMLElement>("#copied");

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  if (!navigator.clipboard) break;
  const name = button.textContent ?? "";
  button.hidden = false;
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(() => {
      const copied = button.dataset["copied"] ?? "";
      button.textContent = copied;
      if (told) told.textContent = copied;
      setTimeout(() => {
        button.textContent = name;
        if (told) told.textContent = "";
      }, 2000);
    });
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
