// Asks for the pictures again when the server was gone: a browser doesn't by itself.

const PAUSE_MS = 3000;
const image = document.querySelector("img");
const address = image.src;
let isLost = false;

async function isThere() {
  try {
    // Starts no camera.
    const answer = await fetch(address, { method: "HEAD", signal: AbortSignal.timeout(PAUSE_MS) });
    return answer.ok;
  } catch {
    return false;
  }
}

image.addEventListener("error", () => (isLost = true));
setInterval(async () => {
  if (!(await isThere())) {
    isLost = true;
  } else if (isLost) {
    isLost = false;
    image.src = `${address}?${Date.now()}`;
  }
}, PAUSE_MS);
