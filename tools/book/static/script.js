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

/* The self-tests (jupyterquiz): say which question a field belongs to, and read out what comes back. */
addEventListener("load", () => {
  for (const quiz of document.querySelectorAll(".Quiz")) {
    const [question, answers, feedback] = quiz.children;
    answers.setAttribute("role", "group");
    for (const field of [answers, ...answers.querySelectorAll(".Input-text")])
      field.setAttribute("aria-labelledby", question.id);
    feedback.setAttribute("role", "status");
  }
});
