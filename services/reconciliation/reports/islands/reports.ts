// Fetches a file with a bar that moves while it is made and loaded; without this the buttons still work.

const box = document.querySelector<HTMLElement>("#progress");
const PATIENCE_MS = 300; // what is quicker needs no bar

function bar(into: HTMLElement, title: string): { note: HTMLElement; words: HTMLElement; progress: HTMLProgressElement } {
  const note = document.createElement("div");
  note.className = "note";
  const words = document.createElement("p");
  words.textContent = `${title}: ${into.dataset["making"] ?? ""}`;
  const progress = document.createElement("progress");
  progress.setAttribute("aria-label", title);
  note.append(words, progress);
  return { note, words, progress };
}

function fileName(disposition: string): string {
  const japanese = /filename\*=UTF-8''([^;]+)/.exec(disposition)?.[1];
  return japanese === undefined ? "report" : decodeURIComponent(japanese);
}

async function content(answer: Response, onPart: (share: number) => void): Promise<Blob> {
  const whole = Number(answer.headers.get("content-length") ?? 0);
  const reader = answer.body?.getReader();
  if (reader === undefined) return answer.blob();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value as Uint8Array<ArrayBuffer>);
    count += part.value.length;
    if (whole > 0) onPart(count / whole);
  }
  return new Blob(parts, { type: answer.headers.get("content-type") ?? "" });
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function fetchFile(button: HTMLButtonElement, form: HTMLFormElement, into: HTMLElement): Promise<void> {
  const wishes = new URLSearchParams();
  for (const [name, value] of new FormData(form)) wishes.append(name, String(value));
  const { note, words, progress } = bar(into, button.getAttribute("aria-label") ?? "");
  const later = setTimeout(() => into.replaceChildren(note), PATIENCE_MS);
  button.disabled = true;
  try {
    const answer = await fetch(`/v1/exports/${button.dataset["file"] ?? ""}?${wishes}`, {
      headers: { "accept-language": document.documentElement.lang },
    });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) {
      // The page says in the reader's language what is wrong.
      location.assign(`${button.formAction}?${wishes}`);
      return;
    }
    words.textContent = `${button.getAttribute("aria-label") ?? ""}: ${into.dataset["loading"] ?? ""}`;
    const blob = await content(answer, (share) => (progress.value = share));
    save(blob, fileName(answer.headers.get("content-disposition") ?? ""));
    clearTimeout(later);
    into.replaceChildren();
  } catch {
    clearTimeout(later);
    note.classList.add("error");
    words.textContent = into.dataset["failed"] ?? "";
    progress.remove();
    into.replaceChildren(note);
  } finally {
    button.disabled = false;
    button.focus();
  }
}

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("button[data-file]");
  const form = button?.form;
  if (!button || !form || !box || !form.reportValidity()) return;
  event.preventDefault();
  void fetchFile(button, form, box);
});
