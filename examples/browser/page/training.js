// The training of the digits: settings, curves, weights, checkpoints.

import { curves, weights } from "./paint.js";

const at = (id) => document.getElementById(id);
// After so many epochs a run rests, so that a page that is left open does not heat a room.
const EPOCHS = 60;

export class Training {
  constructor(page) {
    Object.assign(this, { page, run: null, going: false, painted: -1, looked: 0, busy: false, rate: [], until: EPOCHS });
    const names = page.optimizers();
    at("optimizer").replaceChildren(...names.map((name) => new Option(name, name, name === "adam", name === "adam")));
    at("optimizer").addEventListener("change", () => this.preset());
    at("settings").addEventListener("submit", (event) => {
      event.preventDefault();
      this.begin();
    });
    at("go").addEventListener("click", () => this.toggle());
    at("download").addEventListener("click", () => this.download());
    at("upload").addEventListener("click", () => at("file").click());
    at("file").addEventListener("change", () => this.upload(at("file").files[0]));
    this.preset();
  }

  // The learning rate that suits the optimizer.
  preset() {
    const rate = this.page.preset_lr(at("optimizer").value);
    at("lr").value = rate ?? "";
    at("lr").disabled = rate === undefined;
    at("lr-hint").textContent = rate === undefined
      ? `${at("optimizer").value} finds its step size by itself.`
      : `${rate} suits ${at("optimizer").value} on these images. Other settings hold from “Start anew” on.`;
  }

  say(text) {
    at("said").textContent = text;
  }

  // Buttons follow from what there is.
  show() {
    const ready = this.run && !this.busy;
    at("go").textContent = this.going ? "Pause" : "Go";
    at("go").disabled = !ready || this.run.diverged() !== undefined;
    for (const id of ["reset", "upload"]) at(id).disabled = this.busy;
    at("download").disabled = !ready;
    at("example").disabled = !this.run;
  }

  // Replaces the run by what `make` gives; if it fails, the one before stays.
  async replace(make) {
    if (this.busy) return;
    this.busy = true;
    this.going = false;
    this.show();
    try {
      const next = await make();
      await this.settle();
      while (this.looking) await new Promise(requestAnimationFrame);
      this.run?.free();
      Object.assign(this, { run: next, painted: -1, rate: [], until: next.steps() / next.steps_per_epoch() + EPOCHS });
      return true;
    } catch (error) {
      this.say(error.message);
      return false;
    } finally {
      this.busy = false;
      this.show();
      this.paint();
    }
  }

  async begin() {
    const text = at("lr").value.trim().replace(",", ".");
    const lr = at("lr").disabled || text === "" ? undefined : Number(text);
    if (lr !== undefined && !Number.isFinite(lr)) return this.say(`The learning rate “${at("lr").value}” is not a number.`);
    const [name, batch, seed] = [at("optimizer").value, Number(at("batch").value), Number(at("seed").value) >>> 0];
    if (await this.replace(() => this.page.train(name, lr, batch, seed))) this.say("Ready. Go starts the training.");
  }

  toggle() {
    this.going = !this.going;
    if (this.going) this.until = Math.max(this.until, this.run.steps() / this.run.steps_per_epoch() + 1);
    this.rate = [];
    this.say(this.going ? "Training." : "Paused.");
    this.show();
  }

  // Until nothing is under way.
  async settle() {
    while (this.run?.settle()) await new Promise(requestAnimationFrame);
  }

  frame(now) {
    if (!this.run || this.busy) return;
    if (this.going) this.run.frame();
    else this.run.settle();
    const steps = this.run.steps();
    this.measure(now, steps);
    if (this.going && this.run.diverged() !== undefined) {
      this.going = false;
      this.say(`The run diverged: the loss of step ${this.run.diverged()} is not finite. Try a smaller learning rate.`);
      this.show();
    } else if (this.going && steps / this.run.steps_per_epoch() >= this.until) {
      this.toggle();
      this.say(`${EPOCHS} epochs are done. Go trains on.`);
      this.until += EPOCHS;
    }
    if (steps !== this.painted) this.paint();
    this.look(now);
  }

