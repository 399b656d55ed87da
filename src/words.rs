//! A macro for structs of 32-bit words that the host and WGSL share.

/// Declares a struct of 32-bit words once, for the host and, by its `FIELDS`, for WGSL.
macro_rules! words {
    ($(#[$meta:meta])* pub struct $Name:ident { $($(#[$doc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $Name {
            $($(#[$doc])* pub $field: $ty,)+
        }

        impl $Name {
            /// The members in order.
            pub const FIELDS: &'static [$crate::rule::Field] = &[$($crate::rule::Field {
                name: stringify!($field),
                wgsl: <$ty as $crate::rule::Word>::WGSL,
            },)+];
        }
    };
}

pub(crate) use words;
