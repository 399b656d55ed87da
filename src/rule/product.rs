//! `Product`: what becomes of the square matrices of a tensor's axes after a stage, by matrix products and what is made of these.

/// A step of the work on the square matrices ([`Extent::Squares`](super::Extent::Squares)) of each axis that has one, by the names of states. X is a state of each element; X_i is X as a
/// matrix whose rows are the indices of axis i, and whose columns are all else. A `when` is a scalar of the rule: where it is 0 or below, nothing happens in this step.
///
/// ```
/// use wgpu_optim::rule::Product;
///
/// const ROOTED: &[Product] = &[
///     Product::Gram { of: "direction", into: "sums", keep: "keep", add: "add", ridge: "ridge" },
///     Product::Root { of: "sums", into: "roots", when: "due" },
///     Product::Turn { of: "direction", by: "roots", back: true },
/// ];
/// assert_eq!(ROOTED[1].states(), ["sums", "roots"]);
/// assert_eq!(ROOTED[0].scalars(), ["keep", "add", "ridge"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// `into = keep * into + add * X_i X_i^T + ridge * I`; the three are scalars.
    Gram {
        /// X.
        of: &'static str,
        /// The squares.
        into: &'static str,
        /// What they were counts so much.
        keep: &'static str,
        /// The new products count so much.
        add: &'static str,
        /// What is added on the diagonal.
        ridge: &'static str,
    },
    /// `into = of^(-1 / (2 k))`, k being the number of axes that have a square. Eigenvalues that are 0, or far below 2^-18 of the norm (the root of the sum of all squares), count as 2^-22 to 2^-23 of it: in f32 what
    /// is smaller is rounding.
    Root {
        /// Symmetric squares.
        of: &'static str,
        /// Their inverse roots.
        into: &'static str,
        /// Whether to do it.
        when: &'static str,
    },
    /// `into` has the eigenvectors of `of` as columns, by falling eigenvalues; the largest component of each is positive.
    Basis {
        /// Symmetric squares.
        of: &'static str,
        /// Their eigenvectors.
        into: &'static str,
        /// Whether to do it.
        when: &'static str,
    },
    /// Brings a basis Q up to date by one step of an orthogonal iteration: its columns are sorted by falling diagonals of `Q^T of Q`, and Q becomes the orthogonal factor of
    /// `of Q`. `turned` is expressed in the new basis, and `sorted` follows the order.
    Renew {
        /// Symmetric squares.
        of: &'static str,
        /// Q.
        basis: &'static str,
        /// A state of each element in the coordinates of the basis.
        turned: &'static str,
        /// One that has a number for each of these coordinates.
        sorted: &'static str,
        /// Whether to do it.
        when: &'static str,
    },
    /// `X_i = B^T X_i` for each axis, B being its square.
    Turn {
        /// X.
        of: &'static str,
        /// The squares.
        by: &'static str,
        /// `X_i = B X_i` instead.
        back: bool,
    },
}

impl Product {
    /// The states that it reads or writes; those of each element come first in `Gram` and `Turn`, last in `Renew`.
    pub fn states(&self) -> Vec<&'static str> {
        match *self {
            Product::Gram { of, into, .. } | Product::Root { of, into, .. } | Product::Basis { of, into, .. } => vec![of, into],
            Product::Renew { of, basis, turned, sorted, .. } => vec![of, basis, turned, sorted],
            Product::Turn { of, by, .. } => vec![of, by],
        }
    }

    /// Which of these have a number for each element.
    pub fn of_elements(&self) -> Vec<&'static str> {
        match *self {
            Product::Gram { of, .. } | Product::Turn { of, .. } => vec![of],
            Product::Root { .. } | Product::Basis { .. } => Vec::new(),
            Product::Renew { turned, sorted, .. } => vec![turned, sorted],
        }
    }

    /// Whether it writes one of these.
    pub fn writes(&self, state: &str) -> bool {
        match *self {
            Product::Gram { into, .. } | Product::Root { into, .. } | Product::Basis { into, .. } => into == state,
            Product::Renew { basis, turned, sorted, .. } => [basis, turned, sorted].contains(&state),
            Product::Turn { of, .. } => of == state,
        }
    }

    /// The scalars that it reads, `when` aside.
    pub fn scalars(&self) -> Vec<&'static str> {
        match *self {
            Product::Gram { keep, add, ridge, .. } => vec![keep, add, ridge],
            _ => Vec::new(),
        }
    }

    /// The scalar that says whether it happens, if one does.
    pub fn when(&self) -> Option<&'static str> {
        match *self {
            Product::Root { when, .. } | Product::Basis { when, .. } | Product::Renew { when, .. } => Some(when),
            Product::Gram { .. } | Product::Turn { .. } => None,
        }
    }
}
