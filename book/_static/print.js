// Paper is white: a page in the dark is printed in the colours of the light.
(() => {
  "use strict";

  const page = document.documentElement;

  addEventListener("beforeprint", () => {
    const before = page.dataset.theme;
    page.dataset.theme = "light";
    addEventListener("afterprint", () => { page.dataset.theme = before; }, { once: true });
  });
})();
