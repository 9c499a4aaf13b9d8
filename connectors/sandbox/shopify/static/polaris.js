// Those of Polaris' web components that pages of an app use when Admin is the sandbox.
(() => {
  const define = (name, style, inner) =>
    customElements.define(
      name,
      class extends HTMLElement {
        constructor() {
          super();
          this.attachShadow({ mode: "open", delegatesFocus: true }).innerHTML = `<style>${style}</style>${inner}`;
        }
      },
    );
  define(
    "s-button",
    `:host { display: inline-block } button { font: 500 0.8125rem/1.25rem Inter, system-ui, sans-serif; color: #303030;
     padding: 0.35rem 0.75rem; border: 0; border-radius: 0.5rem; background: #fff; box-shadow: 0 0 0 1px #d9d9d9; cursor: pointer }
     :host([variant=tertiary]) button { background: none; box-shadow: none } button:hover { background: #0000000d }
     button:focus-visible { outline: 2px solid #005bd3; outline-offset: 1px }`,
    "<button type='button'><slot></slot></button>",
  );
  define("s-link", ":host { color: #005bd3; cursor: pointer }", "<slot></slot>");
})();
