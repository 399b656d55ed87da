// The landscape: a function's map, and the trail of each optimizer, live.

import { color, sharp } from "./paint.js";

const at = (id) => document.getElementById(id);
// Okabe and Ito's colors, told apart with any kind of color vision; the last two, mixed from them, for whoever adds many.
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8a8d00"];
const FIRST = ["sgd", "momentum", "rmsprop", "adam", "lion"];
// Steps of a run, and of a frame.
const [STEPS, PACE] = [1000, 4];
const BANDS = 16;

export class Landscape {
  constructor(page) {
    Object.assign(this, { page, functions: [], maps: [], names: [...FIRST], hidden: new Set(), race: null, running: false, trails: [], start: null, busy: false });
    for (let index = 0, found; (found = page.function(index)); index++) {
      const [title, formula, [left, right, bottom, top], [x, y, ...minima]] = found;
      this.functions.push({ title, formula, window: { left, right, bottom, top }, start: [x, y], minima });
    }
    at("function").replaceChildren(...this.functions.map(({ title }, index) => new Option(title, index)));
    at("function").addEventListener("change", () => this.run());
    at("again").addEventListener("click", () => this.run(this.start));
    at("add").addEventListener("change", () => this.add(at("add").value));
    at("map").addEventListener("click", (event) => this.run(this.under(event)));
    at("map").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.run();
    });
  }

  get index() {
    return Number(at("function").value);
  }

  say(text) {
    at("land-said").textContent = text;
  }

  // Tries the learning rates of all that are chosen.
  async begin() {
    if (this.busy) return;
    this.busy = true;
    this.running = false;
    this.enable(false);
    this.say("Trying 13 learning rates of each optimizer on each function …");
    this.paint();
    try {
      const race = await this.page.race(this.names, 1);
      while (!race.is_ready()) await new Promise(requestAnimationFrame);
      this.race?.free();
      this.race = race;
    } catch (error) {
      this.say(error.message);
    }
    this.busy = false;
    this.enable(true);
    if (this.race) await this.run();
  }

  enable(on) {
    for (const id of ["function", "again", "add"]) at(id).disabled = !on;
    const others = this.page.optimizers().filter((name) => !this.names.includes(name) && name !== "gd");
    at("add").replaceChildren(new Option(this.names.length < COLORS.length ? "choose …" : "no more than eight", ""), ...others.map((name) => new Option(name)));
    if (this.names.length >= COLORS.length) at("add").disabled = true;
  }

  async add(name) {
    if (!name || this.busy) return;
    this.names.push(name);
    await this.begin();
  }

  // Runs all from a point, or from the function's own start.
  async run(start = null) {
    if (this.busy || !this.race) return;
    this.busy = true;
    const of = this.functions[this.index];
    this.start = start;
    const [x, y] = start ?? of.start;
    at("formula").textContent = `f(x, y) = ${of.formula}`;
    try {
      await this.race.begin(this.index, x, y, STEPS);
      this.trails = this.race.trails();
      [this.running, this.done] = [true, 0];
      this.say("");
      this.list();
    } catch (error) {
      this.say(error.message);
    }
    this.busy = false;
    this.paint();
  }

  // A row for each optimizer.
  list() {
    const pairs = this.race.titles(this.index);
    const rows = this.names.map((_, index) => {
      const [title, lr] = [pairs[2 * index], pairs[2 * index + 1]];
      const row = document.createElement("label");
      row.className = "contender";
      row.innerHTML = `<input type="checkbox"><i aria-hidden="true"></i><span></span><small></small><small class="value"></small>`;
      const box = row.querySelector("input");
      box.checked = !this.hidden.has(index);
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(index);
        else this.hidden.add(index);
        this.paint();
      });
      row.querySelector("i").style.background = COLORS[index];
      row.querySelector("span").textContent = title;
      row.querySelector("small").textContent = lr === undefined ? "" : `lr ${lr}`;
      return row;
    });
    at("contenders").replaceChildren(at("contenders").firstElementChild, ...rows);
  }

  // The next steps are submitted when the last have come back.
  frame() {
    if (!this.running || this.busy) return;
    const done = this.race.frame(PACE);
    if (done === this.done) return;
    this.done = done;
    this.trails = this.race.trails();
    this.paint();
    if (done >= STEPS) {
      this.running = false;
      this.say(`${STEPS} steps are done.`);
    }
  }

  under(event) {
    const box = at("map").getBoundingClientRect();
    const { left, right, bottom, top } = this.functions[this.index].window;
    const [u, v] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [left + u * (right - left), top - v * (top - bottom)];
  }

  // The map is filled once for each function, size and color scheme.
  background(width, height, ratio) {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const key = [this.index, width, height, ratio, dark].join();
    if (this.key === key) return this.image;
    const canvas = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const band = (t) => (dark
      ? `oklch(${0.24 + 0.26 * t} ${0.03 + 0.035 * t} ${235 - 60 * (1 - t)})`
      : `oklch(${0.98 - 0.3 * t} ${0.02 + 0.05 * t} ${110 + 140 * t})`);
    context.fillStyle = band(1);
    context.fillRect(0, 0, width, height);
    const map = (this.maps[this.index] ??= this.page.map(this.index));
    const place = this.placing(width, height);
    for (let from = 0; from < map.length;) {
      const [level, count] = [map[from], map[from + 1]];
      context.beginPath();
      for (let point = 0; point < count; point++) context.lineTo(...place(map[from + 2 + 2 * point], map[from + 3 + 2 * point]));
      context.fillStyle = band(level / BANDS);
      context.fill();
      from += 2 + 2 * count;
    }
    [this.key, this.image] = [key, canvas];
    return canvas;
  }

  placing(width, height) {
    const { left, right, bottom, top } = this.functions[this.index].window;
    return (x, y) => [((x - left) / (right - left)) * width, ((top - y) / (top - bottom)) * height];
  }

  paint() {
    const { context, width, height } = sharp(at("map"));
    if (!width) return;
    context.drawImage(this.background(width, height, window.devicePixelRatio || 1), 0, 0, width, height);
    const place = this.placing(width, height);
    const of = this.functions[this.index];
    for (let index = 0; index < of.minima.length; index += 2) {
      const [x, y] = place(of.minima[index], of.minima[index + 1]);
      context.beginPath();
      Object.assign(context, { strokeStyle: color("ink"), lineWidth: 1.5 });
      for (const [dx, dy] of [[5, 0], [0, 5]]) {
        context.moveTo(x - dx, y - dy);
        context.lineTo(x + dx, y + dy);
      }
      context.stroke();
    }
    const shown = [...this.trails.entries()].filter(([index]) => !this.hidden.has(index));
    // Outlines below all lines, so that each still shows where they cross.
    for (const outline of [true, false]) {
      for (const [index, trail] of shown) {
        context.beginPath();
        for (let at = 0; at < trail.length && Number.isFinite(trail[at] + trail[at + 1]); at += 2) context.lineTo(...place(trail[at], trail[at + 1]));
        Object.assign(context, { lineJoin: "round", lineCap: "round", lineWidth: outline ? 4.5 : 2.2, strokeStyle: outline ? color("card") : COLORS[index] });
        context.globalAlpha = outline ? 0.75 : 1;
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    for (const [index, trail] of shown) {
      const [x, y] = place(trail[trail.length - 2], trail[trail.length - 1]);
      context.beginPath();
      context.arc(x, y, 4.5, 0, 7);
      Object.assign(context, { fillStyle: COLORS[index], strokeStyle: color("card"), lineWidth: 2 });
      context.fill();
      context.stroke();
    }
    this.values();
  }

  // What each has reached, in its row.
  values() {
    const rows = at("contenders").querySelectorAll(".value");
    rows.forEach((row, index) => {
      const trail = this.trails[index];
      if (!trail) return;
      const value = this.page.value(this.index, trail[trail.length - 2], trail[trail.length - 1]);
      row.textContent = Number.isFinite(value) ? value.toExponential(1) : "diverged";
    });
  }
}
