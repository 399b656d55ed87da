// A basis Q brought up to date: the columns of S Q, which are there, plus a small part of Q, so that none vanishes, by falling diagonals of Q^T S Q; then these orthogonalized by
// Gram and Schmidt's method, modified, twice, in panels of columns. In a dispatch, each workgroup takes a panel and makes it orthogonal to the one that the dispatch before has finished; the
// first of them then finishes its own. An invocation has the rows of a lane in one column of the panel.

const PARTS: u32 = PANEL / LANES;

var<workgroup> earlier: array<f32, PANEL * PANEL>;
var<workgroup> own: array<f32, PANEL * PANEL>;
var<workgroup> dots: array<f32, PANEL * PANEL>;

fn new_at(m: Matrix, row: u32, column: u32) -> u32 {
    return m.work + vectors_of(m) + row * m.size + column;
}

fn new_element(m: Matrix, row: u32, column: u32) -> f32 {
    if row >= m.size || column >= m.size {
        return 0.0;
    }
    return numbers[new_at(m, row, column)];
}

// dots = P^T W of the panels that begin with these columns.
fn find_dots(m: Matrix, before: u32, first: u32, invocation: u32) {
    let place = invocation % PANEL;
    let lane = invocation / PANEL;
    var parts: array<f32, PARTS>;
    for (var start = 0u; start < m.size; start += PANEL) {
        workgroupBarrier();
        for (var part = 0u; part < PARTS; part++) {
            let row = part * LANES + lane;
            earlier[row * PANEL + place] = new_element(m, start + row, before + place);
            own[row * PANEL + place] = new_element(m, start + row, first + place);
        }
        workgroupBarrier();
        for (var row = 0u; row < PANEL; row++) {
            let x = own[row * PANEL + place];
            for (var part = 0u; part < PARTS; part++) {
                parts[part] += earlier[row * PANEL + part * LANES + lane] * x;
            }
        }
    }
    for (var part = 0u; part < PARTS; part++) {
        dots[(part * LANES + lane) * PANEL + place] = parts[part];
    }
    workgroupBarrier();
}

// W = W - P dots
fn subtract_panel(m: Matrix, before: u32, first: u32, invocation: u32) {
    let place = invocation % PANEL;
    if first + place >= m.size {
        return;
    }
    for (var row = invocation / PANEL; row < m.size; row += LANES) {
        let from_row = new_at(m, row, before);
        var sum = 0.0;
        for (var k = 0u; k < PANEL; k++) {
            sum += numbers[from_row + k] * dots[k * PANEL + place];
        }
        numbers[new_at(m, row, first + place)] -= sum;
    }
}

// The columns of a panel made orthogonal to one another.
fn finish(m: Matrix, first: u32, invocation: u32) {
    let place = invocation % PANEL;
    let lane = invocation / PANEL;
    let column = first + place;
    let width = min(PANEL, m.size - first);
    var square = 0.0;
    for (var by = 0u; by < width; by++) {
        var sum = 0.0;
        if place >= by && place < width {
            for (var row = lane; row < m.size; row += LANES) {
                sum += numbers[new_at(m, row, first + by)] * numbers[new_at(m, row, column)];
            }
        }
        give_part(sum, invocation);
        let dot = of_lanes(place);
        if place == by {
            square = dot;
        }
        if place > by && place < width {
            let factor = dot / of_lanes(by);
            for (var row = lane; row < m.size; row += LANES) {
                numbers[new_at(m, row, column)] -= factor * numbers[new_at(m, row, first + by)];
            }
        }
        storageBarrier();
    }
    if place < width {
        let length = 1.0 / sqrt(square);
        for (var row = lane; row < m.size; row += LANES) {
            numbers[new_at(m, row, column)] *= length;
        }
    }
}

// Panel `tile.column`, from which the one before `tile.row` is taken away.
fn work(m: Matrix, tile: Tile, invocation: u32) {
    let first = tile.column * PANEL;
    if tile.row > 0u {
        let before = (tile.row - 1u) * PANEL;
        // Once more: of a column that nearly depends on those, rounding is all that is left, and that has parts of them.
        for (var time = 0u; time < 2u; time++) {
            find_dots(m, before, first, invocation);
            subtract_panel(m, before, first, invocation);
            storageBarrier();
        }
    }
    if tile.column == tile.row {
        finish(m, first, invocation);
    }
}
