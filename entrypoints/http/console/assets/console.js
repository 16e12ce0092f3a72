// Keeps the page as the server says it is: it sends the regions that have changed, once a second.
// What is there already is kept and only made equal, so that the focus, what is open and what is scrolled stay.

const live = document.getElementById("live");
const said = document.getElementById("said");
let stream = null;

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined;
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && key(one) === key(other);
}

function equalize(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whether something is open is for its reader to say.
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  children(old, fresh);
}

function children(old, fresh) {
  const keyed = new Map();
  for (const each of old.childNodes) if (key(each) !== undefined) keyed.set(key(each), each);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let found = key(wanted) === undefined ? at : keyed.get(key(wanted));
    if (found && !alike(found, wanted)) found = null;
    if (found) {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      equalize(found, wanted);
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function show(regions) {
  for (const [name, markup] of Object.entries(regions)) {
    const region = document.getElementById(`region-${name}`);
    const parsed = new DOMParser().parseFromString(`<div>${markup}</div>`, "text/html");
    if (region) children(region, parsed.body.firstChild);
  }
}

function say(state, text) {
  if (live.textContent === text) return;
  live.textContent = text;
  live.className = state;
}

function open() {
  stream = new EventSource(document.body.dataset.events);
  stream.addEventListener("regions", (event) => {
    say("on", "live");
    show(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    say("off", "no connection; trying again …");
    if (stream.readyState !== EventSource.CLOSED) return;
    // Refused: whoever looks has to sign in again, or the server is full.
    stream = null;
    setTimeout(() => (document.hidden ? null : location.reload()), 5000);
  });
}

// A page that nobody sees costs the server nothing.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    if (!stream) open();
  } else if (stream) {
    stream.close();
    stream = null;
    say("off", "paused");
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (form.id !== "cancel" || !button) return;
  event.preventDefault();
  button.disabled = true;
  const body = new URLSearchParams(new FormData(form));
  body.set("call", button.value);
  try {
    const answer = await fetch("/console/cancel", { method: "POST", body, headers: { accept: "text/plain" } });
    said.textContent = (await answer.text()).trim();
    if (!answer.ok) say("off", said.textContent);
  } catch {
    said.textContent = "The server does not answer.";
    button.disabled = false;
  }
});

open();
