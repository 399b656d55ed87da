// Makes a module smaller where wasm-opt does not: `node main.mjs MODULE GLUE`, a module with the names of its functions, and wasm-bindgen's JavaScript for it.
//
// - Functions get names by the place in which they are best (`order.mjs`): wasm-opt then puts them in the order of names, and drops these.
// - What is imported gets short names, there and in the JavaScript: wasm-bindgen's have 16 digits each that gzip cannot make shorter.
//
// Before that it looks whether code is in the module that only proofs run: the CPU twins of update rules.

import { readFileSync, writeFileSync } from "node:fs";
import { order } from "./order.mjs";
import { bodies, CODE, CUSTOM, IMPORTS, imports, joined, named, names, nameSection, number, Reader, sections } from "./wasm.mjs";

// The functions of a rule that compute on the CPU what its kernels do, and the CPU's executor. `prepare` has to be there: `AnyRule::carries_scalars` asks it.
const TWIN = /wgpu_optim(\[\w+\])?::(cpu::|rules::.*>::(update|stage|resume|evaluate)(::<|$))/;

function twins(names) {
  const found = [...names.values()].filter((name) => TWIN.test(name));
  if (!names.size) return "the module has no names: wasm-opt has to keep them (-g) until they are looked at";
  return found.length && `the module has ${found.length} functions of CPU twins, which no page calls:\n${found.slice(0, 10).join("\n")}`;
}

// The imports with short names, and the JavaScript that gives them.
function shortened(all, glue) {
  const short = all.map(({ module, name, ...rest }, index) => {
    const key = new RegExp(`^( +)${name}:`, "gm");
    if (glue.match(key)?.length !== 1) throw new Error(`the JavaScript should give ${name} once`);
    const shorter = `_${index.toString(36)}`;
    glue = glue.replace(key, `$1${shorter}:`);
    return { module, name: shorter, ...rest };
  });
  const content = Buffer.concat([number(all.length), ...short.flatMap(({ module, name, bytes }) => [named(module), named(name), bytes])]);
  return { content, glue };
}

const [path, gluePath] = process.argv.slice(2);
const module = readFileSync(path);
const all = sections(module);
const of = (kind) => all.find((section) => section.kind === kind);
const isNames = ({ kind, content }) => kind === CUSTOM && new Reader(content).name() === "name";
const refusal = twins(names(all.find(isNames)?.content ?? Buffer.from([0])));
if (refusal) {
  console.error(refusal);
  process.exit(1);
}

const imported = imports(of(IMPORTS).content);
const functions = imported.filter(({ isFunction }) => isFunction).length;
const { content, glue } = shortened(imported, readFileSync(gluePath, "utf8"));
of(IMPORTS).content = content;
writeFileSync(gluePath, glue);

const places = order(bodies(of(CODE).content)).map((index, place) => [functions + index, String(place).padStart(6, "0")]);
// The section has them by number.
places.sort(([one], [other]) => one - other);
writeFileSync(path, joined(module, [...all.filter((section) => !isNames(section)), { kind: CUSTOM, content: nameSection(places) }]));
