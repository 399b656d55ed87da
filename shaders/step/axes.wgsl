// Where a tile finds what a lane has of axes: the least of what its slice has in those before the last two, and where the numbers of its rows and of its
// columns begin in these.
struct TileAxes { leading: vec4f, rows: u32, columns: u32 }

// Where there is one axis.
const NO_ROWS: u32 = 0xffffffffu;

fn axes_of(shape: Shape, lane: u32, row: Row, first_row: u32) -> TileAxes {
    let leading = least_of_leading_axes(shape, lane, first_row / shape.height);
    let rows = select(lane + shape.axis_rows + first_row % shape.height, NO_ROWS, shape.axis_rows == shape.axis_columns);
    return TileAxes(leading, rows, lane + shape.axis_columns + row.element % row.columns);
}

// The least of what a row has in all axes but the last.
fn of_row_axes(axes: TileAxes, k: u32) -> vec4f {
    if axes.rows == NO_ROWS {
        return axes.leading;
    }
    return smaller(axes.leading, vec4f(line_at(axes.rows + k)));
}

