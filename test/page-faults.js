// Runs in a page, and tells what a reader would find wrong with it: a list of sentences.
(() => {
  const TEXT_CONTRAST_MIN = 4.5;
  const MARK_CONTRAST_MIN = 3;
  const SLACK_PX = 2;
  const faults = [];

  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const isSeen = (color) => color !== "none" && color !== "transparent" && channels(color)[3] !== 0;
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((channel) => {
      const share = channel / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (isSeen(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };

  // What is folded away is read, too.
  for (const details of document.querySelectorAll("details")) details.open = true;
  const overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (overflow > 0) faults.push(`the page is ${overflow} px wider than its window`);

  for (const figure of document.querySelectorAll("figure.plot")) {
    const svg = figure.querySelector("svg[role=img]");
    if (svg === null) {
      if ((figure.querySelector(".nothing")?.textContent ?? "") === "") faults.push(`${figure.id} shows nothing`);
      continue;
    }
    const bounds = svg.getBoundingClientRect();
    if (bounds.width < 100 || bounds.height < 50) faults.push(`${figure.id} is ${bounds.width} by ${bounds.height} px`);
    for (const name of ["title", "desc"]) {
      const said = svg.querySelector(`:scope > ${name}`)?.textContent ?? "";
      if (said === "" || /NaN|undefined|Infinity/.test(said)) faults.push(`the ${name} of ${figure.id} is "${said}"`);
    }
    if (figure.querySelectorAll("tbody tr").length === 0) faults.push(`${figure.id} has no figures behind it`);
    const marks = [...svg.querySelectorAll(".mark")];
    if (marks.length === 0) faults.push(`${figure.id} has no marks`);
    for (const mark of marks) {
      const box = mark.getBoundingClientRect();
      const isInside =
        box.left >= bounds.left - SLACK_PX &&
        box.right <= bounds.right + SLACK_PX &&
        box.top >= bounds.top - SLACK_PX &&
        box.bottom <= bounds.bottom + SLACK_PX;
      const { stroke, fill } = getComputedStyle(mark);
      const color = mark.tagName === "rect" ? fill : stroke;
      if (!isInside) faults.push(`a mark of ${figure.id} is outside of it`);
      if (!isSeen(color) || contrast(color, groundOf(figure)) < MARK_CONTRAST_MIN) {
        faults.push(`a mark of ${figure.id} can hardly be seen: ${color}`);
      }
    }
  }

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (text === "" || element.closest("svg, script, style") !== null || element.getClientRects().length === 0)
      continue;
    const { color } = getComputedStyle(element);
    const found = contrast(color, groundOf(element));
    if (found < TEXT_CONTRAST_MIN) faults.push(`"${text.slice(0, 40)}" has a contrast of ${found.toFixed(2)}`);
    if (/\b(?:NaN|undefined|null|Infinity)\b|\[object/.test(text)) faults.push(`it says "${text.slice(0, 80)}"`);
  }
  return [...new Set(faults)];
})();
