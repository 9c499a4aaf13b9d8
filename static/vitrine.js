// What HTML alone can't do: the compare slider, review keys, asking before something is done, telling of lost answers.
// Everything here is an addition: each page works without it.

"use strict";

// -- on a phone the menu scrolls: show where we are ---------------------------------------------------------------

document.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// -- before | after: the range input moves the edge ---------------------------------------------------------------

function place(range) {
  range.closest("[data-compare]").style.setProperty("--at", `${range.value}%`);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-compare] input[type=range]")) place(event.target);
});

// -- confirm: a form with data-confirm asks first -----------------------------------------------------------------

let asked = null;

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    asked = { form, submitter: event.submitter };
    const dialog = document.getElementById("confirm");
    document.getElementById("confirm-question").textContent = form.dataset.confirm;
    dialog.returnValue = "no";
    dialog.showModal();
  },
  true,
);

document.getElementById("confirm")?.addEventListener("close", (event) => {
  if (!asked || event.target.returnValue !== "yes") return;
  const { form, submitter } = asked;
  asked = null;
  form.dataset.confirmed = "yes";
  // A poll may have replaced the form while the question stood: the one that was asked about is sent all the same.
  if (!form.isConnected) {
    form.hidden = true;
    document.body.append(form);
  }
  form.requestSubmit(form.contains(submitter) ? submitter : null);
});

// -- a form that takes a while says so, on its button ---------------------------------------------------------------

const WAITS = "[data-busy] button[data-said]";

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  const says = event.target.dataset.busy;
  if (!says || !button || event.defaultPrevented) return;
  if (button.dataset.said) return event.preventDefault(); // once is enough
  button.dataset.said = button.textContent;
  button.textContent = says;
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.dataset.said && asBefore(button), 60000); // whoever stopped it may want it again
});

function asBefore(button) {
  button.textContent = button.dataset.said;
  delete button.dataset.said;
  button.removeAttribute("aria-busy");
}

// Back in the browser's history the page is as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll(WAITS).forEach(asBefore);
});

// -- review keys, unless switched off or typing -------------------------------------------------------------------

const SWITCH = "vitrine.shortcuts";
const isOn = () => localStorage.getItem(SWITCH) !== "off";
// Asked for each time: a page may be changed in place.
const shortcuts = () => document.getElementById("shortcuts");

function setShortcuts() {
  if (shortcuts()) shortcuts().checked = isOn();
}

setShortcuts();
document.addEventListener("htmx:load", setShortcuts);
document.addEventListener("change", (event) => {
  if (event.target.id === "shortcuts") localStorage.setItem(SWITCH, event.target.checked ? "on" : "off");
});

document.addEventListener("keydown", (event) => {
  if (!shortcuts()?.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const wanted = document.querySelector(`[data-key="${CSS.escape(key)}"], [data-arrow="${CSS.escape(key)}"]`);
  if (!wanted || wanted.disabled) return;
  event.preventDefault();
  wanted.click();
});

// After a decision the next picture comes in place; the focus goes with it, so that a screen reader hears the outcome.
document.addEventListener("htmx:afterSwap", (event) => {
  const desk = document.getElementById("desk");
  if (!desk || !event.detail.requestConfig?.path?.endsWith("/decide/")) return;
  desk.focus({ preventScroll: true });
});

// -- a poll that failed goes on by itself; a change that failed is told ---------------------------------------------

let hiding = 0;

function tell(sentence) {
  const toast = document.getElementById("toast");
  if (!toast) return;
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (toast.hidden = true), 8000);
}

function isPoll(event) {
  return event.detail.requestConfig?.triggeringEvent == null && event.detail.requestConfig?.verb === "get";
}

document.addEventListener("htmx:responseError", (event) => {
  if (isPoll(event)) return;
  const status = event.detail.xhr.status;
  tell(status === 403 ? "Your role does not allow that. Nothing was changed." : "The server could not do that. Nothing was changed; please try again.");
});

document.addEventListener("htmx:sendError", (event) => {
  if (!isPoll(event)) tell("The server can't be reached. Nothing was changed.");
});
