// Adds up the total while tickets are chosen, with the prices that the page brought; the server computes it anew.

type Steps = [partyFrom: number, yen: number][];
type Prices = Record<string, Record<string, Record<string, Steps>>>;

const form = document.querySelector<HTMLFormElement>("#choose");
const told = document.querySelector("#prices")?.textContent;

/** The price of one person: of the steps that the party is large enough for, the last. */
function unitPrice(steps: Steps | undefined, party: number): number | undefined {
  return steps?.filter(([from]) => party >= from).pop()?.[1];
}

function start(form: HTMLFormElement, prices: Prices): void {
  const inputs = [...form.querySelectorAll<HTMLInputElement>("input[data-product]")];
  const output = form.querySelector<HTMLOutputElement>("#total");
  const go = form.querySelector<HTMLButtonElement>("#go");
  const ticketsMax = Number(form.dataset["ticketsMax"]);
  const count = (input: HTMLInputElement): number => Math.max(0, Math.trunc(Number(input.value) || 0));

  function addUp(): void {
    const chosen = new FormData(form).get("slot");
    let total = 0;
    let tickets = 0;
    for (const input of inputs) {
      const { product = "", category = "" } = input.dataset;
      const quantity = count(input);
      const party = inputs.filter((each) => each.dataset["product"] === product).reduce((sum, each) => sum + count(each), 0);
      const slots = prices[product]?.[category];
      const steps = slots?.[typeof chosen === "string" ? chosen : ""] ?? slots?.[""];
      total += quantity * (unitPrice(steps, party) ?? 0);
      tickets += quantity;
      input.closest(".line")?.classList.toggle("chosen", quantity > 0);
    }
    const problem = tickets > ticketsMax ? (form.dataset["again"] ?? "") : tickets === 0 ? (form.dataset["none"] ?? "") : "";
    inputs[0]?.setCustomValidity(problem);
    if (output) output.value = tickets > 0 ? `¥${total.toLocaleString("en")}` : "–";
    if (go && tickets > 0) go.textContent = (total > 0 ? form.dataset["pay"] : form.dataset["free"]) ?? go.textContent;
  }

  form.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button[name="step"]') : null;
    const input = button?.parentElement?.querySelector<HTMLInputElement>("input");
    if (!button || !input) return;
    event.preventDefault();
    const more = button.value.endsWith(".more");
    input.value = String(Math.min(Math.max(count(input) + (more ? 1 : -1), 0), Number(input.max) || ticketsMax));
    addUp();
  });
  form.addEventListener("input", addUp);
  form.classList.add("live");
  addUp();
}

if (form && told) start(form, JSON.parse(told) as Prices);
