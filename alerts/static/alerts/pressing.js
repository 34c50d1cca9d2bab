// What is polled is not exchanged under somebody's finger: a press that has begun ends on the button that it began on. The next
// poll brings what this one left.
"use strict";
let pressing = false;
const begins = () => { pressing = true; };
const ends = () => { pressing = false; };
document.addEventListener("pointerdown", begins, true);
document.addEventListener("pointerup", ends, true);
document.addEventListener("pointercancel", ends, true);
// Let go outside of the window, where nobody hears it.
document.addEventListener("pointermove", (event) => { if (!event.buttons) ends(); }, true);
// The space bar presses when it is let go.
document.addEventListener("keydown", (event) => { if (event.key === " ") begins(); }, true);
document.addEventListener("keyup", ends, true);
window.addEventListener("blur", ends);
document.addEventListener("htmx:beforeSwap", (event) => { if (pressing) event.detail.shouldSwap = false; });
