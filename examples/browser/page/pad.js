// The drawing pad. A drawing becomes 8 by 8 pixels as the data did: it fills a square of 32 by 32 dots, and a pixel counts the dots of its 4 by 4.

import { color, sharp } from "./paint.js";

const at = (id) => document.getElementById(id);
const SIDE = 8;

export class Pad {
  constructor(page, run) {
    Object.assign(this, { page, run, strokes: [], pixels: new Uint8Array(SIDE * SIDE), asked: null, changed: false, pen: [0.5, 0.5], down: false, shown: -1 });
    const canvas = at("pad");
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.begin(this.place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) event.getCoalescedEvents?.().concat(event).forEach((each) => this.draw(this.place(each)));
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.paint());
    canvas.addEventListener("blur", () => this.paint());
    at("clear").addEventListener("click", () => this.clear());
    at("example").addEventListener("click", () => this.example());
    at("probabilities").replaceChildren(...Array.from({ length: 10 }, (_, digit) => {
      const item = document.createElement("li");
      item.innerHTML = `<span>${digit}</span><span class="level" aria-hidden="true"><i></i></span><span>–</span>`;
      return item;
    }));
    this.paint();
  }

  place(event) {
    const box = at("pad").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  begin(point) {
    if (this.shown >= 0) this.clear();
    this.strokes.push([point]);
    this.drawn();
  }

  draw(point) {
    this.strokes[this.strokes.length - 1].push(point);
    this.drawn();
  }

  drawn() {
    this.pixels = scan(this.strokes);
    this.changed = true;
    this.paint();
  }

  // Arrow keys move the pen; Space lowers and lifts it; Escape clears.
  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      this.pen = this.pen.map((value, axis) => Math.min(0.95, Math.max(0.05, value + way[axis] / 20)));
      if (this.down) this.draw([...this.pen]);
      else this.paint();
    } else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.begin([...this.pen]);
      at("verdict").textContent = this.down ? "The pen is down." : "The pen is up.";
    } else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  clear() {
    Object.assign(this, { strokes: [], pixels: new Uint8Array(SIDE * SIDE), shown: -1, down: false, changed: false, asked: null });
    at("truth").textContent = "";
    at("verdict").textContent = "Draw something.";
    this.tell(null);
    this.paint();
  }

  // One of the data, for those who cannot draw here.
  example() {
    this.clear();
    this.shown = Math.floor(Math.random() * this.page.digits());
    const digit = this.page.digit(this.shown);
    this.pixels = digit.slice(0, SIDE * SIDE);
    at("truth").textContent = `It is a ${digit[SIDE * SIDE]}.`;
    this.changed = true;
    this.paint();
  }

  frame() {
    const run = this.run();
    if (!run) return;
    const answer = run.answer();
    if (answer && this.asked) this.tell(answer);
    const key = `${run.steps()} ${run.optimizer()}`;
    const blank = this.pixels.every((pixel) => pixel === 0);
    if (blank || (!this.changed && this.asked?.key === key && this.asked.run === run)) return;
    if (run.ask(this.pixels)) [this.asked, this.changed] = [{ key, run }, false];
  }

  tell(answer) {
    const best = answer ? answer.indexOf(Math.max(...answer)) : -1;
    [...at("probabilities").children].forEach((item, digit) => {
      const value = answer ? answer[digit] : 0;
      item.classList.toggle("best", digit === best);
      item.querySelector("i").style.width = `${100 * value}%`;
      item.lastElementChild.textContent = answer ? `${(100 * value).toFixed(value > 0.995 ? 0 : 1)}%` : "–";
    });
    if (!answer || this.down) return;
    const text = `The network reads a ${best}.`;
    // A live region speaks when it changes.
    if (at("verdict").textContent !== text) at("verdict").textContent = text;
  }

  paint() {
    const { context, width, height } = sharp(at("pad"));
    Object.assign(context, { lineWidth: width / 13, lineCap: "round", lineJoin: "round", strokeStyle: color("ink") });
    for (const stroke of this.strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(x * width, y * height));
      context.lineTo(stroke[0][0] * width + 0.01 * (stroke.length === 1), stroke[0][1] * height);
      if (stroke.length > 1) {
        context.beginPath();
        stroke.forEach(([x, y]) => context.lineTo(x * width, y * height));
      }
      context.stroke();
    }
    if (document.activeElement === at("pad") && at("pad").matches(":focus-visible")) {
      context.beginPath();
      context.arc(this.pen[0] * width, this.pen[1] * height, width / 26, 0, 7);
      Object.assign(context, { lineWidth: 2, strokeStyle: color("test") });
      context.stroke();
    }
    const seen = at("seen").getContext("2d");
    const image = seen.createImageData(SIDE, SIDE);
    const hex = (name) => [1, 3, 5].map((from) => parseInt(color(name).slice(from, from + 2), 16));
    const [paper, ink] = [hex("paper"), hex("ink")];
    this.pixels.forEach((pixel, index) => {
      for (let channel = 0; channel < 3; channel++) image.data[4 * index + channel] = paper[channel] + (pixel / 16) * (ink[channel] - paper[channel]);
      image.data[4 * index + 3] = 255;
    });
    seen.putImageData(image, 0, 0);
  }
}

// Fits the strokes into 32 by 32 dots and counts those of each 4 by 4.
function scan(strokes) {
  const points = strokes.flat();
  const range = (axis) => [Math.min(...points.map((point) => point[axis])), Math.max(...points.map((point) => point[axis]))];
  const [[left, right], [top, bottom]] = [range(0), range(1)];
  // A pen's width around, and nothing wider than it is high but a dash.
  const pen = 3.4;
  const scale = (32 - pen) / Math.max(right - left, bottom - top, 0.15);
  const [dx, dy] = [16 - (scale * (left + right)) / 2, 16 - (scale * (top + bottom)) / 2];
  const canvas = scan.canvas ?? (scan.canvas = new OffscreenCanvas(32, 32));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.clearRect(0, 0, 32, 32);
  Object.assign(context, { lineWidth: pen, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach(([x, y]) => context.lineTo(x * scale + dx, y * scale + dy));
    if (stroke.length === 1) context.lineTo(stroke[0][0] * scale + dx + 0.01, stroke[0][1] * scale + dy);
    context.stroke();
  }
  const { data } = context.getImageData(0, 0, 32, 32);
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) pixels[(y >> 2) * SIDE + (x >> 2)] += data[4 * (32 * y + x) + 3] > 127 ? 1 : 0;
  }
  return pixels;
}
