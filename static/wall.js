// The connection to the server: the pictures of all streams in sight and the server's state, by one
// WebSocket, or by one streamed answer where a proxy passes no WebSocket on. What goes by it is
// described in docs/reference/wall.md.

import { MARK, address, answer, ask } from "./api.js";

const SESSION = 0;
const STATE = 1;
const FRAME = 2;
const HEADER_BYTES = 22;
// The server takes no picture that is larger.
const BODY_BYTES_AT_MOST = 64 << 20;
// Frames of a stream that are under way, being decoded included.
const CREDIT = 2;
// The first message comes at once. Later the server says something every five seconds, and wants to
// hear something.
const FIRST_MS = 4000;
const SILENCE_MS = 15_000;
const ALIVE_MS = 15_000;
// Requests with credit: so often, and for so many streams, that each is a small one.
const SPACING_MS = 30;
const STREAMS_A_REQUEST = 50;
const PAUSES_MS = [300, 1000, 2000, 4000, 8000];
// Each try shows the browser's box for the login again.
const LOGIN_PAUSE_MS = 60_000;

export class Wall {
  #handlers;
  #closing = null;
  #ways = [bySocket, byStream];
  #link = null;
  #watched = new Set();
  /** By stream: the number of the frame that came last. */
  #numbers = new Map();
  #unsaid = { credit: {} };
  #saying = false;
  #refresh = 0;
  #waiting = [];

  /**
   * `state(state)`, `frame(name, jpeg)`, which resolves once the picture is shown, and
   * `lost(error)`.
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  open() {
    if (!this.#closing) {
      this.#closing = new AbortController();
      this.#keep(this.#closing.signal);
    }
  }

  close() {
    this.#closing?.abort();
    this.#closing = null;
  }

  /** Has the pictures of these streams come, and no others. */
  watch(names) {
    const [before, now] = [this.#watched, new Set(names)];
    this.#watched = now;
    for (const name of before) {
      if (!now.has(name)) {
        this.#tell({ credit: { [name]: 0 } });
      }
    }
    this.#credit([...now].filter((name) => !before.has(name)));
  }

  /**
   * Asks for the state, and resolves when it has come; when there is no connection, once the way is
   * clear again.
   */
  refresh() {
    this.#refresh += 1;
    const number = this.#refresh;
    this.#tell({ refresh: number });
    return new Promise((resolve) => this.#waiting.push({ number, resolve }));
  }

  #credit(names) {
    for (const name of names) {
      this.#tell({ credit: { [name]: (this.#numbers.get(name) ?? 0) + CREDIT } });
    }
  }

  /** Connects again and again, with growing pauses; by the way first that worked last. */
  async #keep(signal) {
    let failures = 0;
    while (!signal.aborted) {
      let error;
      for (const way of [...this.#ways]) {
        const link = new Link(this, signal);
        const reason = await link.run(way);
        // A browser does not tell why a WebSocket fails.
        error = way === bySocket ? (error ?? reason) : reason;
        this.#ended(link);
        if (link.say) {
          this.#ways.sort((a, b) => (b === way) - (a === way));
          failures = 0;
        }
        if (link.say || signal.aborted) {
          break;
        }
      }
      if (!signal.aborted) {
        this.lost(error);
        const time = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)];
        await pause(error.isLoginRefused ? LOGIN_PAUSE_MS : time, signal);
        failures += 1;
      }
    }
  }

  lost(error) {
    this.#handlers.lost(error);
  }

  /** A connection stands; what is in sight is asked for. */
  started(link) {
    this.#numbers.clear();
    this.#unsaid = { credit: {}, refresh: this.#waiting.at(-1)?.number };
    this.#link = link;
    this.#credit(this.#watched);
  }

  #ended(link) {
    if (this.#link === link) {
      this.#link = null;
      this.#answer(this.#refresh);
    }
  }

  /** Nobody waits any more who asked for the state this often, or less. */
  #answer(times) {
    const isDone = ({ number }) => number <= times;
    this.#waiting.filter(isDone).forEach(({ resolve }) => resolve());
    this.#waiting = this.#waiting.filter((waiting) => !isDone(waiting));
  }

  async received(link, { kind, name, number, body }) {
    if (kind === STATE) {
      const state = JSON.parse(new TextDecoder().decode(body));
      this.#handlers.state(state);
      this.#answer(state.refresh);
    } else if (kind === FRAME) {
      // Also if it is out of sight by now: it is counted from there when it comes back.
      this.#numbers.set(name, number);
      if (this.#watched.has(name)) {
        await this.#handlers.frame(name, new Blob([body], { type: "image/jpeg" }));
      }
      if (this.#watched.has(name) && this.#link === link) {
        this.#tell({ credit: { [name]: number + CREDIT } });
      }
    }
  }

  #tell({ credit, refresh }) {
    Object.assign(this.#unsaid.credit, credit);
    this.#unsaid.refresh = refresh ?? this.#unsaid.refresh;
    if (!this.#saying) {
      this.#tellAll();
    }
  }

  /** What was said of a stream meanwhile is said once. */
  async #tellAll() {
    this.#saying = true;
    try {
      // Several streams are told of at once.
      await null;
      while (this.#link && (Object.keys(this.#unsaid.credit).length > 0 || this.#unsaid.refresh)) {
        const all = Object.entries(this.#unsaid.credit);
        const { refresh } = this.#unsaid;
        this.#unsaid = { credit: Object.fromEntries(all.slice(STREAMS_A_REQUEST)) };
        await this.#link.say({
          credit: Object.fromEntries(all.slice(0, STREAMS_A_REQUEST)),
          refresh,
        });
      }
    } finally {
      this.#saying = false;
    }
  }
}

