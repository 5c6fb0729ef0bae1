// Shows what a mapping makes of its example as soon as a choice changes; without this there is a button for it.

const form = document.querySelector<HTMLFormElement>("form.mapping");
const WAIT_MS = 250;
let later = 0;
let turn = 0;

function replace(selector: string, page: Document): void {
  const here = document.querySelector(selector);
  const there = page.querySelector(selector);
  // What somebody is just choosing in stays.
  if (here && there && !here.contains(document.activeElement)) here.replaceWith(document.importNode(there, true));
}

async function show(given: HTMLFormElement): Promise<void> {
  const mine = ++turn;
  const preview = document.querySelector("#preview");
  preview?.setAttribute("aria-busy", "true");
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(given)) body.append(name, String(value));
  try {
    const answer = await fetch(given.action, { method: "POST", body, headers: { accept: "text/html" } });
    if (answer.redirected) return location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn || !page.querySelector("#preview")) return;
    replace("#preview", page);
    replace(".sample", page);
    replace("#status", page);
    replace("#words", page);
    const of = page.querySelector<HTMLInputElement>("input[name=words_of]");
    const kept = given.querySelector<HTMLInputElement>("input[name=words_of]");
    if (of && kept) kept.value = of.value;
  } finally {
    document.querySelector("#preview")?.removeAttribute("aria-busy");
  }
}

form?.addEventListener("change", (event) => {
  const name = (event.target as HTMLInputElement).name;
  if (["title", "name", "provider"].includes(name)) return;
  if (["row", "sheet", "delimiter"].includes(name)) {
    // Other headings: every list of columns is another.
    form.requestSubmit(form.querySelector<HTMLButtonElement>("button[value=preview]"));
    return;
  }
  clearTimeout(later);
  later = setTimeout(() => void show(form), WAIT_MS);
});
