// What the theme leaves out for readers who use a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.setAttribute("aria-level", "2");
  for (const wide of document.querySelectorAll("pre, .table-wrapper")) wide.setAttribute("tabindex", "0");
  // Sphinx writes the parameters of a long signature as a definition list without terms.
  for (const list of document.querySelectorAll(".sig dl")) list.setAttribute("role", "presentation");
});
