// Copy and Print, for whoever has scripts on; without them the text can still be selected and the page printed.
"use strict";
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy], button[data-print]");
  if (!button) return;
  if (button.hasAttribute("data-print")) {
    window.print();
    return;
  }
  const text = document.getElementById(button.dataset.copy).textContent.trim();
  const said = button.parentElement.querySelector("[data-copied]");
  const say = (words) => { if (said) said.textContent = words; };
  if (!navigator.clipboard) {
    say("This browser does not copy here: select the text instead.");
    return;
  }
  navigator.clipboard.writeText(text).then(() => say("Copied."), () => say("Not copied: select the text instead."));
});
