/* A browser cannot fetch the pages' texts from the file system: show the titles alone there. */
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

/* What is wider than its box scrolls in it; let the keyboard reach it. */
addEventListener("DOMContentLoaded", () => {
  const mark = (entries) => {
    const near = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
    const wide = near.map((box) => box.scrollWidth > box.clientWidth);
    near.forEach((box, i) => (wide[i] ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  };
  const boxes = ".katex-display, .bd-article pre, .pst-scrollable-table-container";
  let observer;
  const observe = () => {
    observer?.disconnect();
    observer = new IntersectionObserver(mark, { rootMargin: "50%" });
    document.querySelectorAll(boxes).forEach((box) => observer.observe(box));
  };
  addEventListener("resize", observe);
  observe();
});
