//! Level sets of a function on a rectangle, as closed lines, by marching squares.

/// Cells in each direction. Lines are straight within one, a fraction of a percent of the picture.
const CELLS: usize = 240;

/// A closed line of one level. What lies to its left is below the level.
#[derive(Clone, Debug)]
pub struct Ring {
    /// In the function's coordinates.
    pub points: Vec<[f64; 2]>,
    /// Which of the levels.
    pub level: usize,
    /// Positive if the inside is next to the line below the level, negative if above it.
    pub area: f64,
}

/// The function's values at the corners of the cells, and outside of them a margin that is above all levels: so every line is closed, along
/// the border if need be.
#[derive(Clone, Debug)]
pub struct Grid {
    values: Vec<f64>,
    window: [[f64; 2]; 2],
}

/// Corners in each direction, margin included.
const CORNERS: usize = CELLS + 3;

/// A side of a cell: from a corner to the right, or up.
#[derive(Clone, Copy, Debug)]
struct Side {
    corner: [usize; 2],
    up: bool,
}

impl Side {
    /// Among all sides.
    fn number(self) -> usize {
        let [i, j] = self.corner;
        2 * (j * CORNERS + i) + usize::from(self.up)
    }
}

impl Grid {
    /// Samples the function on a window, given as `[least, greatest]` of both axes.
    pub fn new(function: fn(f64, f64) -> f64, window: [[f64; 2]; 2]) -> Self {
        let mut grid = Grid { values: vec![f64::MAX; CORNERS * CORNERS], window };
        for j in 1..CORNERS - 1 {
            for i in 1..CORNERS - 1 {
                let [x, y] = grid.corner([i, j]);
                grid.values[j * CORNERS + i] = function(x, y);
            }
        }
        grid
    }

    /// `count` levels from low to high, equal factors apart, over all but the lowest and the highest hundredth of the window.
    pub fn levels(&self, count: usize) -> Vec<f64> {
        let mut inner: Vec<f64> = self.values.iter().copied().filter(|&value| value < f64::MAX).collect();
        inner.sort_by(f64::total_cmp);
        let [low, high] = [inner.len() / 100, inner.len() - 1 - inner.len() / 100].map(|index| inner[index].max(f64::MIN_POSITIVE).ln());
        let level = |index: usize| (low + (high - low) * index as f64 / (count - 1) as f64).exp();
        (0..count).map(level).collect()
    }

    /// The lines of all levels, largest first: a line comes after those around it, so that filling one after the other gives the picture.
    pub fn rings(&self, levels: &[f64]) -> Vec<Ring> {
        let mut rings: Vec<Ring> = levels.iter().enumerate().flat_map(|(index, &level)| self.level(index, level)).collect();
        rings.sort_by(|a, b| b.area.abs().total_cmp(&a.area.abs()));
        rings
    }

    fn level(&self, index: usize, level: f64) -> Vec<Ring> {
        let mut next: Vec<Option<Side>> = vec![None; 2 * CORNERS * CORNERS];
        let mut starts = Vec::new();
        for j in 0..CORNERS - 1 {
            for i in 0..CORNERS - 1 {
                for [from, to] in self.cross([i, j], level) {
                    next[from.number()] = Some(to);
                    starts.push(from);
                }
            }
        }
        let mut rings = Vec::new();
        for start in starts {
            let mut points = Vec::new();
            let mut side = start;
            // Each side with a crossing is left once, so what begins anywhere comes back there.
            while let Some(following) = next[side.number()].take() {
                points.push(self.crossing(side, level));
                side = following;
            }
            if points.len() > 2 {
                rings.push(Ring { area: area(&points), points, level: index });
            }
        }
        rings
    }

    /// The directed segments in a cell: from which side to which.
    fn cross(&self, [i, j]: [usize; 2], level: f64) -> Vec<[Side; 2]> {
        let side = |i, j, up| Side { corner: [i, j], up };
        // Counterclockwise from below, each between the corner of its number and the next one.
        let sides = [side(i, j, false), side(i + 1, j, true), side(i, j + 1, false), side(i, j, true)];
        let corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(|corner| self.value(corner));
        let low = corners.map(|value| value < level);
        // A line goes in where the corners change from low to high, and out where they change back: left of it is low.
        let changes = |from: bool| (0..4).filter(move |&k| low[k] == from && low[(k + 1) % 4] != from);
        let (enters, leaves): (Vec<usize>, Vec<usize>) = (changes(true).collect(), changes(false).collect());
        // With two of each the middle decides whether the low corners are joined.
        let joined = corners.iter().sum::<f64>() / 4.0 < level;
        let shift = if joined { 1 } else { 3 };
        let leave = |enter: usize| if enters.len() == 1 { leaves[0] } else { (enter + shift) % 4 };
        enters.iter().map(|&enter| [sides[enter], sides[leave(enter)]]).collect()
    }

    fn value(&self, [i, j]: [usize; 2]) -> f64 {
        self.values[j * CORNERS + i]
    }

    /// Where a corner is; those of the margin are on the border.
    fn corner(&self, corner: [usize; 2]) -> [f64; 2] {
        let at = |axis: usize| {
            let [least, greatest] = self.window[axis];
            least + (greatest - least) * (corner[axis].clamp(1, CORNERS - 2) - 1) as f64 / CELLS as f64
        };
        [at(0), at(1)]
    }

    /// Where a side has the level, if the function is linear along it.
    fn crossing(&self, Side { corner: [i, j], up }: Side, level: f64) -> [f64; 2] {
        let other = if up { [i, j + 1] } else { [i + 1, j] };
        let [a, b] = [[i, j], other].map(|corner| self.value(corner));
        let ([ax, ay], [bx, by]) = (self.corner([i, j]), self.corner(other));
        let t = (level - a) / (b - a);
        [ax + t * (bx - ax), ay + t * (by - ay)]
    }
}

/// By the shoelace formula, positive if counterclockwise.
fn area(points: &[[f64; 2]]) -> f64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| (a[0] * b[1] - b[0] * a[1]) / 2.0).sum()
}
