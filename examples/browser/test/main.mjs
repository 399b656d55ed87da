// Opens the page in Chromium on a software adapter and tries all that a visitor can do: `node test/main.mjs FOLDER REFUSALS NATIVE.json SHOTS`. REFUSALS is
// the folder of a page that has the feature `refusals`.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "../serve.mjs";
import { differs, greatestDifference } from "./compare.mjs";
import { allStep, hasTrails, isOpen, isTrained, lower, trained } from "./inside.mjs";
import { end, holds, program, row } from "./rows.mjs";

const [folder, refusing, native, shots] = process.argv.slice(2);
const MOST = 1e-5;
const SOFTWARE = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

const executablePath = process.env.CHROMIUM || program("chromium", "chromium-browser", "google-chrome");
if (!executablePath) throw new Error("there is no Chromium: install the package chromium, or say where it is in CHROMIUM");

mkdirSync(shots, { recursive: true });
const servers = [await serve(folder, 0), await serve(refusing, 0)];
const [address, refusals] = servers.map((server) => `http://localhost:${server.address().port}/`);

async function open(args, before, options = {}) {
  const browser = await chromium.launch({ executablePath, args });
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  if (before) await page.addInitScript(before);
  await page.goto(options.address ?? address);
  return { browser, page, errors };
}

const steps = (page) => page.evaluate(() => window.wgpuOptim.training.run.steps());
const values = (page) => page.evaluate(async () => Array.from(await window.wgpuOptim.training.run.values()));
const text = (page, id) => page.locator(`#${id}`).textContent();
const accuracy = async (page) => parseFloat(await text(page, "accuracy"));

// Waits until the page is ready, or says what is wrong.
async function opened(page) {
  await page.waitForFunction(isOpen, null, { timeout: 240000 });
  holds(await page.locator("#notice").isHidden(), await text(page, "notice"));
}

async function reads(page, times) {
  let right = 0;
  for (let time = 0; time < times; time++) {
    await page.click("#example");
    const truth = (await text(page, "truth")).match(/\d/)[0];
    await page.waitForFunction(() => /reads a \d/.test(document.getElementById("verdict").textContent));
    right += (await text(page, "verdict")).includes(`a ${truth}`) ? 1 : 0;
  }
  return right;
}

await row("the comparison notices", () => {
  holds(!differs([1, 2], [1, 2 + MOST / 2], MOST), "it is too strict");
  for (const other of [[1, 2 + 2 * MOST], [1, NaN], [1]]) holds(differs([1, 2], other, MOST), `it takes ${other} for 1, 2`);
});

await row("without WebGPU", async () => {
  const hide = () => Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined });
  const { browser, page, errors } = await open(["--no-sandbox"], hide);
  await page.waitForSelector("#notice:not([hidden])");
  const said = await text(page, "notice");
  holds(said.includes("no WebGPU"), `it says ${said}`);
  holds(await page.locator("#go").isDisabled(), "Go can be pressed");
  await page.screenshot({ path: join(shots, "without.png") });
  holds(!errors.length, errors.join("; "));
  await browser.close();
});

await row("WebGPU without an adapter", async () => {
  const { browser, page, errors } = await open(["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"], () => {
    // A browser may find one all the same.
    if (navigator.gpu) navigator.gpu.requestAdapter = async () => null;
  });
  await page.waitForSelector("#notice:not([hidden])");
  const said = await text(page, "notice");
  holds(/no GPU for it|no WebGPU/.test(said), `it says ${said}`);
  holds(!errors.length, errors.join("; "));
  await browser.close();
});

await row("what the device refuses reaches the caller", async () => {
  const { browser, page } = await open(SOFTWARE, null, { address: refusals });
  await opened(page);
  const [made, changed, read, took] = await page.evaluate(() => window.wgpuOptim.page.refusals());
  holds(/^w: .*value/.test(made) && made.includes("cannot be used with"), `made: ${made}`);
  holds(/^w: .*gradient/.test(changed) && changed.includes("cannot be used with"), `changed: ${changed}`);
  holds(read.includes("destroyed"), `read: ${read}`);
  holds(took === "[1, 1]", `steps: ${took}`);
  holds(await page.locator("#notice").isHidden(), "the device's own handler heard it too");
  await browser.close();
  return made;
});

await row("a panic reaches the visitor", async () => {
  const { browser, page } = await open(SOFTWARE, null, { address: refusals });
  await opened(page);
  await page.evaluate(() => void window.wgpuOptim.page.stop());
  await page.waitForSelector("#notice:not([hidden])");
  const said = await text(page, "notice");
  holds(/The program stopped|the test asks for it/.test(said), `it says ${said}`);
  await browser.close();
  return said;
});

const seeded = () => {
  let state = 1;
  Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647;
};
const { browser, page, errors } = await open(SOFTWARE, seeded);

await row("the page opens", async () => {
  await opened(page);
  return text(page, "adapter");
});

