// Whether what is typed was kept. Without scripts the form is saved by its buttons, and says so on the next page.
"use strict";
const say = (words) => {
  const saved = document.getElementById("saved");
  if (!saved) return;
  saved.textContent = words;
  saved.classList.add("dark");
};
const ofTheWords = (event) => event.target.id === "words";
document.addEventListener("htmx:sendError", (event) => {
  if (ofTheWords(event)) say("Not saved: no connection. What you typed is still here; it is saved with your next change.");
});
document.addEventListener("htmx:responseError", (event) => {
  if (!ofTheWords(event)) return;
  const status = event.detail.xhr.status;
  if (status === 401 || status === 403) say("Not saved: you are signed out. Keep this page open, sign in in another one, then go on typing.");
  else if (status === 400 || status === 413) say("Not saved: it is too long. What you typed is still here; shorten it.");
  else say(`Not saved (${status}). What you typed is still here; it is saved with your next change.`);
});
