// Sends statements one by one with a bar that moves, and says of each what became of it; without this the form still works.

interface Result {
  name: string;
  taken: boolean;
  text: string;
}

const form = document.querySelector<HTMLFormElement>("form.send");
const results = document.querySelector<HTMLElement>("#results");

function note(name: string): { bar: HTMLProgressElement; words: HTMLElement; box: HTMLElement } {
  const box = document.createElement("div");
  box.className = "note";
  const title = document.createElement("strong");
  title.textContent = name;
  const words = document.createElement("p");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", name);
  box.append(title, words, bar);
  return { bar, words, box };
}

function send(file: File, given: HTMLFormElement, into: HTMLElement): Promise<boolean> {
  const { bar, words, box } = note(file.name);
  into.prepend(box);
  const said = given.dataset;
  words.textContent = said["sending"] ?? "";
  const body = new FormData();
  body.append("format", String(new FormData(given).get("format") ?? ""));
  body.append("file", file);
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    const end = (taken: boolean, text: string): void => {
      box.classList.add(taken ? "good" : "error");
      words.textContent = text;
      bar.remove();
      done(taken);
    };
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value"); // How long the reading takes is not known; the bar goes to and fro.
      words.textContent = said["reading"] ?? "";
    });
    request.addEventListener("load", () => {
      if (new URL(request.responseURL).pathname === "/sign-in") location.assign(request.responseURL);
      try {
        const answer = JSON.parse(request.responseText) as { results?: Result[]; detail?: string };
        const result = answer.results?.[0];
        end(result?.taken ?? false, result?.text ?? answer.detail ?? said["failed"] ?? "");
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
