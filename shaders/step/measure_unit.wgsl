// Of the elements from `begin` to `end` of the row, four each `stride`. Plain squares, unless some may have become infinite or 0.
fn measured(row: Row, begin: u32, end: u32, stride: u32) -> Sum {
    var gradient = vec4f(0.0);
    var value = vec4f(0.0);
    var most_gradient = vec4u(0u);
    var most_value = vec4u(0u);
    var i = begin;
    // Four turns at once, none of which the unit ends in: as many loads are under way. Which values are seen is known after their gradients.
    for (; i + 3u * stride + 4u <= end; i += 4u * stride) {
        let g0 = whole_gradient(row, i, 4u);
        let p0 = kept(vec4f(0.0), load_value(row, i, 4u));
        let g1 = whole_gradient(row, i + stride, 4u);
        let p1 = kept(vec4f(0.0), load_value(row, i + stride, 4u));
        let g2 = whole_gradient(row, i + 2u * stride, 4u);
        let p2 = kept(vec4f(0.0), load_value(row, i + 2u * stride, 4u));
        let g3 = whole_gradient(row, i + 3u * stride, 4u);
        let p3 = kept(vec4f(0.0), load_value(row, i + 3u * stride, 4u));
        gradient += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3);
        value += (p0 * p0 + p1 * p1) + (p2 * p2 + p3 * p3);
        most_gradient = max(most_gradient, max(max(magnitudes(g0), magnitudes(g1)), max(magnitudes(g2), magnitudes(g3))));
        most_value = max(most_value, max(max(magnitudes(p0), magnitudes(p1)), max(magnitudes(p2), magnitudes(p3))));
    }
    while i < end {
        var gradient_part = vec4f(0.0);
        var value_part = vec4f(0.0);
        for (var turn = 0u; turn < 8u && i < end; turn++) {
            let left = end - i;
            let g = within(whole_gradient(row, i, left), left);
            let p = within(kept(vec4f(0.0), load_value(row, i, left)), left);
            gradient_part += g * g;
            value_part += p * p;
            most_gradient = max(most_gradient, magnitudes(g));
            most_value = max(most_value, magnitudes(p));
            i += stride;
        }
        gradient += gradient_part;
        value += value_part;
    }
    if is_plain(most_gradient) && is_plain(most_value) {
        return sum_of(plain(gradient, most_gradient), plain(value, most_value));
    }
    return careful(row, begin, end, stride);
}

fn careful(row: Row, begin: u32, end: u32, stride: u32) -> Sum {
    var gradient = Tally();
    var value = Tally();
    for (var i = begin; i < end;) {
        var gradient_part = Tally();
        var value_part = Tally();
        for (var turn = 0u; turn < 8u && i < end; turn++) {
            let left = end - i;
            gradient_part = tallied(gradient_part, within(whole_gradient(row, i, left), left));
            value_part = tallied(value_part, within(kept(vec4f(0.0), load_value(row, i, left)), left));
            i += stride;
        }
        gradient = both(gradient, gradient_part);
        value = both(value, value_part);
    }
    return sum_of(gradient, value);
}