/** One connection, from its beginning to its end. */
class Link {
  /** Sends a message; none before the first one has come. */
  say = null;
  #wall;
  #ending = new AbortController();
  #timer;

  constructor(wall, outer) {
    this.#wall = wall;
    outer.addEventListener("abort", () => this.end(outer.reason), { signal: this.signal });
  }

  get signal() {
    return this.#ending.signal;
  }

  /** Tells why nothing comes yet. */
  tell(error) {
    this.#wall.lost(error);
  }

  end(error) {
    // Of which browsers only say "Failed to fetch", or "network error".
    this.#ending.abort(error instanceof TypeError ? new Error("it has broken off") : error);
  }

  /** Resolves with the reason of its end. */
  async run(way) {
    const alive = setInterval(() => this.say?.({}), ALIVE_MS);
    const ended = new Promise((resolve) => this.signal.addEventListener("abort", resolve));
    way(this).then(
      () => this.end(new Error("the server has ended it")),
      (error) => this.end(error),
    );
    await ended;
    clearInterval(alive);
    clearTimeout(this.#timer);
    return this.signal.reason;
  }

  /** Something comes within `time`, in milliseconds, or it ends. */
  expect(time) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(new Error("nothing comes")), time);
  }

  receive(message, say) {
    this.expect(SILENCE_MS);
    if (!this.say) {
      this.say = say;
      this.#wall.started(this);
    }
    this.#wall.received(this, message);
  }
}

/** Resolves when the socket has ended. */
async function bySocket(link) {
  link.expect(FIRST_MS);
  const socket = new WebSocket(address("api/v1/wall").replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  const say = async (message) => socket.send(JSON.stringify(message));
  socket.addEventListener("message", ({ data }) => link.receive(parse(data), say));
  link.signal.addEventListener("abort", () => socket.close());
  await new Promise((resolve) => socket.addEventListener("close", resolve));
}

/** Resolves when the answer has ended. */
async function byStream(link) {
  const { signal } = link;
  const loginAsked = () => link.tell(new Error("the proxy in front asks for a login"));
  const options = { signal, loginAsked, cache: "no-store" };
  const response = await ask("api/v1/wall/stream", options, FIRST_MS, (answered) => answered);
  if (!/octet-stream/.test(response.headers.get("Content-Type"))) {
    await answer(response);
    throw new Error(`the server answers ${response.status}`);
  }
  link.expect(FIRST_MS);
  let session = "";
  const say = async (message) => {
    const text = encodeURIComponent(JSON.stringify(message));
    const target = address(`api/v1/wall/stream/${session}?message=${text}`);
    try {
      const options = { signal, headers: MARK, cache: "no-store", redirect: "manual" };
      await answer(await fetch(target, options));
      await pause(SPACING_MS, signal);
    } catch (error) {
      link.end(error);
    }
  };
  const splitter = new Splitter();
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    for (const message of splitter.push(value)) {
      if (message.kind === SESSION) {
        session = new TextDecoder().decode(message.body);
      } else {
        link.receive(message, say);
      }
    }
  }
}

/** Takes an answer apart into its messages. */
class Splitter {
  #bytes = new Uint8Array(1 << 16);
  #filled = 0;

  push(chunk) {
    const wanted = this.#filled + chunk.length;
    if (wanted > this.#bytes.length) {
      const larger = new Uint8Array(2 * wanted);
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#filled);
    this.#filled = wanted;
    return this.#take();
  }

  #take() {
    const messages = [];
    let at = 0;
    while (this.#filled - at >= HEADER_BYTES) {
      const header = new DataView(this.#bytes.buffer, at, HEADER_BYTES);
      const [name, body] = [header.getUint8(1), header.getUint32(18)];
      if (body > BODY_BYTES_AT_MOST) {
        throw new Error("what comes is not the server's");
      }
      const end = at + HEADER_BYTES + name + body;
      if (end > this.#filled) {
        break;
      }
      messages.push(parse(this.#bytes.slice(at, end).buffer));
      at = end;
    }
    this.#bytes.copyWithin(0, at, this.#filled);
    this.#filled -= at;
    return messages;
  }
}

function parse(buffer) {
  const header = new DataView(buffer);
  const nameBytes = header.getUint8(1);
  return {
    kind: header.getUint8(0),
    name: new TextDecoder().decode(new Uint8Array(buffer, HEADER_BYTES, nameBytes)),
    number: Number(header.getBigUint64(2)),
    body: new Uint8Array(buffer, HEADER_BYTES + nameBytes),
  };
}

function pause(time, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, time);
    signal.addEventListener("abort", end);
  });
}
