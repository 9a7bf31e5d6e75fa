/* A browser cannot fetch the pages' texts from the file system: show the titles alone there. */
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

/* What is wider than its box scrolls in it; let the keyboard reach it. */
{
  const boxes = ".katex-display, .bd-article pre, .pst-scrollable-table-container";
  const mark = () => {
    const all = [...document.querySelectorAll(boxes)];
    const wide = all.map((box) => box.scrollWidth > box.clientWidth);
    all.forEach((box, i) => (wide[i] ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
}
