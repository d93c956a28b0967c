// Elements, made of plain values.

/**
 * @param {string} tag
 * @param {object} attributes by their names in HTML; false and null leave one out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

/** Text that is read out and not seen. */
export function unseen(text) {
  return make("span", { class: "btsr-unseen" }, text);
}

/** A mark that is seen, and words for it that are read out. */
export function marked(mark, text, className) {
  return make("span", { class: className },
    make("span", { "aria-hidden": "true" }, mark), unseen(text));
}

/** Set text only where it differs: a change of nothing would cost a layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
