// Says, in the form's hidden fields, whether anybody had a hand in it: a key, a touch, a pointer or a click that the browser
// itself vouches for (isTrusted). A screen reader's or a voice's press comes as such a click, and nothing else. "input", "change"
// and "submit" are not listened to: they are vouched for when a script presses as well. Kept to what browsers of 2009 run.
(function () {
  "use strict";
  // By name: a page may have several forms.
  var hand = document.getElementsByName("hand");
  var steered = document.getElementsByName("steered");
  var hints = ["keydown", "mousedown", "pointerdown", "touchstart", "click"];
  var i;
  function fill(fields, value) {
    for (var n = 0; n < fields.length; n += 1) fields[n].value = value;
  }
  function look(event) {
    if (event.isTrusted) fill(hand, "seen");
  }
  if (navigator.webdriver === true) fill(steered, "1");
  // A browser that vouches for nothing leaves it unsaid.
  if (!hand.length || !document.addEventListener || document.createEvent("Event").isTrusted !== false) return;
  fill(hand, "none");
  for (i = 0; i < hints.length; i += 1) document.addEventListener(hints[i], look, true);
}());
