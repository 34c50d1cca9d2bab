// Copy and Print, for whoever has scripts on; without them the text can still be selected and the page printed.
"use strict";
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy], button[data-print]");
  if (!button) return;
  if (button.hasAttribute("data-print")) {
    window.print();
    return;
  }
  const shown = document.getElementById(button.dataset.copy);
  const text = shown.textContent.replace(/\s+/g, " ").trim();
  const said = button.parentElement.querySelector("[data-copied]");
  const say = (words) => { if (said) said.textContent = words; };
  // What can't be copied is selected, so that a key does it.
  const failed = () => {
    window.getSelection().selectAllChildren(shown);
    say("This browser does not copy here: the text is selected, press Ctrl and C.");
  };
  if (!navigator.clipboard) {
    failed();
    return;
  }
  navigator.clipboard.writeText(text).then(() => say("Copied."), failed);
});