  // Steps per second over the last two seconds.
  measure(now, steps) {
    if (!this.going) return;
    this.rate.push([now, steps]);
    while (this.rate.length > 2 && now - this.rate[0][0] > 2000) this.rate.shift();
    const [[from, before], [to, after]] = [this.rate[0], this.rate[this.rate.length - 1]];
    if (to - from > 250) at("rate").textContent = Math.round(((after - before) * 1000) / (to - from)).toLocaleString("en");
  }

  // Reads the weights, at most three times a second.
  async look(now) {
    if (this.looking || now - this.looked < 330 || this.drawn === this.run.steps()) return;
    this.looking = true;
    const [run, steps] = [this.run, this.run.steps()];
    try {
      const values = await run.weights();
      if (run === this.run) {
        this.values = values;
        this.drawn = steps;
        weights(at("weights"), values, 8);
      }
    } finally {
      [this.looking, this.looked] = [false, now];
    }
  }

  paint() {
    if (!this.run) return;
    const run = this.run;
    const triples = (flat, value) => Array.from({ length: flat.length / 3 }, (_, index) => [flat[3 * index], flat[3 * index + value]]);
    const [training, test, steps] = [run.training_curve(), run.test_curve(), run.steps()];
    const lines = (value) => [
      { points: triples(training, value), color: "train" },
      { points: triples(test, value), color: "test" },
    ];
    const percent = (value) => `${(100 * value).toFixed(value < 1 && value > 0.9 ? 1 : 0)}%`;
    curves(at("loss-curve"), lines(1), "log");
    const lowest = Math.min(...test.filter((_, index) => index % 3 === 2).slice(Math.floor(test.length / 6)), 0.5);
    curves(at("accuracy-curve"), lines(2), [lowest < 0.5 ? 0 : 0.5, 1], (value) => `${Math.round(100 * value)}%`);
    const last = test.length ? { loss: test[test.length - 2], accuracy: test[test.length - 1] } : null;
    at("accuracy").textContent = last ? percent(last.accuracy) : "–";
    at("loss").textContent = last ? last.loss.toPrecision(3) : "–";
    at("steps").textContent = steps.toLocaleString("en");
    at("epochs").textContent = (steps / run.steps_per_epoch()).toFixed(1);
    if (last) {
      at("loss-curve").ariaLabel = `Loss over ${steps} steps. On the test images it is ${last.loss.toPrecision(3)} now.`;
      at("accuracy-curve").ariaLabel = `Accuracy over ${steps} steps. On the test images it is ${percent(last.accuracy)} now.`;
    }
    if (this.values) weights(at("weights"), this.values, 8);
    this.painted = steps;
  }

  async download() {
    const wasGoing = this.going;
    Object.assign(this, { going: false, busy: true });
    this.show();
    try {
      await this.settle();
      const bytes = await this.run.checkpoint();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
      link.download = `digits-${this.run.optimizer()}-${this.run.steps()}.safetensors`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      this.say(`Saved after step ${this.run.steps()}.`);
    } catch (error) {
      this.say(error.message);
    }
    Object.assign(this, { going: wasGoing, busy: false });
    this.show();
  }

  async upload(file) {
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    at("file").value = "";
    if (!(await this.replace(() => this.page.resume(bytes)))) return;
    const run = this.run;
    at("optimizer").value = run.optimizer();
    this.preset();
    at("lr").value = run.lr() ?? "";
    if (![...at("batch").options].some((option) => option.value === String(run.batch()))) at("batch").add(new Option(run.batch()));
    at("batch").value = String(run.batch());
    at("seed").value = run.seed();
    this.say(`Goes on with ${run.optimizer()} after step ${run.steps()}.`);
  }
}
