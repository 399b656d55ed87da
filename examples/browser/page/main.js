// The page: opens a device, and leads the training, the pad and the landscape, each of which has its own file.

import start, { Page } from "./wgpu_optim_browser.js";
import { Training } from "./training.js";
import { Pad } from "./pad.js";
import { Landscape } from "./landscape.js";

const at = (id) => document.getElementById(id);

// Says what the visitor has to know, and what can be done about it.
function notice(title, text) {
  const box = at("notice");
  box.replaceChildren();
  for (const [tag, content] of [["strong", title], ["p", text]]) {
    const element = document.createElement(tag);
    element.textContent = content;
    box.append(element);
  }
  box.hidden = false;
}

const NO_WEBGPU = "Training runs on your GPU through WebGPU. Chrome and Edge have it from version 113, Safari from 26, Firefox from 141 on Windows and "
  + "145 on macOS; on Linux, Firefox gives it to pages where dom.webgpu.enabled and gfx.webgpu.ignore-blocklist are true in about:config. Elsewhere it may "
  + "have to be switched on; the page has to come over https or from localhost.";

function off(title, text) {
  notice(title, text);
  document.body.classList.add("off");
}

// The text of a file beside the page, which may come compressed or not: some servers say that a browser has to undo it.
async function unpacked(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  const bytes = await response.arrayBuffer();
  const [first, second] = new Uint8Array(bytes);
  if (first !== 0x1f || second !== 0x8b) return new TextDecoder().decode(bytes);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function main() {
  if (!navigator.gpu) return off("This browser has no WebGPU.", NO_WEBGPU);
  if (!(await navigator.gpu.requestAdapter().catch(() => null))) {
    return off("This browser has WebGPU, but no GPU for it.", `The browser gives the page no adapter. ${NO_WEBGPU}`);
  }
  const [digits] = await Promise.all([unpacked("digits.csv.gz"), start()]);
  let told = false;
  const report = (message, title = "Something went wrong on the GPU.") => {
    // What follows from the first error says less.
    if (!told) notice(title, `${message} Load the page again to go on.`);
    told = true;
  };
  // What panics stops the program in the middle.
  const failed = (error) => {
    if (error instanceof WebAssembly.RuntimeError) report(`It cannot go on: ${error.message}.`, "The program stopped.");
    else report(error.message ?? String(error));
  };
  // Also in a turn of its own, which nobody waits for.
  addEventListener("error", ({ error }) => error && failed(error));
  let page;
  try {
    page = await Page.open(digits, report);
  } catch (error) {
    return off("The GPU could not be opened.", error.message);
  }
  at("adapter").textContent = `Adapter: ${page.adapter()}`;
  const training = new Training(page);
  const pad = new Pad(page, () => training.run);
  const landscape = new Landscape(page);
  // The data of a figure that nobody sees need not be drawn, and a hidden page gets no frames.
  const frame = (now) => {
    try {
      training.frame(now);
      pad.frame();
      landscape.frame();
      requestAnimationFrame(frame);
    } catch (error) {
      failed(error);
    }
  };
  await training.begin();
  requestAnimationFrame(frame);
  await landscape.begin();
  const repaint = () => [training, pad, landscape].forEach((part) => part.paint());
  addEventListener("resize", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  // For the tests, which look at numbers that the page only draws.
  window.wgpuOptim = { page, training, pad, landscape };
}

main().catch((error) => off("The page could not start.", error.message ?? String(error)));
