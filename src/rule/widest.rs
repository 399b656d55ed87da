//! Loops over elements in the widest registers of the machine that runs them, whichever it was compiled for.

/// A loop, all of it `#[inline(always)]`: what is not inlined is compiled for any machine.
pub(crate) trait Op {
    fn run(self);
}

/// Runs it. The results are those of any other machine: the compiler neither fuses nor reorders what is computed.
#[cfg(all(target_arch = "x86_64", feature = "cpu"))]
pub(crate) fn widest(op: impl Op) {
    struct Simd<O>(O);

    impl<O: Op> pulp::WithSimd for Simd<O> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) {
            self.0.run();
        }
    }

    pulp::Arch::new().dispatch(Simd(op));
}

/// Runs it.
#[cfg(not(all(target_arch = "x86_64", feature = "cpu")))]
pub(crate) fn widest(op: impl Op) {
    op.run();
}
