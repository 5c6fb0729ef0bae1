// Checks all or none at once, checks from one row to another with Shift, and moves along the rows by j and k.
const boxes = [...document.querySelectorAll<HTMLInputElement>('#list input[name="id"]')];
const all = document.querySelector<HTMLAnchorElement>("#all");
let last = -1;

all?.addEventListener("click", (event) => {
  event.preventDefault();
  const checked = boxes.some((box) => !box.checked);
  for (const box of boxes) box.checked = checked;
});

for (const [place, box] of boxes.entries()) {
  box.addEventListener("click", (event) => {
    if (event.shiftKey && last >= 0) {
      for (const between of boxes.slice(Math.min(last, place), Math.max(last, place) + 1)) between.checked = box.checked;
    }
    last = place;
  });
}

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  const types = target.matches("textarea, select, input:not([type='checkbox'])");
  if (types || event.ctrlKey || event.metaKey || event.altKey || boxes.length === 0) return;
  const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
  if (step === 0) return;
  const here = boxes.indexOf(document.activeElement as HTMLInputElement);
  boxes[Math.min(boxes.length - 1, Math.max(0, here + step))]?.focus();
  event.preventDefault();
});
