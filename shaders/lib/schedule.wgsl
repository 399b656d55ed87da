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

// The value after k steps of a piece. Its ends are selected: computed, they would be as far off as an adapter's division. Between them each share
// of an end comes from whole steps on its own side, and is never 1 less the other: near an end that is 0, the value is accurate relative to itself.
fn schedule_value(piece: SchedulePiece, k: u32) -> f32 {
    if k == 0u && piece.head == 0.0 {
        return piece.start;
    }
    switch piece.shape {
        case SCHEDULE_Constant: {
            return piece.start;
        }
        case SCHEDULE_InverseRoot: {
            return piece.start * root(quotient(piece.span, piece.span + f32(k)));
        }
        case SCHEDULE_Restarts: {
            let since = schedule_cycle(k, piece.end, piece.times);
            if since.x == 0u {
                return piece.start;
            }
            return schedule_cosine(piece.start, piece.stop, f32(since.x), f32(since.y - since.x), f32(since.y));
        }
        default: {}
    }
    if k == piece.end && piece.tail == 0.0 {
        return piece.stop;
    }
    let done = f32(k) + piece.head;
    let rest = f32(piece.end - k) + piece.tail;
    switch piece.shape {
        case SCHEDULE_Exponential: {
            return schedule_exponential(piece.start, k / piece.times, piece.exponent, piece.exponent_low);
        }
        case SCHEDULE_Cosine: {
            return schedule_cosine(piece.start, piece.stop, done, rest, piece.span);
        }
        case SCHEDULE_Power: {
            let power = schedule_power(rest, done, piece.span, piece.exponent, piece.exponent_low);
            return schedule_between(piece.start, power.share, piece.stop, power.others);
        }
        case SCHEDULE_RisingPower: {
            let power = schedule_power(done, rest, piece.span, piece.exponent, piece.exponent_low);
            return schedule_between(piece.stop, power.share, piece.start, power.others);
        }
        default: {
            return schedule_between(piece.start, Wide(quotient(rest, piece.span), 0), piece.stop, quotient(done, piece.span));
        }
    }
}

// a * share + b * others, where neither product is flushed.
fn schedule_between(a: f32, share: Wide, b: f32, others: f32) -> f32 {
    return narrow(wide_sum(wide_product(wide(a), share), wide_product(wide(b), Wide(others, 0))));
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
    return schedule_between(start, Wide(down * down, 0), stop, up * up);
}

// sin(pi/2 x) for 0 <= x <= 1: WGSL's own sin may be off by 2^-11. A minimax polynomial, off by 2.2e-11, and what rounding took from pi/2.
fn schedule_quarter_sine(x: f32) -> f32 {
    let y = x * x;
    let tail = y * (-6.4596410e-1 + y * (7.9692601e-2 + y * (-4.6816510e-3 + y * (1.6024703e-4 + y * -3.4287907e-6))));
    return 1.5707964 * x + x * (tail - 4.3711390e-8);
}

// A power, and what it leaves of 1.
struct SchedulePower { share: Wide, others: f32 }

// (x / span)^exponent for x = span - other > 0; the exponent in two parts, the first of 12 bits. As `power`, but without rounding the quotient:
// x = 2^e * m with m within sqrt(2) of the span, and their difference is exact, or `other`.
fn schedule_power(x: f32, other: f32, span: f32, exponent: f32, exponent_low: f32) -> SchedulePower {
    let whole = i32(bitcast<u32>(x / span) - 0x3f3504f3u) >> 23u;
    let m = x * two_power(-whole);
    let e = f32(whole);
    let log2_m = log2_series(quotient(select(m - span, -other, whole == 0), m + span));
    let small = e * exponent_low + (exponent + exponent_low) * log2_m;
    let log2_power = e * exponent + small;
    // Times any f32, that is none any more.
    if log2_power < -300.0 {
        return SchedulePower(Wide(0.0, WIDE_ZERO), 1.0);
    }
    let k = round(log2_power);
    let scale = two_power(max(i32(k), -126));
    let series = exp_series(((e * exponent - k) + small) * 0.69314718);
    return SchedulePower(Wide(1.0 + series, i32(k)), (1.0 - scale) - scale * series);
}

// start * exp(count * ln), 0 below exp(-190); ln in two parts, the first of 12 bits, so that its products with either half of a count of 24
// bits are exact (`step_pow` needs a fused fma for that, which not all adapters have) and cancel against a multiple of ln(2).
fn schedule_exponential(start: f32, count: u32, ln: f32, ln_low: f32) -> f32 {
    let low = count & 0xfffu;
    let k = round(clamp(f32(count) * ln, -200.0, 200.0) * 1.44269504);
    if k < -274.0 {
        return 0.0;
    }
    let r = ((f32(count - low) * ln - k * 0.693359375) + f32(low) * ln) + (f32(count) * ln_low + k * 2.12194440e-4);
    let scaled = wide(start);
    return narrow(Wide(scaled.significand + scaled.significand * exp_series(r), scaled.exponent + i32(k)));
}
