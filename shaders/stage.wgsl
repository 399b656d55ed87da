// One stage of a rule over one row. What it needs is asked for before it is known whether it is active: each load that waits for another costs a card as much
// as a turn.
fn work(row: Row, invocation: u32) {
    let own = load_step_entry(row.record);
    let h = load_hyper(row.hyper);
    let s = load_scalars(row.record + SCALARS);
    let whole = whole_of(row);
    let tile = tile_of(row);
    if idle(row, own, invocation) {
        return;
    }
    begin_row(own);
    fill_maps(invocation);
    sweep(row, own, h, s, whole, tile, invocation);
    finish(row, invocation);
}
