// What the page asks of the server. Changes carry the admin token, which is asked for once.

// An answer that takes longer than this won't come.
const PATIENCE_MS = 10_000;
const UPLOAD_PATIENCE_MS = 120_000;
const TOKEN = "mattebox-admin-token";

/** Why the server refused; `problems` have the places in the pipeline file. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || `the server answers ${status}`);
    this.status = status;
    this.problems = problem.problems ?? [];
  }
}

export async function get(target) {
  return answer(await fetch(target, { signal: AbortSignal.timeout(PATIENCE_MS) }));
}

/** The admin token, if it was asked for. */
export function knownToken() {
  return localStorage.getItem(TOKEN);
}

/** The same with the admin token, if it is known, to whom more is shown. */
export async function getAsAdmin(target) {
  const headers = knownToken() ? { Authorization: `Bearer ${knownToken()}` } : {};
  return answer(await fetch(target, { headers, signal: AbortSignal.timeout(PATIENCE_MS) }));
}

/** Asks for a change. `body` is JSON, or a file. */
export async function change(method, target, body) {
  let wrong = "";
  for (;;) {
    const token = localStorage.getItem(TOKEN) ?? (await askForToken(wrong));
    try {
      return answer(await send(method, target, body, token));
    } catch (error) {
      if (error.status !== 401) {
        throw error;
      }
      localStorage.removeItem(TOKEN);
      wrong = "The server does not accept that token.";
    }
  }
}

async function send(method, target, body, token) {
  const isFile = body instanceof Blob;
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) {
    headers["Content-Type"] = isFile ? "application/wasm" : "application/json";
  }
  const response = await fetch(target, {
    method,
    headers,
    body: isFile ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(isFile ? UPLOAD_PATIENCE_MS : PATIENCE_MS),
  });
  if (response.status === 401) {
    throw new Refusal(401, await response.json());
  }
  return response;
}

async function answer(response) {
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  const body = isJson ? await response.json() : null;
  if (!response.ok) {
    throw new Refusal(response.status, body ?? {});
  }
  return body;
}

let asking = null;

/** Several changes may need it at once; all of them wait for the same answer. */
function askForToken(wrong) {
  asking ??= askOnce(wrong).finally(() => (asking = null));
  return asking;
}

function askOnce(wrong) {
  const dialog = document.getElementById("token");
  const input = dialog.querySelector("input");
  dialog.querySelector(".error").textContent = wrong;
  dialog.returnValue = "";
  input.value = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "send" && input.value) {
          localStorage.setItem(TOKEN, input.value);
          resolve(input.value);
        } else {
          reject(new Refusal(401, { detail: "Nothing has changed: changes need the admin token." }));
        }
      },
      { once: true },
    );
  });
}
