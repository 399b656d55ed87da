// Whether two lists of numbers are as good as the same.

export function greatestDifference(got, expected) {
  return got.reduce((most, value, index) => Math.max(most, Math.abs(value - expected[index])), 0);
}

// A number that is none is not within any distance.
export function differs(got, expected, most) {
  return got.length !== expected.length || !got.every((value, index) => Math.abs(value - expected[index]) <= most);
}
