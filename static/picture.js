// Asks for the pictures again when the server was gone: a browser doesn't by itself.

const PAUSE_MS = 3000;
const image = document.querySelector("img");
const pictures = image.src;
const page = new URL(location.href);
// The browser tells a proxy the login in the page's address by itself; no request may have it in
// its address.
page.username = page.password = "";
let seen = null;
let isLost = false;

/** What tells this run of the server from others; null where it can't be reached. */
async function run() {
  try {
    const answer = await fetch(page, { method: "HEAD", signal: AbortSignal.timeout(PAUSE_MS) });
    return answer.ok ? answer.headers.get("X-Mattebox-Run") : null;
  } catch {
    return null;
  }
}

/** Says on the picture why it is an old one; an empty text takes that back. */
function mark(text) {
  document.body.classList.toggle("lost", text !== "");
  document.getElementById("notice").textContent = text;
}

async function look() {
  const now = await run();
  if (now === null) {
    isLost = true;
    mark("No connection");
    return;
  }
  if (isLost || (seen !== null && now !== seen)) {
    image.src = `${pictures}?${Date.now()}`;
    isLost = false;
  } else {
    mark("");
  }
  seen = now;
}

image.addEventListener("load", () => isLost || mark(""));
image.addEventListener("error", () => {
  isLost = true;
  mark("No picture");
});
look();
setInterval(look, PAUSE_MS);
