// Times in the person's zone, and the end of a search. Everything else works without it.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
}
localTimes(document);
new MutationObserver(() => localTimes(document)).observe(document.body, { childList: true, subtree: true });

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
