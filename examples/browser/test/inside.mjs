// What both browsers are asked: these functions run in the page, so each has all that it needs within itself.

// Whether the page is ready, or says what is wrong.
export const isOpen = () => window.wgpuOptim?.landscape.race || !document.getElementById("notice").hidden;

// All values after 100 steps.
export async function trained(name) {
  const run = await window.wgpuOptim.page.train(name, undefined, 32, 1);
  while (!run.until(100)) await new Promise((done) => setTimeout(done, 5));
  const all = Array.from(await run.values());
  run.free();
  return all;
}

// Optimizers whose steps move no value, or make one that is no number.
export async function allStep() {
  const { page } = window.wgpuOptim;
  const bad = [];
  for (const name of page.optimizers()) {
    const run = await page.train(name, undefined, 32, 1);
    const before = await run.values();
    // Shampoo's first root comes with the tenth.
    while (!run.until(12)) await new Promise((done) => setTimeout(done, 5));
    const after = await run.values();
    if (!after.every(Number.isFinite)) bad.push(`${name}: a value that is no number`);
    if (after.every((value, index) => value === before[index])) bad.push(`${name}: no value moved`);
    run.free();
  }
  return { count: page.optimizers().length, bad };
}

export const isTrained = () => parseFloat(document.getElementById("accuracy").textContent) >= 90 && window.wgpuOptim.training.run.steps() > 400;

export const hasTrails = () => window.wgpuOptim.landscape.done >= 1000;

// Of each trail of the landscape that is shown, whether it is whole and ends lower than it begins.
export function lower() {
  const { landscape, page } = window.wgpuOptim;
  const value = (trail, at) => page.value(landscape.index, trail[at], trail[at + 1]);
  return landscape.trails.map((trail) => trail.length === 2002 && value(trail, 2000) < 0.2 * value(trail, 0));
}
