// A WebAssembly module as its sections: no more of the format than `main.mjs` needs (https://webassembly.github.io/spec/core/binary).

export const [CUSTOM, IMPORTS, CODE] = [0, 2, 10];
const HEAD = 8;

// Reads numbers, names and bytes one after the other.
export class Reader {
  constructor(bytes, at = 0) {
    Object.assign(this, { bytes, at });
  }

  // LEB128 without a sign.
  number() {
    for (let [value, scale] = [0, 1]; ; scale *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  taken(count) {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  name() {
    return this.taken(this.number()).toString("utf8");
  }

  isDone() {
    return this.at >= this.bytes.length;
  }

  times(read) {
    return Array.from({ length: this.number() }, () => read());
  }
}

export function number(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

// Bytes with their length before them.
export function counted(bytes) {
  return Buffer.concat([number(bytes.length), bytes]);
}

export const named = (name) => counted(Buffer.from(name));

// The sections as their kinds and contents.
export function sections(module) {
  const [reader, all] = [new Reader(module, HEAD), []];
  while (!reader.isDone()) {
    const [kind] = reader.taken(1);
    all.push({ kind, content: reader.taken(reader.number()) });
  }
  return all;
}

export function joined(module, all) {
  return Buffer.concat([module.subarray(0, HEAD), ...all.flatMap(({ kind, content }) => [Buffer.from([kind]), counted(content)])]);
}

// What a description of an import takes after its kind: the number of a type, or a table's or a memory's limits.
function description(reader) {
  const start = reader.at;
  const [kind] = reader.taken(1);
  if (kind === 1 || kind === 3) reader.taken(1);
  if (kind === 3) reader.taken(1);
  else if (kind !== 0) {
    if (reader.number() & 1) reader.number();
    reader.number();
  } else reader.number();
  return { isFunction: kind === 0, bytes: reader.bytes.subarray(start, reader.at) };
}

export function imports(content) {
  const reader = new Reader(content);
  return reader.times(() => ({ module: reader.name(), name: reader.name(), ...description(reader) }));
}

// The functions' code.
export function bodies(content) {
  const reader = new Reader(content);
  return reader.times(() => reader.taken(reader.number()));
}

// The functions' names by number, from the contents of the custom section `name`.
export function names(content) {
  const [reader, found] = [new Reader(content), new Map()];
  reader.name();
  while (!reader.isDone()) {
    const [kind] = reader.taken(1);
    const part = new Reader(reader.taken(reader.number()));
    if (kind === 1) part.times(() => found.set(part.number(), part.name()));
  }
  return found;
}

export function nameSection(names) {
  const all = Buffer.concat([number(names.length), ...names.flatMap(([index, name]) => [number(index), named(name)])]);
  return Buffer.concat([named("name"), Buffer.from([1]), counted(all)]);
}
