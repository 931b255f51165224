// A small graph of how long a step takes for a frame.

const POINTS = 60;
const WIDTH = 120;
const HEIGHT = 28;
const SVG = "http://www.w3.org/2000/svg";

export class Graph {
  #values = [];
  #calls = null;
  #seconds = 0;
  #line = document.createElementNS(SVG, "polyline");

  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "graph");
    this.element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.element.append(this.#line);
  }

  /**
   * Takes in what the API says now; gives the milliseconds for a frame since the last time, if
   * there was one.
   */
  add(report) {
    const calls = report.calls - (this.#calls ?? report.calls);
    const seconds = report.call_seconds - this.#seconds;
    this.#calls = report.calls;
    this.#seconds = report.call_seconds;
    if (calls > 0) {
      this.#values.push((seconds / calls) * 1000);
      this.#values.splice(0, this.#values.length - POINTS);
      this.#draw();
    }
    return this.#values.at(-1);
  }

  #draw() {
    const most = Math.max(...this.#values, 0.01);
    const points = this.#values.map((value, at) => {
      const x = WIDTH - (this.#values.length - 1 - at) * (WIDTH / (POINTS - 1));
      return `${x.toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
    });
    this.#line.setAttribute("points", points.join(" "));
  }
}
