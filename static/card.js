// One stream on the page. Texts from the server are only ever set as text, never as HTML.

import { address } from "./api.js";
import { make, setProse } from "./dom.js";
import { enlarge } from "./fullscreen.js";

const STATES = {
  preparing: "Preparing filters",
  resting: "Resting: nobody watches",
  starting: "Starting",
  running: "Running",
  failing: "Failing",
  ended: "The recording is over",
};
const NO_CONNECTION = "No connection";

export class Card {
  /** What the user wants: a running picture, or a still one. */
  isWanted = true;
  isVisible = false;
  /** Called with the canvas whenever there is another picture on it. */
  onPicture = null;
  /** What filters find in it, if any look for something. */
  regions = null;
  #drawings = 0;
  #drawn = 0;

  /**
   * `changed` is called when the user starts or stops the picture, `edit` and `editMasks` when the
   * stream is to be edited, `share` when there is to be a link to it.
   */
  constructor(name, { changed, edit, editMasks, share }) {
    this.name = name;
    const template = document.getElementById("card");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.name = name;
    const link = this.#part("open");
    link.href = `#${encodeURIComponent(name)}`;
    this.#part("snapshot").href = this.#address("jpg");
    // The server names the file, with the time.
    this.#part("snapshot").download = "";
    this.#part("snapshot").setAttribute("aria-label", `Snapshot of ${name}`);
    this.#part("live").setAttribute("aria-label", `The live picture of ${name}`);
    this.#part("play").addEventListener("click", () => {
      this.isWanted = !this.isWanted;
      this.#showWish();
      changed();
    });
    this.#part("full").addEventListener("click", (event) => enlarge(this.picture, event.target));
    this.#part("share").setAttribute("aria-label", `Share ${name}`);
    this.#part("share").addEventListener("click", share);
    this.#part("edit").setAttribute("aria-label", `Edit ${name}`);
    this.#part("edit").addEventListener("click", edit);
    this.#part("edit-masks").setAttribute("aria-label", `Masks of ${name}`);
    this.#part("edit-masks").addEventListener("click", () => editMasks(this));
    this.#showWish();
  }

  #address(extension) {
    return address(`${encodeURIComponent(this.name)}.${extension}`);
  }

  #part(name) {
    return this.element.querySelector(`.${name}`);
  }

  /** Where the picture is: the one part that has a box of its own in every window. */
  get picture() {
    return this.#part("picture");
  }

  /** The canvas with the newest picture. */
  get live() {
    return this.#part("live");
  }

  /** Whether the picture is to run. */
  get runs() {
    return this.isVisible && this.isWanted;
  }

  #showWish() {
    const play = this.#part("play");
    play.textContent = this.isWanted ? "Pause" : "Play";
    play.setAttribute("aria-label", `${play.textContent} ${this.name}`);
  }

  /** Shows a picture, unless a later one is shown already; resolves once it is done. */
  async draw(jpeg) {
    this.#drawings += 1;
    const drawing = this.#drawings;
    let bitmap;
    try {
      bitmap = await createImageBitmap(jpeg);
    } catch {
      this.#note("This browser can't show the stream's pictures.");
      return;
    }
    if (drawing > this.#drawn) {
      this.#drawn = drawing;
      this.#put(bitmap);
      this.#note("");
    }
    bitmap.close();
  }

  #put(bitmap) {
    const live = this.#part("live");
    // Its shape goes by these, not by what it shows.
    if (live.width !== bitmap.width || live.height !== bitmap.height) {
      Object.assign(live, { width: bitmap.width, height: bitmap.height });
    }
    live.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
    live.hidden = false;
    this.onPicture?.(live);
  }

  /** Says on the picture why there is none. */
  #note(text) {
    const notice = this.#part("notice");
    if (notice.textContent !== text) {
      notice.textContent = text;
      notice.hidden = text === "";
    }
  }

  /**
   * Says that the server can't be reached, on the picture also, which is the last one until another
   * comes.
   */
  showLoss() {
    this.#note(NO_CONNECTION);
    this.element.dataset.state = "lost";
    this.#text("state-text", NO_CONNECTION);
  }

  /**
   * Shows what the server tells of the stream, and why it doesn't show it here, if it is `refused`,
   * to somebody with these `rights`.
   */
  show(report, refused, rights) {
    this.#part("share").hidden = !rights.operates;
    this.#part("edit").hidden = !rights.administers;
    this.#part("edit-masks").hidden = !rights.administers;
    if (this.#part("notice").textContent === NO_CONNECTION && !this.runs) {
      this.#note("");
    }
    if (refused) {
      this.#note(refused);
    }
    this.element.dataset.state = report.state;
    this.#text("open", report.title);
    this.#text("state-text", state(report));
    setProse(this.#part("error"), report.error ?? "");
    this.#part("error").hidden = !report.error;
    this.#text("viewers", report.viewers);
    this.#text("wanted", wanted(report));
    this.#text("rate", rate(report));
    this.#text("size", report.width ? `${report.width} × ${report.height}` : "–");
    if (report.width) {
      this.picture.style.setProperty("--shape", `${report.width} / ${report.height}`);
    }
    this.#part("chain").replaceChildren(...chain(report));
    setProse(
      this.#part("reason"),
      report.path ? `${report.path}, since ${report.path_reason}` : "",
    );
    this.#text("masks-told", masks(report));
    this.#part("masks-told").hidden = report.masks.length === 0;
    this.#failures(report.filters);
    this.#link("stream-link", this.#address("mjpeg"));
    this.#link("snapshot-link", this.#address("jpg"));
  }

  #text(part, text) {
    this.#part(part).textContent = text;
  }

  #link(part, url) {
    this.#part(part).href = url;
    this.#text(part, new URL(url).pathname);
  }

  #failures(filters) {
    const failing = filters.filter((filter) => filter.state === "failing");
    const items = failing.map((filter) => {
      const item = make("li");
      setProse(item, `${filter.use}: ${filter.last_error}`);
      return item;
    });
    this.#part("failures").replaceChildren(...items);
    this.#part("failures").hidden = items.length === 0;
  }
}

