//! A macro for structs of u32 that the caller's own kernels may read too.

/// Declares a struct of 32-bit words once, for Rust and for WGSL.
macro_rules! words {
    ($(#[$meta:meta])* $scope:vis struct $Name:ident { $($(#[$doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
        $scope struct $Name {
            $($(#[$doc])* pub $field: u32,)+
        }

        impl $Name {
            /// The struct in WGSL, for the caller's own kernels.
            $scope const WGSL: &'static str = concat!("struct ", stringify!($Name), " { ", $(stringify!($field), ": u32, ",)+ "}\n");
        }
    };
}

pub(super) use words;
