// What the page asks of the server. Changes carry the admin token, which is asked for once.

// An answer that takes longer than this won't come.
const PATIENCE_MS = 10_000;
const UPLOAD_PATIENCE_MS = 120_000;
// Somebody looks for a password.
const LOGIN_PATIENCE_MS = 300_000;
const PROBE_MS = 4000;
// The server's root: below a proxy's path it isn't the host's.
const ROOT = new URL("../", import.meta.url);
// A login in the page's address is for the proxy, which the browser tells it; no request may have
// it in its address.
ROOT.username = ROOT.password = "";
// Two servers below two paths of one proxy have tokens of their own.
const TOKEN =
  ROOT.pathname === "/" ? "mattebox-admin-token" : `mattebox-admin-token ${ROOT.pathname}`;

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
    // The browser has asked for a login, which somebody has not given.
    this.isLoginRefused = response.status === 401 && response.headers.has("WWW-Authenticate");
  }
}

const PROXY_STATUS = {
  401: "asks for a login: load this page again",
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
  const words = isLogin ? "asks for a login: load this page again" : PROXY_STATUS[status];
  return `the proxy in front ${words ?? `answers ${status}`}`;
}

/**
 * The address of what the server has at `path`, which is relative to the server's root:
 * `api/v1/streams`.
 */
export function address(path) {
  return new URL(path, ROOT).href;
}

// The token where the browser keeps nothing, until the page is left.
let tokenInMemory = null;

/** What `act` gives of the browser's storage; `undefined` where it allows none. */
export function withStorage(act) {
  try {
    return act(localStorage);
  } catch {
    return undefined;
  }
}

/** The admin token, if it was asked for. */
export function knownToken() {
  const token = withStorage((storage) => storage.getItem(TOKEN)) ?? tokenInMemory;
  return token && isSendable(token) ? token : null;
}

function remember(token) {
  tokenInMemory = token;
  withStorage((storage) =>
    token === null ? storage.removeItem(TOKEN) : storage.setItem(TOKEN, token),
  );
}

/** Whether a header can have it. */
function isSendable(token) {
  return !/[\0\r\n]/.test(token);
}

/**
 * The header that shows the admin token, in UTF-8; none if it isn't known. `Authorization` is left
 * to a proxy's login.
 */
export function tokenHeaders(token = knownToken()) {
  // A header's characters are its bytes (Fetch standard, "ByteString").
  const bytes = new TextEncoder().encode(token ?? "");
  return token ? { "X-Mattebox-Token": String.fromCharCode(...bytes) } : {};
}

export async function get(path) {
  return ask(path, {}, PATIENCE_MS, answer);
}

/** The same with the admin token, if it is known, to whom more is shown. */
export async function getAsAdmin(path) {
  return ask(path, { headers: tokenHeaders() }, PATIENCE_MS, answer);
}

/**
 * What `use` makes of the answer from `path`. It may take `patience` milliseconds. It may take
 * longer while the browser asks for a proxy's login, whose box would go with the request;
 * `options.loginAsked()` is called then.
 */
export async function ask(path, options, patience, use) {
  const ending = new AbortController();
  const { signal, loginAsked, ...rest } = options;
  signal?.addEventListener("abort", () => ending.abort());
  let isDone = false;
  const giveUp = () => isDone || ending.abort();
  const timer = setTimeout(async () => {
    const isLoginAsked = await needsLogin();
    if (isLoginAsked && !isDone) {
      loginAsked?.();
      setTimeout(giveUp, LOGIN_PATIENCE_MS);
    } else {
      giveUp();
    }
  }, patience);
  try {
    return await use(
      await fetch(address(path), { redirect: "manual", ...rest, signal: ending.signal }),
    );
  } catch (error) {
    throw error instanceof TypeError || error.name === "AbortError" ? unreached(error) : error;
  } finally {
    isDone = true;
    clearTimeout(timer);
  }
}

function unreached(error) {
  return new Error(
    error.name === "AbortError" ? "no answer comes" : "the server can't be reached",
    { cause: error },
  );
}

/**
 * Whether a proxy asks for a login, by a request without one, for which the browser shows no box.
 */
async function needsLogin() {
  const options = {
    credentials: "omit",
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.timeout(PROBE_MS),
  };
  try {
    return (await fetch(address("api/v1/access"), options)).status === 401;
  } catch {
    return false;
  }
}

/** Asks for a change. `body` is JSON, or a file. */
export async function change(method, path, body) {
  return (await changeFile(method, path, body)).body;
}

/**
 * The same, with the pipeline file's `revision` after it, and the version that it was `previous`ly,
 * if it was another.
 */
export async function changeFile(method, path, body) {
  let wrong = "";
  for (;;) {
    const token = knownToken() ?? (await askForToken(wrong));
    try {
      return await send(method, path, body, token, async (response) => ({
        body: await answer(response),
        revision: response.headers.get("X-Mattebox-Revision"),
        previous: response.headers.get("X-Mattebox-Previous"),
      }));
    } catch (error) {
      if (!(error instanceof Refusal && error.status === 401)) {
        throw error;
      }
      remember(null);
      wrong = "The server does not accept that token.";
    }
  }
}

function send(method, path, body, token, use) {
  const isFile = body instanceof Blob;
  const headers = tokenHeaders(token);
  if (body !== undefined) {
    headers["Content-Type"] = isFile ? "application/wasm" : "application/json";
  }
  const options = { method, headers, body: isFile ? body : JSON.stringify(body) };
  return ask(path, options, isFile ? UPLOAD_PATIENCE_MS : PATIENCE_MS, use);
}

/**
 * What the server answers. Fails with why it refuses, or with what a proxy answers in its place.
 */
export async function answer(response) {
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
        const token = input.value.trim();
        if (dialog.returnValue === "send" && token) {
          remember(token);
          resolve(token);
        } else {
          reject(
            new Refusal(401, { detail: "Nothing has changed: changes need the admin token." }),
          );
        }
      },
      { once: true },
    );
  });
}