/** What the stream does, and which filter is being compiled for it. */
function state(report) {
  const words = STATES[report.state] ?? report.state;
  if (!report.compiling) {
    return words;
  }
  const { use, seconds } = report.compiling;
  return `${words}; compiling ${use} for ${seconds} s`;
}

function rate(report) {
  const [out, into] = [report.fps_out, report.fps_in];
  return Math.abs(out - into) < 0.6 ? `${out} fps` : `${out} of ${into} fps`;
}

/** Who wants the camera on, and how much of it. */
function wanted(report) {
  const by = report.wanted_by.join(", ") || "nobody";
  return report.wanted_fps === null ? by : `${by}, ${report.wanted_fps} fps`;
}

/** Which masks cover, and how. */
function masks(report) {
  const names = (isOn) =>
    report.masks.filter((mask) => mask.is_on === isOn).map((mask) => mask.name);
  const off = names(false).length > 0 ? `; off: ${names(false).join(", ")}` : "";
  return `Masked: ${names(true).join(", ") || "nothing"}${off}`;
}

/** The way of a frame: camera, filters, path. */
function chain(report) {
  const path = make("li", { textContent: report.path ?? "no frame yet" });
  path.classList.toggle("path", report.path !== null);
  return [driver(report), ...report.filters.map(step), path];
}

function driver(report) {
  const item = make("li", { textContent: report.driver });
  if (report.source_set_by === "command-line") {
    item.append(make("small", { className: "origin", textContent: "by --source" }));
  }
  if (report.restart_markers !== null) {
    const words = report.restart_markers ? "restart markers" : "no restart markers";
    item.append(make("small", { textContent: words }));
    item.title = "Drawing on frames with restart markers costs less";
  }
  return item;
}

function step(filter) {
  const item = make("li", { textContent: filter.use });
  item.classList.toggle("failing", filter.state === "failing");
  if (filter.p50_us !== null) {
    item.append(make("small", { textContent: `${(filter.p50_us / 1000).toFixed(2)} ms` }));
    item.title = `${filter.kind}; half of its calls take at most ${filter.p50_us} µs`;
  }
  return item;
}
