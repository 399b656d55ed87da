//! What a Newton-Schulz iteration makes of singular values at most.

/// The largest singular values after an iteration, and the largest magnitude of an eigenvalue of its B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reach {
    /// Of X.
    pub(crate) x: f64,
    /// Of `b A + c A A`.
    pub(crate) polynomial: f64,
}

/// Of singular values up to `most`, by iteration `X = a X + B X`, `B = b A + c A A`, `A = X X^T`, looked at in so many places.
pub(crate) fn reach(most: f64, [a, b, c]: [f64; 3]) -> Reach {
    const SAMPLES: usize = 256;
    (0..=SAMPLES).map(|index| most * index as f64 / SAMPLES as f64).fold(Reach { x: 0.0, polynomial: 0.0 }, |reach, s| {
        let polynomial = s * s * (b + s * s * c);
        Reach { x: reach.x.max((s * (a + polynomial)).abs()), polynomial: reach.polynomial.max(polynomial.abs()) }
    })
}
