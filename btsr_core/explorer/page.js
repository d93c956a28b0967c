// Starts the slider on a page without a kernel: what it shows lies in the element itself.
for (const el of document.querySelectorAll("div.btsr-explorer[id]")) {
  const payload = JSON.parse(el.querySelector("script").textContent);
  const values = { ...payload.default, payload, dataset: payload.dataset, choice: payload.chosen };
  const listeners = {};
  const model = {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener(value);
    },
    save_changes() {},
    send() {},
    on(event, listener) {
      (listeners[event] ??= new Set()).add(listener);
    },
    off(event, listener) {
      listeners[event]?.delete(listener);
    },
  };
  el.replaceChildren();
  explorer.render({ model, el });
}
