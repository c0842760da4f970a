// The rows of the log that are written while the page is open, the newest first.
const log = document.querySelector("[data-log]");
const live = document.querySelector("[data-live]");
const status = live.querySelector("[data-status]");
const pause = live.querySelector("[data-pause]");
const rows = log.querySelector("tbody");
const [liveText, pausedText, lostText] = log.dataset.texts.split("|");
const pauseText = pause.textContent;
const maxRows = Number(log.dataset.rows);
const retryAfter = 5000;
const lostAfter = 4000;
let after = log.dataset.after;
let source = null;
let paused = false;
let ended = false;
let retry = 0;
let lost = 0;

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

function open() {
  close();
  if (paused || ended || document.hidden) return;
  source = new EventSource(log.dataset.log + "&after=" + encodeURIComponent(after));
  source.onopen = () => {
    forgive();
    say(log.dataset.once || liveText);
  };
  source.onerror = () => {
    lost = lost || setTimeout(() => say(lostText), lostAfter); // a stream that has ended in time is opened again at once
    if (source.readyState === EventSource.CLOSED) checkSession();
  };
  listen("rows", add);
  listen("status", say);
  listen("alive", () => {});
  listen("end", () => {
    ended = true;
    pause.hidden = true;
    close();
  });
}

// checkSession opens the stream again later, or shows the link to the sign-in if the console does not know the browser any more. A
// stream does not tell why it was refused.
async function checkSession() {
  const refused = source;
  const answer = await fetch("/", { redirect: "manual", headers: { "HX-Request": "true", "HX-Current-URL": location.href } }).catch(() => null);
  if (source !== refused) return; // paused, hidden or opened again meanwhile
  if (answer?.status !== 401) {
    retry = setTimeout(open, retryAfter);
    return;
  }
  ended = true;
  forgive();
  close();
  live.innerHTML = await answer.text();
}

// forgive takes back that the console is about to be called lost.
function forgive() {
  clearTimeout(lost);
  lost = 0;
}

function listen(name, handle) {
  source.addEventListener(name, (event) => {
    after = event.lastEventId;
    handle(event.data);
  });
}

function close() {
  clearTimeout(retry);
  if (source) source.close();
  source = null;
}

// add adds rows above the others. A row that is there already is not added again.
function add(html) {
  const part = document.createElement("template");
  part.innerHTML = html;
  for (const row of [...part.content.children]) {
    if (document.getElementById(row.id)) continue;
    row.classList.add("new");
    rows.prepend(row);
  }
  while (rows.rows.length > maxRows) rows.lastElementChild.remove();
  document.querySelector("[data-empty]")?.remove();
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? pause.dataset.resume : pauseText;
  if (paused) {
    close();
    forgive();
    say(pausedText);
  } else {
    open();
  }
});
// A browser has six connections to one address: a page that is not seen gives its own back.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
live.hidden = false;
open();
