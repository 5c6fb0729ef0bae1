// Keys for the matching desk, and the sums of what is chosen while it is chosen; without this the page has buttons.

const cards = [...document.querySelectorAll<HTMLElement>(".suggestion")];
const hand = document.querySelector<HTMLFormElement>("form.hand");

function at(): number {
  return cards.findIndex((card) => card.contains(document.activeElement));
}

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, textarea, select")) return;
  const here = at();
  if (event.key === "j" || event.key === "k") {
    const next = event.key === "j" ? here + 1 : Math.max(here - 1, 0);
    cards[Math.min(next, cards.length - 1)]?.focus();
    cards[Math.min(next, cards.length - 1)]?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "a" && here >= 0) {
    cards[here]?.querySelector<HTMLButtonElement>("button.accept")?.click();
  } else if (event.key === "x" && here >= 0) {
    const why = cards[here]?.querySelector("details");
    if (!why) return;
    event.preventDefault();
    why.open = true;
    why.querySelector("input")?.focus();
  }
});

function yen(amount: number): string {
  return `${amount < 0 ? "-" : ""}¥${Math.abs(amount).toLocaleString("en")}`;
}

hand?.addEventListener("change", () => {
  const sum = (name: string): number =>
    [...hand.querySelectorAll<HTMLInputElement>(`input[name=${name}]:checked`)]
      .reduce((all, each) => all + Number(each.dataset["yen"]), 0);
  const came = sum("line");
  const due = sum("payout");
  const shown: Record<string, number> = { line: came, payout: due, difference: came - due };
  for (const each of hand.querySelectorAll<HTMLElement>("[data-sum]")) each.textContent = yen(shown[each.dataset["sum"] ?? ""] ?? 0);
  hand.querySelector(".sums")?.removeAttribute("hidden");
});

// A browser takes the first button of a form for the Enter key, which is the search; whoever wrote a reason means to match.
hand?.querySelector("#reason")?.addEventListener("keydown", (event) => {
  if (!(event instanceof KeyboardEvent) || event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  hand.querySelector<HTMLButtonElement>("button[value=match]")?.click();
});
