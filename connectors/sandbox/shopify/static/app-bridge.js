// What an embedded page needs of App Bridge when Admin is the sandbox: session tokens, asked of the frame around it, and
// put on every request to the page's own server.
(() => {
  const waiting = new Map();
  let asked = 0;
  addEventListener("message", (event) => {
    if (event.source !== parent || event.data?.type !== "sandbox:idToken" || !waiting.has(event.data.id)) return;
    waiting.get(event.data.id)(event.data.token);
    waiting.delete(event.data.id);
  });
  const idToken = () => new Promise((resolve) => {
    asked += 1;
    waiting.set(asked, resolve);
    parent.postMessage({ type: "sandbox:idToken", id: asked }, "*");
  });
  window.shopify = { ...window.shopify, idToken };
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
})();
