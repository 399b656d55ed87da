//! A macro for structs of 32-bit words that the host and WGSL share.

/// Declares a struct of 32-bit words once, for the host and, by its `FIELDS` or its `WGSL`, for kernels: ours, and the caller's own.
macro_rules! words {
    ($(#[$meta:meta])* $scope:vis struct $Name:ident { $($(#[$doc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        $scope struct $Name {
            $($(#[$doc])* pub $field: $ty,)+
        }

        #[allow(dead_code, reason = "some are read by their members, some by their text")]
        impl $Name {
            /// The members in order.
            #[doc(hidden)]
            pub const FIELDS: &'static [$crate::rule::Field] = &[$($crate::rule::Field {
                name: stringify!($field),
                wgsl: <$ty as $crate::rule::Word>::WGSL,
            },)+];

            /// The struct in WGSL.
            pub const WGSL: &'static str = concat!("struct ", stringify!($Name), " { ", $(stringify!($field), ": ", stringify!($ty), ", ",)+ "}\n");
        }
    };
}

pub(crate) use words;
