// Times in the person's zone, tables that scroll, and the end of a search. Everything else works without it.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
}
localTimes(document);
new MutationObserver(() => { localTimes(document); watchTables(); }).observe(document.body, { childList: true, subtree: true });

// A table that is wider than its place gets the focus, so that arrow keys scroll it.
const scrolling = new ResizeObserver((changes) => {
  for (const change of changes) {
    const box = change.target.closest(".scroll");
    if (!box) continue; // it was removed
    if (box.scrollWidth <= box.clientWidth) {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
      continue;
    }
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", (box.closest("section") ?? document).querySelector("h1, h2").textContent);
  }
});
function watchTables() {
  for (const part of document.querySelectorAll(".scroll, .scroll > table")) scrolling.observe(part);
}
watchTables();

document.addEventListener("click", (event) => {
  const stop = event.target.closest("[data-stop]");
  if (!stop) return;
  const row = stop.closest("[data-rest]");
  const stopped = row.cloneNode(false);
  stopped.removeAttribute("hx-trigger");
  stopped.removeAttribute("data-htmx-powered");
  const next = document.createElement("a");
  next.href = row.getAttribute("hx-get").replace("/rows?", "?");
  next.textContent = stop.dataset.next;
  stopped.append(document.createElement("td"));
  stopped.firstChild.colSpan = 5;
  stopped.firstChild.append(next);
  row.replaceWith(stopped);
});
