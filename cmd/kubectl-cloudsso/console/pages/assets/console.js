// Times in the person's zone, tables that scroll or become cards, and the progress and the end of a search. Everything else works without it.
const clock = { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
    if ("clock" in time.dataset) setText(time, at.toLocaleString(undefined, clock));
  }
}
localTimes(document);

// In a narrow window each row of a table is a card, in which each cell has the name of its column. The roles keep it a table for screen
// readers, because style.css lays it out as blocks.
function nameCells() {
  for (const table of document.querySelectorAll("table")) {
    if (!table.tHead) continue;
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    table.classList.add("cards");
    for (const row of table.querySelectorAll("tr:not([role])")) {
      row.setAttribute("role", "row");
      for (const cell of row.cells) {
        cell.setAttribute("role", cell.tagName === "TD" ? "cell" : cell.scope === "col" ? "columnheader" : "rowheader");
        if (cell.colSpan === 1 && cell.tagName === "TD") cell.dataset.column = names[cell.cellIndex];
      }
    }
    table.setAttribute("role", "table");
    for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
  }
}
nameCells();

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

// showSearch shows how far a search is above its list, where the button stays in its place while rows are added. A screen reader is
// told when the search ends, not at each step.
function showSearch() {
  const bar = document.querySelector("[data-searching]");
  if (!bar) return;
  const reading = [...document.querySelectorAll("[data-reading]")].at(-1); // the list, or else what the text names
  bar.hidden = !reading;
  if (reading) {
    const progress = bar.querySelector("progress");
    if (reading.dataset.total === "0") {
      progress.removeAttribute("value");
    } else {
      progress.max = reading.dataset.total;
      progress.value = reading.dataset.read;
    }
    setText(bar.querySelector("[data-shown]"), reading.querySelector("[data-progress]").textContent);
  }
  const said = new Set([...document.querySelectorAll("[data-said]")].map((row) => row.dataset.said));
  setText(document.querySelector("[data-search-status]"), reading ? "" : [...said].join(" "));
}

// setText writes a text that has changed: a mutation for each call would call for the next.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// stopSearch leaves a link in each row that reads on, from which it goes on.
function stopSearch(why) {
  for (const reading of document.querySelectorAll("[data-reading]")) {
    reading.dispatchEvent(new CustomEvent("htmx:abort"));
    reading.removeAttribute("data-reading");
    reading.dataset.said = why;
    reading.querySelector("[data-continue]").hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const stop = event.target.closest("[data-stop]");
  if (stop) stopSearch(stop.closest("[data-searching]").dataset.stopped);
});
document.addEventListener("htmx:before:request", (event) => {
  if (event.target.matches("tr.rest:not([data-reading])")) event.preventDefault(); // the search was stopped before the row read on
});
document.addEventListener("htmx:error", (event) => {
  const bar = document.querySelector("[data-searching]");
  if (bar && event.target.closest(".rest")) stopSearch(bar.dataset.lost);
  const step = event.target.closest("[data-step]"); // of a decision about all: it says why it has stopped, and offers to continue
  for (const hidden of step?.parentElement.querySelectorAll("[hidden]") ?? []) hidden.hidden = false;
});

// A notice is said once: its page has the address without it, to be shared and loaded again.
const here = new URL(location);
const isDone = here.searchParams.has("done");
if (isDone) {
  here.searchParams.delete("done");
  history.replaceState(history.state, "", here);
}

showSearch();
new MutationObserver(() => {
  localTimes(document);
  nameCells();
  watchTables();
  showSearch();
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-said", "data-reading"] });

// A token is copied by a button, and leaves the page with its person, so that going back does not show it.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const secret = document.getElementById(button.dataset.copy);
    const status = button.parentElement.querySelector("[data-copy-status]");
    try {
      await navigator.clipboard.writeText(secret.textContent);
      status.textContent = button.dataset.copied;
    } catch { // a browser gives no clipboard to a page without TLS that is not on loopback
      getSelection().selectAllChildren(secret);
      status.textContent = button.dataset.selected;
    }
  });
}
addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll("[data-secret]")) secret.remove();
});

// A form whose answer is shown only once is sent only once.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });
}

// What was typed into a form is kept in the tab until the form has done what it says, so that a reload does not lose it. A draft
// belongs to what the form does and to the person: the page that refuses a form may have another address than the one that showed it,
// and after a session has ended, another person may sign in.
const drafts = {
  sent: "sent", // the key of the draft of the form that was sent last
  keyOf: (form) => `draft ${document.querySelector(".person b")?.textContent ?? ""} ${form.getAttribute("action")}`,
  read(key) {
    try {
      return Object(JSON.parse(sessionStorage.getItem(key)));
    } catch { // no draft of this version
      return {};
    }
  },
  // settle ends the draft of a form that has done what it says.
  settle(isOver) {
    const sent = sessionStorage.getItem(drafts.sent);
    sessionStorage.removeItem(drafts.sent);
    if (isOver && sent) sessionStorage.removeItem(sent);
  },
};
const valueOf = (input) => (input.type === "checkbox" ? input.checked : input.value);
function keepDraft(form) {
  const key = drafts.keyOf(form);
  const notice = form.previousElementSibling.querySelector(".notice"); // parts_form.html has it
  let draft = drafts.read(key);
  for (const input of form.elements) {
    if (!Object.hasOwn(draft, input.name) || input.matches(":disabled, [type=hidden], button") || valueOf(input) === draft[input.name]) continue;
    if (input.type === "checkbox") input.checked = draft[input.name];
    else input.value = draft[input.name];
    notice.hidden = false;
  }
  const drop = () => {
    draft = {};
    sessionStorage.removeItem(key);
  };
  form.addEventListener("input", ({ target }) => {
    draft[target.name] = valueOf(target);
    sessionStorage.setItem(key, JSON.stringify(draft));
  });
  form.addEventListener("submit", () => sessionStorage.setItem(drafts.sent, key));
  notice.querySelector("button").addEventListener("click", () => {
    drop();
    form.reset();
    notice.hidden = true;
    form.querySelector("input:not([type=hidden]), select, textarea").focus();
  });
  for (const link of document.querySelectorAll("[data-cancel]")) link.addEventListener("click", drop);
}
drafts.settle(isDone || document.querySelector("[data-secret]"));
for (const form of document.querySelectorAll("form.edit")) keepDraft(form);
for (const form of document.querySelectorAll("form.person")) form.addEventListener("submit", () => sessionStorage.clear()); // signs out
