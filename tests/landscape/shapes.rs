//! Contours and lines.

use std::f64::consts::PI;

use crate::contours::Grid;
use crate::lines::{clip, dash, simplify};

const WINDOW: [[f64; 2]; 2] = [[-2.0, 2.0], [-1.0, 1.0]];

fn bowl(x: f64, y: f64) -> f64 {
    x * x + y * y
}

fn hill(x: f64, y: f64) -> f64 {
    4.0 - bowl(x, y)
}

fn areas(function: fn(f64, f64) -> f64, levels: &[f64]) -> Vec<f64> {
    Grid::new(function, WINDOW).rings(levels).iter().map(|ring| ring.area).collect()
}

#[test]
fn contours_of_a_bowl_are_circles() {
    let areas = areas(bowl, &[0.25, 0.81]);
    assert_eq!(areas.len(), 2);
    // The largest first; the corners of the polygons cost 1e-3.
    assert!((areas[0] - 0.81 * PI).abs() < 1e-3 && (areas[1] - 0.25 * PI).abs() < 1e-3, "{areas:?}");
}

#[test]
fn contours_of_a_hill_have_holes() {
    // Below the level is the window without the circle.
    let areas = areas(hill, &[4.0 - 0.81]);
    assert_eq!(areas.len(), 2);
    assert!((areas[0] - 8.0).abs() < 1e-9 && (areas[1] + 0.81 * PI).abs() < 1e-3, "{areas:?}");
}

#[test]
fn contours_close_along_the_border() {
    // A circle of radius 1.5 without what is above and below the window.
    let (radius, half) = (1.5_f64, 1.0_f64);
    let area = 2.0 * (half * (radius * radius - half * half).sqrt() + radius * radius * (half / radius).asin());
    let areas = areas(bowl, &[radius * radius]);
    assert!(areas.len() == 1 && (areas[0] - area).abs() < 1e-3, "{areas:?}, not {area}");
}

#[test]
fn crossing_contours_keep_to_their_levels() {
    let rings = Grid::new(|x, y| x * y, WINDOW).rings(&[-0.5, 0.0, 0.5]);
    for ring in rings {
        let level = [-0.5, 0.0, 0.5][ring.level];
        let is_border = |[x, y]: [f64; 2]| x.abs() == 2.0 || y.abs() == 1.0;
        assert!(ring.points.iter().all(|&[x, y]| is_border([x, y]) || (x * y - level).abs() < 1e-9));
    }
}

#[test]
fn levels_are_equal_factors_apart() {
    let levels = Grid::new(bowl, WINDOW).levels(5);
    let factor = levels[1] / levels[0];
    assert!(factor > 1.0 && levels.windows(2).all(|pair| (pair[1] / pair[0] - factor).abs() < 1e-9), "{levels:?}");
}

#[test]
fn lines_are_cut_at_the_border() {
    let cut = |points: &[[f64; 2]]| clip(points, [0.0, 0.0], [10.0, 10.0]);
    assert_eq!(cut(&[[1.0, 1.0], [9.0, 9.0]]), [[[1.0, 1.0], [9.0, 9.0]]]);
    assert_eq!(cut(&[[-5.0, 5.0], [15.0, 5.0]]), [[[0.0, 5.0], [10.0, 5.0]]]);
    assert_eq!(cut(&[[5.0, 5.0], [5.0, 20.0], [8.0, 20.0], [8.0, 5.0]]), [[[5.0, 5.0], [5.0, 10.0]], [[8.0, 10.0], [8.0, 5.0]]]);
    assert!(cut(&[[-1.0, -5.0], [-1.0, 15.0]]).is_empty());
    assert_eq!(cut(&[[1.0, 1.0], [2.0, 1.0], [f64::NAN, 1.0], [3.0, 1.0]]), [[[1.0, 1.0], [2.0, 1.0]]]);
    assert_eq!(cut(&[[1.0, 1.0], [1e300, 1.0]]), [[[1.0, 1.0], [10.0, 1.0]]]);
}

#[test]
fn simple_lines_stay_within_the_tolerance() {
    let wave: Vec<[f64; 2]> = (0..=1000).map(|index| [f64::from(index), 20.0 * (f64::from(index) / 50.0).sin()]).collect();
    let simple = simplify(&wave, 0.5);
    assert!(simple.len() < 150 && simple.first() == wave.first() && simple.last() == wave.last(), "{} points", simple.len());
    for &[x, y] in &wave {
        let after = simple.iter().position(|point| point[0] >= x).unwrap();
        let ([ax, ay], [bx, by]) = (simple[after.saturating_sub(1)], simple[after]);
        let at = if bx > ax { ay + (by - ay) * (x - ax) / (bx - ax) } else { by };
        // The tolerance is across the line, which is nowhere steeper than 0.4.
        assert!((at - y).abs() < 0.5 * 1.08, "{x}: {at} instead of {y}");
    }
    assert_eq!(simplify(&[], 1.0), Vec::<[f64; 2]>::new());
    assert_eq!(simplify(&[[1.0, 2.0]], 1.0), [[1.0, 2.0]]);
}

#[test]
fn dashes_go_around_corners() {
    let dashes = dash(&[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]], 3.0, 2.0);
    assert_eq!(dashes, [vec![[0.0, 0.0], [3.0, 0.0]], vec![[4.0, 1.0], [4.0, 4.0]],]);
    assert!(dash(&[], 3.0, 2.0).is_empty());
}
