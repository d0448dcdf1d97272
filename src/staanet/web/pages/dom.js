// Making elements: texts are always texts, never markup.

export const $ = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;

/** A share in per cent with as many decimals as it needs to be told from zero. */
export const share = (value) =>
  `${value >= 0.01 || !value ? +(100 * value).toFixed(1) : +(100 * value).toPrecision(2)}\u00a0%`;

export function problem(element, message) {
  element.hidden = !message;
  element.textContent = message || "";
}
