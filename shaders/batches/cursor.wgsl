// Which rows a batch is, and where the next one begins. Twin: src/batches/cursor.rs.

// Where a batch can begin: an epoch is over when no row is left or, with drop_last, fewer than a batch.
fn settled(order: Order, cursor: Cursor) -> Cursor {
    let least = select(1u, order.batch_size, order.drop_last != 0u);
    if order.rows - cursor.position < least {
        return Cursor(cursor.epoch + 1u, 0u);
    }
    return cursor;
}

fn batch_at(order: Order, cursor: Cursor) -> Batch {
    return Batch(min(order.batch_size, order.rows - cursor.position), cursor.epoch, cursor.position);
}

fn cursor_after(order: Order, batch: Batch) -> Cursor {
    return settled(order, Cursor(batch.epoch, batch.position + batch.size));
}

fn batch_key(order: Order, batch: Batch) -> vec2u {
    return epoch_key(vec2u(order.seed_low, order.seed_high), batch.epoch);
}

// The row of the data set that is row i of the batch.
fn row_at(order: Order, batch: Batch, key: vec2u, i: u32) -> u32 {
    let place = batch.position + i;
    if order.shuffle == 0u {
        return place;
    }
    return permute(key, order.rows, place);
}
