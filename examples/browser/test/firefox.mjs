// Opens the page in Firefox, as Linux has it, and trains there: `node test/firefox.mjs FOLDER NATIVE.json`. Firefox has WebGPU on Linux, but gives it to a page
// only where preferences say so: they are set here. Without them the page has to say that there is none.

import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { serve } from "../serve.mjs";
import { differs, greatestDifference } from "./compare.mjs";
import { allStep, hasTrails, isOpen, isTrained, lower, trained } from "./inside.mjs";
import { end, holds, program, row } from "./rows.mjs";

const [folder, native] = process.argv.slice(2);
const MOST = 1e-5;
const WITH_WEBGPU = { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true };

const executablePath = process.env.FIREFOX || program("firefox", "firefox-esr");
if (!executablePath) {
  console.log("ignored Firefox: there is none (install the package firefox-esr, or say where it is in FIREFOX)");
  process.exit(0);
}
const server = await serve(folder, 0);

async function open(extraPrefsFirefox) {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, extraPrefsFirefox, protocolTimeout: 600000 });
  const page = await browser.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`http://localhost:${server.address().port}/`);
  await page.waitForFunction(isOpen, { timeout: 240000 });
  return { browser, page, errors };
}

const text = (page, id) => page.$eval(`#${id}`, (element) => element.textContent);

await row("Firefox without WebGPU", async () => {
  const { browser, page, errors } = await open({ "dom.webgpu.enabled": false });
  const said = await text(page, "notice");
  holds(said.includes("no WebGPU") && said.includes("Firefox"), `it says ${said}`);
  holds(await page.$eval("#go", (button) => button.disabled), "Go can be pressed");
  holds(!errors.length, errors.join("; "));
  await browser.close();
});

const { browser, page, errors } = await open(WITH_WEBGPU);
if (!(await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter())))) {
  console.log(`ignored the rest: ${await browser.version()} has no WebGPU here, or no adapter for it`);
  await browser.close();
  server.close();
  end();
  process.exit(0);
}

await row("the page opens in Firefox", async () => {
  holds(await page.$eval("#notice", (notice) => notice.hidden), await text(page, "notice"));
  return `${await browser.version()}, ${await text(page, "adapter")}`;
});

for (const [optimizer, expected] of Object.entries(JSON.parse(readFileSync(native)))) {
  await row(`natively and in Firefox, 100 steps of ${optimizer}`, async () => {
    const got = await page.evaluate(trained, optimizer);
    const difference = greatestDifference(got, expected);
    holds(!differs(got, expected, MOST), `the greatest difference is ${difference}`);
    return `${got.length} values, at most ${difference.toExponential(2)} apart`;
  });
}

await row("every optimizer takes steps in Firefox", async () => {
  const { count, bad } = await page.evaluate(allStep);
  holds(count > 0 && !bad.length, bad.join("; "));
  return `${count} of them`;
});

await row("it trains to 90% in Firefox", async () => {
  await page.click("#go");
  await page.waitForFunction(isTrained, { timeout: 240000 });
  await page.click("#go");
  return `${await text(page, "accuracy")} after ${await text(page, "steps")} steps, ${await text(page, "rate")} steps a second`;
});

await row("the landscape runs in Firefox", async () => {
  await page.waitForFunction(hasTrails, { timeout: 240000 });
  const all = await page.evaluate(lower);
  holds(all.length === 5 && all.every(Boolean), all.join());
});

await row("Firefox's console has no error", () => holds(!errors.length, errors.join("; ")));
await browser.close();
server.close();
end();