await row("everything has a name", async () => {
  const nameless = await page.evaluate(() => {
    const named = (element) => element.ariaLabel || element.labels?.[0]?.textContent.trim() || element.textContent.trim();
    return [...document.querySelectorAll("button, input, select, canvas")].filter((element) => !named(element)).map((element) => element.outerHTML);
  });
  holds(!nameless.length, nameless.join());
});

for (const [optimizer, expected] of Object.entries(JSON.parse(readFileSync(native)))) {
  await row(`natively and here, 100 steps of ${optimizer}`, async () => {
    const got = await page.evaluate(trained, optimizer);
    const difference = greatestDifference(got, expected);
    holds(!differs(got, expected, MOST), `the greatest difference is ${difference}`);
    holds(expected.some((value) => value !== 0), "all values are zero");
    return `${got.length} values, at most ${difference.toExponential(2)} apart`;
  });
}

await row("every optimizer takes steps", async () => {
  const { count, bad } = await page.evaluate(allStep);
  holds(count > 0 && !bad.length, bad.join("; "));
  return `${count} of them`;
});

await row("it trains to 90%", async () => {
  const before = await page.evaluate(() => ["loss-curve", "accuracy-curve", "weights"].map((id) => document.getElementById(id).toDataURL()));
  holds((await accuracy(page)) < 60 || Number.isNaN(await accuracy(page)), "it knows the digits before it has begun");
  await page.click("#go");
  await page.waitForFunction(isTrained, null, { timeout: 240000 });
  const after = await page.evaluate(() => ["loss-curve", "accuracy-curve", "weights"].map((id) => document.getElementById(id).toDataURL()));
  after.forEach((picture, index) => holds(picture !== before[index], "a picture did not move"));
  return `${await text(page, "accuracy")} after ${await steps(page)} steps, ${await text(page, "rate")} steps a second`;
});

await row("it pauses", async () => {
  await page.click("#go");
  await page.waitForFunction(() => !window.wgpuOptim.training.run.settle());
  const before = await steps(page);
  await page.waitForTimeout(700);
  holds((await steps(page)) === before, "it goes on");
});

let file;
await row("a checkpoint goes out and in", async () => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  file = join(shots, "checkpoint.safetensors");
  await download.saveAs(file);
  const [all, count] = [await values(page), await steps(page)];
  await page.click("#reset");
  await page.waitForFunction(() => window.wgpuOptim.training.run.steps() === 0);
  holds(differs(await values(page), all, 0), "a new run has the values of the one before");
  await page.setInputFiles("#file", file);
  await page.waitForFunction((steps) => window.wgpuOptim.training.run.steps() === steps, count);
  holds(!differs(await values(page), all, 0), "it comes back with other values");
  holds((await accuracy(page)) >= 90, "it comes back without its results");
  await page.click("#go");
  await page.waitForFunction((steps) => window.wgpuOptim.training.run.steps() > steps, count);
  await page.click("#go");
  return `${readFileSync(file).length} bytes after step ${count}`;
});

await row("a file that is none is refused", async () => {
  const count = await steps(page);
  await page.setInputFiles("#file", { name: "x.safetensors", mimeType: "application/octet-stream", buffer: Buffer.from("not one") });
  await page.waitForFunction(() => /not|malformed|checkpoint/.test(document.getElementById("said").textContent));
  holds((await steps(page)) >= count, "the run is gone");
});

await row("the pad reads", async () => {
  const right = await reads(page, 10);
  holds(right >= 8, `${right} of 10`);
  const box = await page.locator("#pad").boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.15);
  await page.mouse.down();
  for (let turn = 0; turn <= 24; turn++) {
    const angle = (turn / 24) * 2 * Math.PI;
    await page.mouse.move(box.x + box.width * (0.5 + 0.25 * Math.sin(angle)), box.y + box.height * (0.5 - 0.35 * Math.cos(angle)));
  }
  await page.mouse.up();
  await page.waitForFunction(() => /reads a 0/.test(document.getElementById("verdict").textContent), null, { timeout: 20000 });
  return `${right} of 10 digits, and a circle as 0`;
});

await row("the landscape runs", async () => {
  for (const index of ["0", "2"]) {
    await page.selectOption("#function", index);
    await page.waitForFunction((index) => window.wgpuOptim.landscape.index === Number(index) && !window.wgpuOptim.landscape.busy, index);
    await page.waitForFunction(hasTrails, null, { timeout: 240000 });
    const all = await page.evaluate(lower);
    holds(all.length === 5 && all.every(Boolean), `function ${index}: ${all}`);
  }
});

for (const [name, options] of [["wide", { width: 1200 }], ["phone", { width: 390 }]]) {
  for (const scheme of ["light", "dark"]) {
    await row(`${name}, ${scheme}`, async () => {
      await page.setViewportSize({ width: options.width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForTimeout(400);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      await page.screenshot({ path: join(shots, `${name}-${scheme}.png`), fullPage: true });
      holds(over <= 0, `it is ${over} pixels too wide`);
    });
  }
}

await row("the console has no error", () => holds(!errors.length, errors.join("; ")));
await browser.close();
servers.forEach((server) => server.close());
end();
