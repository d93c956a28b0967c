// Colours of the page that the explorer stands in: the book's, JupyterLab's or its own.

/** Okabe and Ito's palette; in the dark, blue and the rest are lifted to keep their contrast. */
const LIGHT = { now: "#D55E00", before: "#0072B2", 1: "#0072B2", 2: "#009E73", 3: "#CC79A7" };
const DARK = { now: "#E69F00", before: "#56B4E9", 1: "#56B4E9", 2: "#009E73", 3: "#CC79A7" };

/** @returns {number[]} red, green, blue and alpha of what the browser computed */
function channels(colour) {
  const found = colour.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
  return [...found, 1].slice(0, 4);
}

/**
 * Read the colours that hold now.
 * @param {HTMLElement} root the explorer, whose custom properties follow the host's
 */
export function themeOf(root) {
  const probe = document.createElement("span");
  root.append(probe);
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const text = colour("--btsr-text");
  const [red, green, blue] = channels(text);
  const isDark = 0.299 * red + 0.587 * green + 0.114 * blue > 128; // light text
  const theme = {
    ...(isDark ? DARK : LIGHT), isDark, text, muted: colour("--btsr-muted"),
    line: colour("--btsr-line"), surface: colour("--btsr-surface"),
    font: getComputedStyle(root).fontFamily,
  };
  probe.remove();
  return theme;
}

/** @returns {string} a colour of the palette, seen through */
export function pale(hex, opacity) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

/**
 * Call back whenever the host changes its theme.
 * @returns {function(): void} to stop it
 */
export function watchTheme(callback) {
  const observer = new MutationObserver(callback);
  const attributeFilter = [
    "data-theme", "data-mode", "class", "data-jp-theme-light", "data-jp-theme-name",
  ];
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributeFilter });
  }
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", callback);
  };
}
