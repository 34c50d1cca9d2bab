// How old the figures are: each answer of the page's poll, "nothing changed" too, makes them new. Says so when none comes.
"use strict";
(() => {
  const age = document.getElementById("age");
  if (!age) return;
  const LOST = 8; // seconds without an answer, at a poll every two
  let heard = Date.now();
  document.addEventListener("htmx:afterRequest", (event) => {
    // The part itself may be gone by now: it asked for its successor, and htmx then says so of whatever is around it.
    const asked = event.detail.requestConfig ? event.detail.requestConfig.elt : event.detail.elt;
    if (asked.id === "live" && event.detail.successful) heard = Date.now();
  });
  const tell = () => {
    const seconds = Math.max(Math.round((Date.now() - heard) / 1000), 0);
    const lost = seconds >= LOST;
    age.hidden = false;
    age.classList.toggle("dark", lost);
    age.textContent = `figures ${seconds} s old${lost ? ": this page hears nothing from the server" : ""}`;
  };
  tell();
  setInterval(tell, 1000);
})();
