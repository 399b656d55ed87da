//! Lines made fit for the sheet: cut at its panels' borders, and without points that nobody would see.

/// From the left and from the top of the sheet, or across and up in a function's plane.
pub type Point = [f64; 2];

/// The parts of a line that are within a rectangle, given by two of its corners: the least and the greatest coordinates. The line ends
/// at its first point that is not finite.
pub fn clip(points: &[Point], least: Point, greatest: Point) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let finite = points.iter().take_while(|point| point.iter().all(|coordinate| coordinate.is_finite())).count();
    for pair in points[..finite].windows(2) {
        let Some([from, to]) = clip_segment([pair[0], pair[1]], least, greatest) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&from) => part.push(to),
            _ => parts.push(vec![from, to]),
        }
    }
    parts
}

/// Liang and Barsky's clipping, doi 10.1145/357332.357333. Ends that are inside are returned as they are.
fn clip_segment([a, b]: [Point; 2], least: Point, greatest: Point) -> Option<[Point; 2]> {
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let along = b[axis] - a[axis];
        for (step, room) in [(-along, a[axis] - least[axis]), (along, greatest[axis] - a[axis])] {
            if step == 0.0 && room < 0.0 {
                return None;
            } else if step < 0.0 {
                enter = enter.max(room / step);
            } else if step > 0.0 {
                leave = leave.min(room / step);
            }
        }
    }
    let at = |t: f64| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
    (enter <= leave).then(|| [if enter > 0.0 { at(enter) } else { a }, if leave < 1.0 { at(leave) } else { b }])
}

/// The line with as few of its points as come within a tolerance of all (Ramer, doi 10.1016/S0146-664X(72)80017-0; Douglas and Peucker).
pub fn simplify(points: &[Point], tolerance: f64) -> Vec<Point> {
    let last = points.len().saturating_sub(1);
    let mut kept: Vec<bool> = (0..points.len()).map(|index| index == 0 || index == last).collect();
    let mut ranges = vec![(0, last)];
    while let Some((from, to)) = ranges.pop() {
        let distance = |index: &usize| distance(points[*index], points[from], points[to]);
        let Some(farthest) = (from + 1..to).max_by(|a, b| distance(a).total_cmp(&distance(b))) else { continue };
        if distance(&farthest) > tolerance {
            kept[farthest] = true;
            ranges.extend([(from, farthest), (farthest, to)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// From a point to a segment.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (along, off) = ([to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]);
    let length2 = along[0] * along[0] + along[1] * along[1];
    let t = if length2 > 0.0 { ((off[0] * along[0] + off[1] * along[1]) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (off[0] - t * along[0]).hypot(off[1] - t * along[1])
}

/// The dashes of a line.
pub fn dash(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let mut dashes: Vec<Vec<Point>> = points.first().map(|&first| vec![first]).into_iter().collect();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to[0] - from[0]).hypot(to[1] - from[1]);
        while length >= left {
            let t = left / length;
            let change = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
            extend(&mut dashes, drawing, change);
            drawing = !drawing;
            if drawing {
                dashes.push(vec![change]);
            }
            (length, left, from) = (length - left, if drawing { on } else { off }, change);
        }
        left -= length;
        extend(&mut dashes, drawing, to);
    }
    dashes
}

fn extend(dashes: &mut [Vec<Point>], drawing: bool, to: Point) {
    if let (true, Some(dash)) = (drawing, dashes.last_mut()) {
        dash.push(to);
    }
}
