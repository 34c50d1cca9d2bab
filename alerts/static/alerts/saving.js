// What is typed is kept: every few seconds, when the page is left, and once the connection is back. Without scripts the form
// is saved by its buttons, and says so on the next page.
"use strict";
const EVERY = 5000; // milliseconds: longest that typing goes unsaved
const BEACON = 60000; // bytes that a browser still sends while a page closes
const words = () => document.getElementById("words");
let typed = 0; // counts changes
let kept = 0; // how many of them are saved
let sent = 0; // how many went with the request under way
let failed = false; // signed out
let refused = false; // the last answer was no

const say = (text) => {
  const saved = document.getElementById("saved");
  if (!saved) return;
  saved.textContent = text;
  saved.classList.add("dark");
};
const ofTheWords = (event) => event.target.id === "words";
const saveNow = () => { if (typed > kept && navigator.onLine) htmx.trigger(words(), "savenow"); };

// Signing in again changes the token that each form carries: take the new one, and save.
const renewToken = async () => {
  const answer = await fetch(words().action || location.href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = page.querySelector("#words [name=csrfmiddlewaretoken]");
  if (!token) return;
  document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((one) => { one.value = token.value; });
  saveNow();
};

document.addEventListener("DOMContentLoaded", () => {
  const form = words();
  if (!form) return;
  const saved = document.getElementById("saved");
  if (saved.textContent.startsWith("Press Save")) saved.textContent = "Saved as you type.";
  const alert = document.querySelector("[role=alert]");
  if (alert) alert.focus();
  form.addEventListener("input", () => { typed += 1; });
  form.addEventListener("submit", () => { kept = typed; failed = refused = false; });
  setInterval(() => { if (failed && navigator.onLine) renewToken(); else saveNow(); }, EVERY);
  window.addEventListener("online", saveNow);
});
document.addEventListener("htmx:beforeRequest", (event) => { if (ofTheWords(event)) sent = typed; });
document.addEventListener("htmx:afterRequest", (event) => {
  if (!ofTheWords(event)) return;
  failed = [401, 403].includes(event.detail.xhr.status);
  refused = [400, 413, 422].includes(event.detail.xhr.status);
  if (event.detail.successful || refused) kept = sent;
});
document.addEventListener("htmx:sendError", (event) => {
  if (ofTheWords(event)) say("Not saved: no connection. What you typed is still here, and is saved once it is back.");
});
document.addEventListener("htmx:responseError", (event) => {
  if (!ofTheWords(event)) return;
  const status = event.detail.xhr.status;
  if (status === 401 || status === 403) say("Not saved: you are signed out. Keep this page open, and sign in in another one.");
  else if (status === 400 || status === 413) say("Not saved: it is too long. What you typed is still here; shorten it.");
  else if (status !== 422) say(`Not saved (${status}). What you typed is still here, and is tried again.`);
});
// On a development machine an error would take the place of the whole page, and of what was typed in it.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (ofTheWords(event) && event.detail.xhr.status >= 400) event.stopPropagation();
}, true);
window.addEventListener("pagehide", () => {
  const form = words();
  if (form && typed > kept) navigator.sendBeacon(location.href, new FormData(form));
});
window.addEventListener("beforeunload", (event) => {
  const form = words();
  if (!form || (typed <= kept && !refused)) return;
  const size = [...new FormData(form).values()].reduce((sum, value) => sum + String(value).length * 3, 0);
  if (failed || refused || !navigator.onLine || size > BEACON) event.preventDefault();
});
