// What the page asks of the server. Changes carry the admin token, which is asked for once.

// An answer that takes longer than this won't come.
const PATIENCE_MS = 10_000;
const UPLOAD_PATIENCE_MS = 120_000;
// The server's root: below a proxy's path it isn't the host's.
const ROOT = new URL("../", import.meta.url);
// A login in the page's address is for the proxy, which the browser tells it; no request may have it in its address.
ROOT.username = ROOT.password = "";
// Two servers below two paths of one proxy have tokens of their own.
const TOKEN = ROOT.pathname === "/" ? "mattebox-admin-token" : `mattebox-admin-token ${ROOT.pathname}`;

/** Why the server refused; `problems` have the places in the pipeline file. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || `the server answers ${status}`);
    this.status = status;
    this.problems = problem.problems ?? [];
  }
}

/** An answer that isn't the server's own, but of a proxy in front of it. */
export class ProxyAnswer extends Error {
  constructor(response) {
    super(proxyWords(response));
    this.status = response.status;
  }
}

const PROXY_STATUS = {
  401: "wants a login: load this page again",
  403: "answers 403 Forbidden",
  404: "answers 404 Not Found",
  413: "answers 413 Content Too Large: it takes no body of this size",
  429: "answers 429 Too Many Requests",
  502: "answers 502 Bad Gateway: it doesn't reach the server",
  503: "answers 503 Service Unavailable: it doesn't reach the server",
  504: "answers 504 Gateway Timeout: the server is too slow for it",
};

function proxyWords({ type, ok, status }) {
  // Nothing of the server's redirects, and no answer of its API is a page.
  const isLogin = type === "opaqueredirect" || ok;
  const words = isLogin ? "shows another page, a login perhaps: load this page again" : PROXY_STATUS[status];
  return `the proxy in front ${words ?? `answers ${status}`}`;
}

/** The address of what the server has at `path`, which is relative to the server's root: `api/streams`. */
export function address(path) {
  return new URL(path, ROOT).href;
}

/** The admin token, if it was asked for. */
export function knownToken() {
  return localStorage.getItem(TOKEN);
}

/** The header that shows the admin token; none if it isn't known. `Authorization` is left to a proxy's login. */
export function tokenHeaders(token = knownToken()) {
  return token ? { "X-Mattebox-Token": token } : {};
}

export async function get(path) {
  return answer(await ask(path, {}));
}

/** The same with the admin token, if it is known, to whom more is shown. */
export async function getAsAdmin(path) {
  return answer(await ask(path, { headers: tokenHeaders() }));
}

function ask(path, options, patience = PATIENCE_MS) {
  return fetch(address(path), { redirect: "manual", signal: AbortSignal.timeout(patience), ...options });
}

/** Asks for a change. `body` is JSON, or a file. */
export async function change(method, path, body) {
  return (await changeFile(method, path, body)).body;
}

/** The same, with the pipeline file's `revision` after it, and the version that it was `previous`ly, if it was another. */
export async function changeFile(method, path, body) {
  let wrong = "";
  for (;;) {
    const token = knownToken() ?? (await askForToken(wrong));
    try {
      const response = await send(method, path, body, token);
      const { headers } = response;
      return {
        body: await answer(response),
        revision: headers.get("X-Mattebox-Revision"),
        previous: headers.get("X-Mattebox-Previous"),
      };
    } catch (error) {
      if (!(error instanceof Refusal && error.status === 401)) {
        throw error;
      }
      localStorage.removeItem(TOKEN);
      wrong = "The server does not accept that token.";
    }
  }
}

function send(method, path, body, token) {
  const isFile = body instanceof Blob;
  const headers = tokenHeaders(token);
  if (body !== undefined) {
    headers["Content-Type"] = isFile ? "application/wasm" : "application/json";
  }
  const options = { method, headers, body: isFile ? body : JSON.stringify(body) };
  return ask(path, options, isFile ? UPLOAD_PATIENCE_MS : PATIENCE_MS);
}

async function answer(response) {
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  const isEmpty = response.status === 204;
  if (!isJson && !isEmpty) {
    throw new ProxyAnswer(response);
  }
  const body = isJson ? await response.json() : null;
  if (!response.ok) {
    throw new Refusal(response.status, body);
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
