// What the page asks of the server. The browser shows the session's cookie by itself; where a
// change takes a login, that is asked for.

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
/**
 * What each request has: no form of another site's page can send it, and to one who does the server
 * answers no challenge, for which the browser would show a box of its own.
 */
export const MARK = { "X-Requested-With": "mattebox" };

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

/** What `act` gives of the browser's storage; `undefined` where it allows none. */
export function withStorage(act) {
  try {
    return act(localStorage);
  } catch {
    return undefined;
  }
}

// A page of an earlier version kept the admin token there.
withStorage((storage) => {
  const path = ROOT.pathname === "/" ? "" : ` ${ROOT.pathname}`;
  storage.removeItem(`mattebox-admin-token${path}`);
});

let login = null;

/**
 * Where a change takes a login, `asked.ask()` is called, which resolves once somebody has logged
 * in: before the change, if `asked.isMissing()`, or when the server refuses.
 */
export function setLogin(asked) {
  login = asked;
}

export async function get(path) {
  return ask(path, {}, PATIENCE_MS, answer);
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
      await fetch(address(path), {
        redirect: "manual",
        ...rest,
        headers: { ...MARK, ...rest.headers },
        signal: ending.signal,
      }),
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
  for (;;) {
    if (login.isMissing()) {
      await login.ask();
    }
    try {
      return await send(method, path, body, async (response) => ({
        body: await answer(response),
        revision: response.headers.get("X-Mattebox-Revision"),
        previous: response.headers.get("X-Mattebox-Previous"),
      }));
    } catch (error) {
      if (!isLoginNeeded(error)) {
        throw error;
      }
      await login.ask();
    }
  }
}

/** Whether the server refuses because nobody is logged in. */
export function isLoginNeeded(error) {
  return error instanceof Refusal && error.status === 401;
}

/** Asks for a change, without asking for a login. */
export function changeOnce(method, path, body) {
  return send(method, path, body, answer);
}

function send(method, path, body, use) {
  const isFile = body instanceof Blob;
  const headers = {};
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
  // No proxy answers so in the server's place.
  const isEmpty = response.status === 204 || response.status === 201;
  if (!isJson && !isEmpty) {
    throw new ProxyAnswer(response);
  }
  const body = isJson ? await response.json() : null;
  if (!response.ok) {
    throw new Refusal(response.status, body);
  }
  return body;
}
