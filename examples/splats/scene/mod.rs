//! The picture that is fitted: balloons over a mountain lake at sunrise. It has edges, smooth gradients and fine detail, and is a function of the
//! place, so it can be painted in any size.

mod balloon;
mod land;
mod paint;

use balloon::Balloon;
use land::{Ridge, firs};
use paint::{Colour, Place, glow, gradient, hash, hex, mix, noise, rough, smooth};

/// Where the sky meets the lake.
const WATER: f64 = 0.705;
const SUN: Place = [0.56, 0.475];
const SUN_RADIUS: f64 = 0.068;
/// Points that are averaged in a pixel, in both directions.
const SAMPLES: usize = 4;

/// Paints it: rows of RGB, from 0 to 1.
pub fn paint([width, height]: [usize; 2]) -> Vec<[f32; 3]> {
    let unit = 1.0 / (height * SAMPLES) as f64;
    let pixel = |index: usize| {
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let column = index % width * SAMPLES + sample % SAMPLES;
            let row = index / width * SAMPLES + sample / SAMPLES;
            let place = [column, row].map(|along| (along as f64 + 0.5) * unit);
            let colour = colour(place, width as f64 / height as f64);
            sum.iter_mut().zip(colour).for_each(|(sum, channel)| *sum += channel);
        }
        sum.map(|channel| (channel / (SAMPLES * SAMPLES) as f64).clamp(0.0, 1.0) as f32)
    };
    (0..width * height).map(pixel).collect()
}

fn colour(place: Place, width: f64) -> Colour {
    let behind = if place[1] < WATER { world(place) } else { lake(place) };
    firs(behind, place, width)
}

/// What is mirrored, its waves longer and higher towards the near shore.
fn lake([x, y]: Place) -> Colour {
    let depth = y - WATER;
    let row = (depth + 0.02).ln() * 26.0;
    let wave = noise([x * 5.0 / (depth + 0.12), row]) - 0.5;
    let mirrored = world([x + 0.10 * wave * depth.sqrt(), WATER - 1.12 * depth - 0.16 * wave * depth]);
    let deep = mix(mirrored, hex(0x14224f), 0.16 + 0.75 * depth);
    let ripple = smooth(0.64, 0.86, noise([x * 9.0 / (depth + 0.2), row * 1.7 + 40.0]));
    let near_sun = (-((x - SUN[0]) / (0.035 + 0.32 * depth)).powi(2)).exp();
    glow(glow(deep, hex(0xffc98a), ripple * (0.12 + 0.75 * near_sun)), hex(0xfff0d0), 0.6 * smooth(0.006, 0.0, depth))
}

/// All that is above the water, back to front.
fn world(place: Place) -> Colour {
    let far = Ridge { level: 0.55, height: 0.105, summits: 2.1, seed: 3.9, colours: [hex(0x8a74a8), hex(0xd79a9e)], snow: 0.0 };
    let high = Ridge { level: 0.565, height: 0.20, summits: 2.3, seed: 11.35, colours: [hex(0x544f8d), hex(0xa878a0)], snow: 0.40 };
    let near = Ridge { level: 0.665, height: 0.07, summits: 2.6, seed: 23.1, colours: [hex(0x2a2c5e), hex(0x55467f)], snow: 0.0 };
    let red = Balloon { centre: [1.06, 0.25], radius: 0.155, colours: [hex(0xd8342f), hex(0xfbe9c6), hex(0x12727c)] };
    let small = Balloon { centre: [0.30, 0.215], radius: 0.052, colours: [hex(0xf0a020), hex(0xfdf0d0), hex(0x7a2b6d)] };
    let land = near.over(high.over(far.over(sky(place), place), place), place);
    red.over(small.over(land, place), place)
}

fn sky([x, y]: Place) -> Colour {
    let stops = [
        (0.0, hex(0x17204f)),
        (0.16, hex(0x38407f)),
        (0.34, hex(0x9a6a9c)),
        (0.47, hex(0xf2a488)),
        (0.60, hex(0xffe2ae)),
        (1.0, hex(0xffe9c0)),
    ];
    let distance = ((x - SUN[0]).powi(2) + (y - SUN[1]).powi(2)).sqrt();
    let air = glow(gradient(&stops, y + 0.05 * (noise([x * 1.3, 4.0]) - 0.5)), hex(0xffc070), 0.85 * (-distance / 0.24).exp());
    let air = stars(air, [x, y]);
    // Clouds lie flat, lit from below where the sun is near.
    let veil = smooth(0.50, 0.80, rough([x * 2.2 + 8.0, y * 11.0 - x * 1.1], 5)) * smooth(0.02, 0.16, y) * smooth(0.56, 0.40, y);
    let lit = mix(hex(0xe58d97), hex(0xffe0b0), smooth(0.6, 0.1, distance));
    let air = mix(air, lit, 0.75 * veil);
    mix(air, hex(0xfffbe8), smooth(SUN_RADIUS + 0.002, SUN_RADIUS - 0.002, distance))
}

fn stars(air: Colour, [x, y]: Place) -> Colour {
    let cell = 0.045;
    let (column, row) = ((x / cell).floor() as i64, (y / cell).floor() as i64);
    let random = |salt: i64| hash(column * 7 + salt, row * 13 + 1000);
    let centre = [(column as f64 + 0.2 + 0.6 * random(0)) * cell, (row as f64 + 0.2 + 0.6 * random(1)) * cell];
    let distance = ((x - centre[0]).powi(2) + (y - centre[1]).powi(2)).sqrt();
    let size = 0.0025 + 0.0025 * random(2);
    let shines = f64::from(random(3) < 0.34) * smooth(0.24, 0.05, y);
    glow(air, hex(0xfff6e0), shines * smooth(size * 1.5, size * 0.3, distance))
}
