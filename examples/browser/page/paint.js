// Draws curves and weights on canvases, in the page's colors.

export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A canvas as sharp as the screen, with a size in CSS pixels.
export function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

// Round values that divide a range in a few parts.
function ticks(least, most, wanted) {
  const raw = (most - least) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const all = [];
  for (let value = Math.ceil(least / step) * step; value <= most + step * 1e-6; value += step) all.push(Number(value.toPrecision(6)));
  return all;
}

// Curves of [step, value] pairs. `scale` is "log" or a pair of the least and the most.
export function curves(canvas, lines, scale, format = number) {
  const { context, width, height } = sharp(canvas);
  const [left, right, top, bottom] = [44, 8, 8, 22];
  const points = lines.flatMap((line) => line.points).filter(([, value]) => Number.isFinite(value));
  const most = Math.max(10, ...points.map(([step]) => step));
  const isLog = scale === "log";
  let [low, high] = isLog ? [0.01, 3] : scale;
  if (isLog && points.length) {
    const values = points.map(([, value]) => value).filter((value) => value > 0);
    low = Math.max(1e-5, Math.min(...values));
    high = Math.max(low * 2, ...values);
  }
  const place = (value) => (isLog ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (Math.max(value, low) - low) / (high - low));
  const x = (step) => left + (step / most) * (width - left - right);
  const y = (value) => height - bottom - place(Math.min(value, high)) * (height - top - bottom);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = color("soft");
  context.strokeStyle = color("line");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  const rows = isLog ? decades(low, high) : ticks(low, high, 4);
  for (const value of rows) {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(width - right, at);
    context.stroke();
    context.fillText(format(value), left - 7, at);
  }
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const step of ticks(0, most, Math.max(2, width / 110))) context.fillText(step.toLocaleString("en"), Math.min(x(step), width - 16), height - 5);
  for (const line of lines) {
    context.strokeStyle = color(line.color);
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    // No more points than there are pixels.
    const stride = Math.max(1, Math.floor(line.points.length / width));
    line.points.forEach(([step, value], index) => {
      if ((index % stride && index !== line.points.length - 1) || !Number.isFinite(value)) return;
      context.lineTo(x(step), y(value));
    });
    context.stroke();
  }
}

function decades(low, high) {
  const all = [];
  const factors = high / low > 200 ? [1] : high / low > 20 ? [1, 3] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low && value <= high) all.push(value);
    }
  }
  return all;
}

const rgb = (name) => {
  const hex = color(name).replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
};

// Each unit's weights as an image of `side` by `side` pixels, all on one scale.
export function weights(canvas, values, side) {
  const units = values.length / (side * side);
  const columns = canvas.clientWidth < 560 ? 16 : 32;
  const [cell, rows] = [side + 1, Math.ceil(units / columns)];
  canvas.width = columns * cell - 1;
  canvas.height = rows * cell - 1;
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const [paper, plus, minus] = [rgb("paper"), rgb("plus"), rgb("minus")];
  // Of the largest two percent, only the sign shows.
  const sizes = Float32Array.from(values, Math.abs).sort();
  const scale = sizes[Math.floor(sizes.length * 0.98)] || 1;
  values.forEach((value, index) => {
    const [unit, pixel] = [Math.floor(index / (side * side)), index % (side * side)];
    const px = (unit % columns) * cell + (pixel % side);
    const py = Math.floor(unit / columns) * cell + Math.floor(pixel / side);
    const [strength, to] = [Math.min(1, Math.abs(value) / scale), value < 0 ? minus : plus];
    const at = 4 * (py * canvas.width + px);
    for (let channel = 0; channel < 3; channel++) image.data[at + channel] = paper[channel] + strength * (to[channel] - paper[channel]);
    image.data[at + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}
