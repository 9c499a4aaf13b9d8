// What an embedded page needs of App Bridge when Admin is the sandbox, all of it asked of the frame around it: session
// tokens (put on every request to the page's own server), the app's menu, its address in Admin's, and the save bar.
(() => {
  const OF_THE_FRAME = ["id_token", "embedded", "hmac", "host", "locale", "session", "shop", "timestamp"];
  const waiting = new Map();
  let asked = 0;
  const tell = (type, more = {}) => parent.postMessage({ type: `sandbox:${type}`, ...more }, "*");
  const ask = (type) =>
    new Promise((resolve) => {
      asked += 1;
      waiting.set(asked, resolve);
      tell(type, { id: asked });
    });
  const heard = {};
  addEventListener("message", (event) => {
    const type = event.source === parent ? event.data?.type?.replace("sandbox:", "") : "";
    if (waiting.has(event.data?.id)) {
      waiting.get(event.data.id)(event.data);
      waiting.delete(event.data.id);
    } else heard[type]?.(event.data);
  });

  // -- who is there -------------------------------------------------------------------------------------------------

  const idToken = async () => (await ask("idToken")).token;
  const plain = window.fetch;
  const withToken = async (input, options, token) => {
    const request = new Request(input, options);
    if (!request.headers.has("Authorization")) request.headers.set("Authorization", `Bearer ${token}`);
    return plain(request);
  };
  window.fetch = async (input, options = {}) => {
    const address = new URL(input instanceof Request ? input.url : input, location.href);
    if (address.origin !== location.origin) return plain(input, options);
    const kept = input instanceof Request ? input.clone() : input;
    const answer = await withToken(input, options, await idToken());
    if (answer.status !== 401 || !answer.headers.get("X-Shopify-Retry-Invalid-Session-Request")) return answer;
    return withToken(kept, options, await idToken());
  };
  const again = new URL(location.href).searchParams.get("shopify-reload");
  if (again) {
    idToken().then((token) => {
      const there = new URL(again);
      there.searchParams.set("id_token", token);
      location.replace(there);
    });
  }

  // -- where they are -----------------------------------------------------------------------------------------------

  const route = () => {
    const here = new URL(location.href);
    OF_THE_FRAME.forEach((name) => here.searchParams.delete(name));
    tell("route", { path: here.pathname + here.search });
  };
  for (const name of ["pushState", "replaceState"]) {
    const real = history[name].bind(history);
    history[name] = (...how) => {
      real(...how);
      route();
    };
  }
  route();

  const menu = () => {
    const links = [...document.querySelectorAll("s-app-nav > s-link")].map((link) => ({
      href: link.getAttribute("href"),
      label: link.textContent.trim(),
      home: link.getAttribute("rel") === "home",
    }));
    if (links.length) tell("menu", { links });
  };
  heard.navigate = ({ href }) => {
    const link = [...document.querySelectorAll("s-app-nav > s-link")].find((one) => one.getAttribute("href") === href);
    link?.dispatchEvent(new CustomEvent("shopify:navigate", { bubbles: true }));
  };

  // -- what is not saved --------------------------------------------------------------------------------------------

  let unsaved = null;
  const bar = (form) => {
    unsaved = form;
    tell("saveBar", { shown: Boolean(form) });
  };
  document.addEventListener("input", ({ target }) => {
    const form = target.closest?.("form[data-save-bar]");
    if (form && form !== unsaved) bar(form);
  });
  for (const name of ["submit", "reset"]) {
    document.addEventListener(name, ({ target }) => target === unsaved && bar(null));
  }
  heard.save = () => unsaved?.requestSubmit();
  heard.discard = () => unsaved?.reset();
  const leaveConfirmation = async () => {
    if (!unsaved) return;
    if (!(await ask("leave")).goes) throw new Error("they stay");
    bar(null);
  };

  new MutationObserver(() => {
    menu();
    if (unsaved && !unsaved.isConnected) bar(null);
  }).observe(document, { childList: true, subtree: true });
  const loading = (on) => tell("loading", { on: Boolean(on) });
  window.shopify = { ...window.shopify, idToken, loading, saveBar: { leaveConfirmation } };
})();
