// The dashboard in the frame of a Shopify store's administration. There are no cookies there: each request says who asks
// with a token of App Bridge's, so links and forms are followed here and the page is changed in place.

"use strict";

(() => {
  const bridge = window.shopify;
  const AWAY = "X-Vitrine-Leave";
  const RETRY = "X-Shopify-Retry-Invalid-Session-Request";
  const ONLY_FOR_THE_DOCUMENT = ["id_token", "hmac", "session", "timestamp"];

  if (!bridge) {
    tell("Shopify's script did not load, so nobody can be let in. Reload this page.");
    return;
  }

  // What let this document in has done its work, and should not be handed on.
  const here = new URL(location.href);
  ONLY_FOR_THE_DOCUMENT.forEach((name) => here.searchParams.delete(name));
  if (here.href !== location.href) history.replaceState(history.state, "", here);

  // -- asking -------------------------------------------------------------------------------------------------------

  /** With a token, and with another one if that had just ended: whoever answers 401 has done nothing. */
  async function ask(address, options = {}) {
    for (const last of [false, true]) {
      const headers = { ...options.headers, Authorization: `Bearer ${await bridge.idToken()}` };
      const answer = await fetch(address, { ...options, headers, credentials: "omit", cache: "no-store" });
      if (last || answer.status !== 401 || !answer.headers.get(RETRY)) return answer;
    }
    return null;
  }

  // What htmx asks for waits for its token in the same way.
  let token = "";
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    bridge.idToken().then((given) => {
      token = given;
      event.detail.issueRequest(true);
    });
  });
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers.Authorization = `Bearer ${token}`;
  });
  // The answer to one that ended on the way is nothing that anybody did wrong.
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig, elt, target } = event.detail;
    if (xhr.status !== 401 || !xhr.getResponseHeader(RETRY) || elt.dataset.again) return;
    event.stopImmediatePropagation();
    elt.dataset.again = "yes";
    htmx
      .ajax(requestConfig.verb, requestConfig.path, { source: elt, target, values: Object.fromEntries(requestConfig.formData) })
      .finally(() => delete elt.dataset.again);
  }, true);

  // -- going ----------------------------------------------------------------------------------------------------------

  let visits = 0;

  async function visit(address, { method = "GET", body = null, push = true } = {}) {
    const mine = ++visits;
    bridge.loading?.(true);
    try {
      const answer = await ask(address, { method, body, headers: { Accept: "text/html" } });
      if (mine !== visits) return; // somebody went elsewhere meanwhile
      const away = answer.headers.get(AWAY);
      if (away) return void open(away, "_top");
      if (answer.status === 401) return void location.reload();
      show(new DOMParser().parseFromString(await answer.text(), "text/html"), answer.url, push);
    } catch {
      if (mine === visits) tell("The server can't be reached. Nothing was changed.");
    } finally {
      if (mine === visits) bridge.loading?.(false);
      document.querySelectorAll(WAITS).forEach(asBefore);
    }
  }

  function show(fresh, address, push) {
    const page = document.getElementById("page");
    const found = fresh.getElementById("page");
    document.title = fresh.title;
    page.replaceChildren(...(found ? found.childNodes : [fresh.querySelector("main") ?? fresh.body]));
    const [nav, freshNav] = [document, fresh].map((one) => one.querySelector("s-app-nav"));
    if (freshNav && nav.innerHTML !== freshNav.innerHTML) nav.replaceChildren(...freshNav.childNodes);
    if (push && address !== location.href) history.pushState({}, "", address);
    else if (push) history.replaceState({}, "", address);
    for (const script of fresh.head.querySelectorAll("script[data-page]")) {
      const again = document.createElement("script");
      again.src = script.src;
      page.append(again);
    }
    htmx.process(page);
    if (!push) return;
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  /** Elsewhere in the dashboard; what was not saved asks first. */
  async function go(address) {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin) return void open(url, "_top");
    try {
      await bridge.saveBar?.leaveConfirmation?.();
    } catch {
      return; // they stay
    }
    await visit(url.href);
  }

  const isFile = (url) => url.pathname.startsWith("/media/");

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("a[href]");
    if (!link || link.hasAttribute("download") || (link.target && link.target !== "_self")) return;
    const url = new URL(link.href);
    if (url.hash && url.pathname === location.pathname && url.search === location.search) return;
    event.preventDefault();
    if (isFile(url)) open(url, "_blank", "noopener");
    else go(url);
  });

  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    const method = (submitter?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get").toUpperCase();
    if (event.defaultPrevented || method === "DIALOG") return;
    event.preventDefault();
    const url = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.href, location.href);
    const fields = new FormData(form, submitter);
    if (method !== "GET") return void visit(url.href, { method, body: new URLSearchParams(fields) });
    url.search = new URLSearchParams(fields);
    go(url);
  });

  // The administration's own menu, and its back button.
  document.addEventListener("shopify:navigate", (event) => {
    const address = event.target.getAttribute("href");
    if (address) go(address);
  });
  addEventListener(
    "popstate",
    (event) => {
      event.stopImmediatePropagation();
      visit(location.href, { push: false });
    },
    true,
  );

  // -- a tab of its own, in which there is a login ----------------------------------------------------------------------

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#open-tab");
    if (!button) return;
    // At once, while the click still counts as one.
    const tab = open("about:blank", "_blank");
    if (!tab) return tell("Your browser did not let a new tab open. Allow it for this page, and try again.");
    try {
      const { url } = await (await ask(button.dataset.open, { method: "POST" })).json();
      tab.opener = null;
      tab.location.replace(url);
    } catch {
      tab.close();
      tell("That did not work. Reload this page, and try again.");
    }
  });
})();
