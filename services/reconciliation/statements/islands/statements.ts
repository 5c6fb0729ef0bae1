// Sends statements one by one with a bar that shows how much is sent, read and written down, and says of each what became of
// it; without this the form still works.

interface Result {
  name: string;
  taken: boolean;
  new?: boolean;
  text: string;
  address?: string;
}

interface Progress {
  share: number | null;
  text: string;
  done: boolean;
}

const ASK_MS = 1000;
const MATCHING_ASKS_MAX = 180; // Matching goes on without this page; after so many seconds it is no longer waited for.

const form = document.querySelector<HTMLFormElement>("form.send");
const results = document.querySelector<HTMLElement>("#results");

interface Note {
  bar: HTMLProgressElement;
  words: HTMLElement;
  stage: HTMLElement;
  box: HTMLElement;
}

function note(name: string): Note {
  const box = document.createElement("div");
  box.className = "note";
  const title = document.createElement("strong");
  title.textContent = name;
  const words = document.createElement("p");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", name);
  const stage = document.createElement("p");
  stage.className = "soft small number";
  stage.setAttribute("aria-hidden", "true"); // It changes every second; the bar tells the same to those who ask it.
  box.append(title, words, bar, stage);
  return { bar, words, stage, box };
}

// As crypto.randomUUID, which a page without TLS does not have.
function newId(): string {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

async function ask(sending: string): Promise<Progress | null> {
  try {
    const answer = await fetch(`/statements/progress/${sending}`, { headers: { accept: "application/json" } });
    return answer.ok && !answer.redirected ? ((await answer.json()) as Progress) : null;
  } catch {
    return null; // The next second asks again.
  }
}

function show(said: Progress | null, { bar, stage }: Note): void {
  if (!said?.text) return;
  if (said.share === null) {
    bar.removeAttribute("value");
    stage.textContent = said.text;
    return;
  }
  bar.value = Math.max(said.share, bar.value); // What is reckoned may have been too quick: the bar never goes back.
  stage.textContent = `${Math.floor(bar.value * 100)} % · ${said.text}`;
}

async function untilMatched(sending: string, shown: Note): Promise<void> {
  for (let asked = 0; asked < MATCHING_ASKS_MAX; asked++) {
    const said = await ask(sending);
    show(said, shown);
    if (said?.done) break;
    await new Promise((next) => setTimeout(next, ASK_MS));
  }
  shown.bar.remove();
  shown.stage.removeAttribute("aria-hidden");
}

function send(file: File, given: HTMLFormElement, into: HTMLElement): Promise<boolean> {
  const shown = note(file.name);
  const { bar, words, stage, box } = shown;
  const sending = newId();
  into.prepend(box);
  const said = given.dataset;
  words.textContent = said["sending"] ?? "";
  const body = new FormData();
  body.append("format", String(new FormData(given).get("format") ?? ""));
  body.append("sending", sending);
  body.append("file", file);
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    let asking = 0;
    const end = (taken: boolean, text: string, result?: Result): void => {
      clearInterval(asking);
      asking = 0;
      box.classList.add(taken ? "good" : "error");
      words.textContent = text;
      if (taken && result?.address) {
        const look = document.createElement("a");
        look.href = result.address;
        look.textContent = said["look"] ?? "";
        words.append(" ", look);
      }
      if (taken && result?.new) void untilMatched(sending, shown);
      else {
        bar.remove();
        stage.remove();
      }
      done(taken);
    };
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value"); // Until the server says how far it is, the bar goes to and fro.
      words.textContent = said["reading"] ?? "";
      asking = setInterval(() => void ask(sending).then((now) => bar.isConnected && asking && show(now, shown)), ASK_MS);
    });
    request.addEventListener("load", () => {
      if (new URL(request.responseURL).pathname === "/sign-in") location.assign(request.responseURL);
      try {
        const answer = JSON.parse(request.responseText) as { results?: Result[]; detail?: string };
        const result = answer.results?.[0];
        end(result?.taken ?? false, result?.text ?? answer.detail ?? said["failed"] ?? "", result);
      } catch {
        end(false, said["failed"] ?? "");
      }
    });
    request.addEventListener("error", () => end(false, said["failed"] ?? ""));
    request.open("POST", given.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

form?.addEventListener("submit", (event) => {
  const chosen = form.querySelector<HTMLInputElement>("#file")?.files;
  if (!chosen || chosen.length === 0 || !results) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button?.setAttribute("disabled", "");
  void (async () => {
    let taken = false;
    for (const file of [...chosen].slice(0, 20)) taken = (await send(file, form, results)) || taken;
    button?.removeAttribute("disabled");
    form.reset();
    if (!taken) return;
    const page = await fetch(location.href, { cache: "no-store" });
    const newer = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("#list");
    if (page.ok && newer) document.querySelector("#list")?.replaceWith(document.importNode(newer, true));
  })();
});
