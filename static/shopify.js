// Vitrine inside a shop's administration: who is there is told by Shopify's App Bridge, with every single request.

"use strict";

const LOOK_EVERY_MS = 10_000;
const now = document.getElementById("now");
const open_ = document.getElementById("open");
const trouble = document.getElementById("trouble");

/** Without cookies; a token that has just ended is exchanged for another one, once. */
async function ask(path, method) {
  for (const last of [false, true]) {
    const token = await window.shopify.idToken();
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(path, { method, headers, credentials: "omit", cache: "no-store" });
    if (answer.ok) return answer;
    if (last || answer.status !== 401) throw new Error(String(answer.status));
  }
  return null;
}

async function look() {
  if (document.hidden) return;
  try {
    const text = await (await ask(now.dataset.now, "GET")).text();
    if (text !== now.dataset.shown) now.innerHTML = now.dataset.shown = text;
  } catch {
    // The next look may do better; nobody asked for this one.
  }
}

setInterval(look, LOOK_EVERY_MS);

open_.addEventListener("click", async () => {
  // At once, while the click still counts as one.
  const tab = window.open("about:blank", "_blank");
  trouble.hidden = true;
  open_.disabled = true;
  try {
    const { url } = await (await ask(open_.dataset.open, "POST")).json();
    if (!tab) throw new Error("no tab");
    tab.opener = null;
    tab.location.replace(url);
  } catch (error) {
    tab?.close();
    trouble.textContent =
      error.message === "no tab"
        ? "Your browser did not let a new tab open. Allow it for this page, and try again."
        : "That did not work. Reload this page, and try again.";
    trouble.hidden = false;
  } finally {
    open_.disabled = false;
  }
});
