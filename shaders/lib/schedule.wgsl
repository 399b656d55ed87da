// A value that changes with the step count. The twin is Schedule::value in src/schedule; `SchedulePiece`, its loader and the shapes'
// numbers are generated from its layout.

// The schedule whose pieces begin at word `at` of `schedules`, at a step counted from 0. Its last piece is 2^32 - 1 steps long.
fn schedule(at: u32, step: u32) -> f32 {
    var next = at;
    var k = min(step, 0xfffffffeu);
    while schedules[next] <= k {
        k -= schedules[next];
        next += SCHEDULE_WORDS;
    }
    return schedule_value(schedule_piece(next), k);
}

// The value after k steps of a piece. Each share of an end comes from whole steps on its own side, and is never 1 less the other: near an end
// that is 0, the value is accurate relative to itself.
fn schedule_value(piece: SchedulePiece, k: u32) -> f32 {
    switch piece.shape {
        case SCHEDULE_Constant: {
            return piece.start;
        }
        case SCHEDULE_Exponential: {
            return schedule_exponential(piece.start, k / piece.times, piece.exponent, piece.exponent_low);
        }
        case SCHEDULE_InverseRoot: {
            return piece.start * root(quotient(piece.span, piece.span + f32(k)));
        }
        case SCHEDULE_Restarts: {
            let since = schedule_cycle(k, piece.end, piece.times);
            return schedule_cosine(piece.start, piece.stop, f32(since.x), f32(since.y - since.x), f32(since.y));
        }
        default: {}
    }
    let done = f32(k) + piece.head;
    let rest = f32(piece.end - k) + piece.tail;
    switch piece.shape {
        case SCHEDULE_Cosine: {
            return schedule_cosine(piece.start, piece.stop, done, rest, piece.span);
        }
        case SCHEDULE_Power: {
            let shares = schedule_power(rest, done, piece.span, piece.exponent, piece.exponent_low);
            return piece.start * shares.x + piece.stop * shares.y;
        }
        case SCHEDULE_RisingPower: {
            let shares = schedule_power(done, rest, piece.span, piece.exponent, piece.exponent_low);
            return piece.start * shares.y + piece.stop * shares.x;
        }
        default: {
            return piece.start * quotient(rest, piece.span) + piece.stop * quotient(done, piece.span);
        }
    }
}

// The steps since the last restart, and those of that cycle, of which each is `times` as long as the one before.
fn schedule_cycle(step: u32, first: u32, times: u32) -> vec2u {
    if times == 1u {
        return vec2u(step % first, first);
    }
    var k = step;
    var cycle = first;
    while k >= cycle {
        k -= cycle;
        cycle = select(cycle * times, 0xffffffffu, cycle > 0xffffffffu / times);
    }
    return vec2u(k, cycle);
}

// Between two ends by (1 + cos(pi x)) / 2 = sin(pi/2 (1 - x))^2 and 1 less that, sin(pi/2 x)^2.
fn schedule_cosine(start: f32, stop: f32, done: f32, rest: f32, span: f32) -> f32 {
    let up = schedule_quarter_sine(quotient(done, span));
    let down = schedule_quarter_sine(quotient(rest, span));
    return start * (down * down) + stop * (up * up);
}

// sin(pi/2 x) for 0 <= x <= 1: WGSL's own sin may be off by 2^-11. A minimax polynomial, off by 2.2e-11, and what rounding took from pi/2.
fn schedule_quarter_sine(x: f32) -> f32 {
    let y = x * x;
    let tail = y * (-6.4596410e-1 + y * (7.9692601e-2 + y * (-4.6816510e-3 + y * (1.6024703e-4 + y * -3.4287907e-6))));
    return 1.5707964 * x + x * (tail - 4.3711390e-8);
}

// (x / span)^exponent and what it leaves of 1, for x = span - other; the exponent in two parts, the first of 12 bits. As `power`, but without
// rounding the quotient: x = 2^e * m with m within sqrt(2) of the span, and their difference is exact, or `other`.
fn schedule_power(x: f32, other: f32, span: f32, exponent: f32, exponent_low: f32) -> vec2f {
    if x <= 0.0 {
        return vec2f(0.0, 1.0);
    }
    let whole = i32(bitcast<u32>(x / span) - 0x3f3504f3u) >> 23u;
    let m = x * bitcast<f32>(u32(127 - whole) << 23u);
    let e = f32(whole);
    let log2_m = log2_series(quotient(select(m - span, -other, whole == 0), m + span));
    let small = e * exponent_low + (exponent + exponent_low) * log2_m;
    let k = round(e * exponent + small);
    if k < -126.0 {
        return vec2f(0.0, 1.0);
    }
    let scale = bitcast<f32>(u32(i32(k) + 127) << 23u);
    let series = exp_series(((e * exponent - k) + small) * 0.69314718);
    return vec2f(scale + scale * series, (1.0 - scale) - scale * series);
}

// start * exp(count * ln), 0 below exp(-174); ln in two parts, the first of 12 bits, so that its products with either half of a count of 24
// bits are exact (`step_pow` needs a fused fma for that, which not all adapters have) and cancel against a multiple of ln(2).
fn schedule_exponential(start: f32, count: u32, ln: f32, ln_low: f32) -> f32 {
    let low = count & 0xfffu;
    let k = round(clamp(f32(count) * ln, -176.0, 176.0) * 1.44269504);
    if k < -251.0 {
        return 0.0;
    }
    let r = ((f32(count - low) * ln - k * 0.693359375) + f32(low) * ln) + (f32(count) * ln_low + k * 2.12194440e-4);
    // In two halves, since either may be beyond f32 where the result is not.
    let half = i32(k) / 2;
    let scaled = start * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(i32(k) - half + 127) << 23u);
    return scaled + scaled * exp_series(r);
}
