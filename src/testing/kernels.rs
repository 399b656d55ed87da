//! Every kernel that can be composed: all accesses, shapes, formats and ways to choose rows.

use crate::program::{Access, Array, Division, Kernel, Kind, Pair};
use crate::rule::AnyRule;
use crate::step::{StateStorage, Storable};
use crate::storage::{Dtype, Format, Rounding};

/// The kernel for matrices and for others, where a rule tells them apart, and for rows of any length, where it works tile by tile.
pub fn of_shapes(rule: &dyn AnyRule, kernel: Kernel) -> impl Iterator<Item = Kernel> {
    let shapes = if rule.tells_matrices() { &[false, true][..] } else { &[false] };
    let tiled = move |matrix: bool| rule.is_tiled(matrix);
    let scalar = kernel.arrays.iter().any(|array| array.access == Access::Scalar && !array.scales);
    shapes.iter().map(move |&matrix| {
        let kind = Kind { matrix, tiled: tiled(matrix), uneven: tiled(matrix) && scalar, ..kernel.kind };
        Kernel { kind, ..kernel.clone() }
    })
}

/// Every way to access a bucket: of one pair, in two buffers, in one, or far from each other in one, and of two pairs; without scales and with them.
pub fn kernels() -> impl Iterator<Item = Kernel> {
    let narrow = Division::GPU.at_most(64);
    let accesses = [
        (Division::GPU, Access::Vector),
        (narrow, Access::Vector),
        (Division::SOFTWARE, Access::Vector64),
        (Division::GPU, Access::Scalar),
        (Division::SOFTWARE, Access::Scalar),
    ];
    let flags = [(false, false), (true, false), (false, true), (true, true)];
    let all = accesses.into_iter().flat_map(move |access| flags.map(move |flags| (access, flags)));
    all.flat_map(|((division, access), (scaled, adaptive))| {
        let array = |values, gradients, written| Array { access, values, gradients, written, ..Array::default() };
        let (values, gradients, scales) = (array(true, false, true), array(false, true, false), Array { scales: true, ..Array::default() });
        let kind = Kind { scaled, adaptive, whole_units: access != Access::Scalar, ..Kind::default() };
        let pair = |values, gradients, scales| Pair { values, gradients, scales: scaled.then_some(scales), mask: None, copy: None };
        let layouts = [
            (vec![values, gradients, scales], vec![pair(0, 1, 2)]),
            (vec![array(true, true, true), scales], vec![pair(0, 0, 1)]),
            (vec![values, array(false, true, true), scales], vec![pair(0, 1, 2)]),
            // Eight buffers are not enough for two pairs and their scales.
            (vec![values, gradients, gradients], vec![pair(0, 1, 1), pair(0, 2, 2)]),
        ];
        let layouts = layouts.into_iter().filter(move |(_, pairs)| !scaled || pairs.len() == 1);
        layouts.map(move |(mut arrays, pairs)| {
            arrays.retain(|array| scaled || !array.scales);
            Kernel { kind, division, arrays, pairs }
        })
    })
}

/// The kernel, of one pair, for some rows: with a mask, whose rows have whole vectors or not, and count their own steps or not; and with a list of rows.
pub fn of_some_rows(kernel: Kernel) -> impl Iterator<Item = Kernel> {
    let flags =
        [(false, false, false), (true, false, false), (false, true, false), (true, true, false), (false, false, true), (true, false, true)];
    let of = move |(whole_rows, counted, listed): (bool, bool, bool)| {
        let mut own = kernel.clone();
        own.kind = Kind { masked: !listed, whole_rows, counted, listed, uneven: listed && !whole_rows, ..own.kind };
        own.pairs.iter_mut().for_each(|pair| pair.mask = Some(own.arrays.len()));
        own.arrays.push(Array { masks: true, ..Array::default() });
        own
    };
    flags.into_iter().map(of).filter(|own| own.pairs.len() == 1)
}

/// Whether values are in one array that is written and gradients in one that is not, of one pair.
pub fn is_plain(kernel: &Kernel) -> bool {
    kernel.pairs.len() == 1 && !kernel.arrays[0].gradients && !kernel.arrays[1].written
}

/// The kernel of one pair with states in fewer bits, where the rule has some that can be.
pub fn stored(rule: &dyn AnyRule, kernel: &Kernel) -> Vec<Kernel> {
    // How arrays are laid out makes no difference to states.
    if !is_plain(kernel) || kernel.kind.scaled || kernel.kind.adaptive || kernel.arrays[0].access == Access::Scalar {
        return Vec::new();
    }
    let drawn = StateStorage { rounding: Rounding::Stochastic { seed: 1 }, ..StateStorage::all(Dtype::Bf16) };
    let mixed = StateStorage { v: Dtype::Dynamic8, ..drawn };
    let kept = StateStorage { averages: Dtype::Bf16, accumulated: Dtype::Bf16, ..StateStorage::all(Dtype::F16) };
    let all = [StateStorage::all(Dtype::F16), StateStorage::all(Dtype::Dynamic8), drawn, mixed, kept];
    let listed = kernel.kind.listed;
    let row_length = if kernel.kind.uneven { 3 } else { 4 * u64::from(kernel.kind.tiled) + 256 * u64::from(listed) };
    let tensor = Storable {
        param: "",
        elements: 1 << 20,
        is_matrix: kernel.kind.matrix,
        masked: false,
        listed,
        row_length,
        averages: true,
        accumulates: true,
    };
    let storages = all.into_iter().filter_map(|storage| storage.of(rule, &tensor).ok());
    let storages = storages.filter(|storage| *storage != StateStorage::default());
    storages.map(|storage| Kernel { kind: Kind { storage, ..kernel.kind }, ..kernel.clone() }).collect()
}

/// The kernel of one pair with values and gradients in fewer bits, of which both kinds may be in one array.
pub fn in_halves(kernel: &Kernel) -> Vec<Kernel> {
    // How rows are divided makes no difference to them.
    if kernel.pairs.len() > 1 || kernel.kind.scaled || kernel.division != Division::GPU {
        return Vec::new();
    }
    let ways = [
        (Format::F32, Format::F16, false),
        (Format::Bf16, Format::F32, false),
        (Format::F16, Format::Bf16, false),
        (Format::Bf16, Format::Bf16, true),
    ];
    let of = |(values, gradients, mastered): (Format, Format, bool)| {
        let mut own = kernel.clone();
        own.kind = Kind { values, gradients, mastered, ..own.kind };
        for array in &mut own.arrays {
            let all = [(array.values, values), (array.gradients, gradients)];
            let formats: Vec<bool> = all.into_iter().filter(|(has, _)| *has).map(|(_, format)| format != Format::F32).collect();
            array.halves = formats.contains(&true);
            if array.halves && formats.contains(&false) {
                array.access = Access::Scalar;
            }
        }
        own
    };
    ways.map(of).into()
}

/// The kernel with a copy of the values in bf16.
pub fn with_copy(kernel: &Kernel) -> Kernel {
    let mut own = kernel.clone();
    own.kind.copied = true;
    own.pairs.iter_mut().for_each(|pair| pair.copy = Some(own.arrays.len()));
    own.arrays.push(Array { copies: true, written: true, ..Array::default() });
    own
}
