//! Which tile, panel or share of rounds of which matrix each workgroup of a dispatch has. No wgpu types.

use super::jacobi::Shares;
use super::plan::Matrix;
use crate::products::{Blocks, Tile};

/// The tiles of these matrices: of squares, of symmetric ones on and above the diagonal only, or of a row for each index and a column for all else.
pub(super) fn tiles(matrices: &[Matrix], shape: Shape, blocks: &Blocks) -> Vec<Tile> {
    let (down, across) = (blocks.rows / 4, blocks.columns / 4);
    let of = |(number, matrix): (u32, &Matrix)| {
        let columns = if shape == Shape::Elements { matrix.column_blocks } else { matrix.blocks };
        let rows = (0..matrix.blocks).step_by(down as usize);
        rows.flat_map(move |row| {
            let of_row = (0..columns).step_by(across as usize).filter(move |column| shape != Shape::Symmetric || column + across > row);
            of_row.map(move |column| Tile { matrix: number, row, column })
        })
        .collect::<Vec<_>>()
    };
    (0..).zip(matrices).flat_map(of).collect()
}

/// What tiles are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Square,
    Symmetric,
    Elements,
}

/// For each dispatch of sweeps, the rounds of each matrix that has some left.
pub(super) fn sweeps(matrices: &[Matrix], shares: Shares) -> Vec<Vec<Tile>> {
    let rounds = |matrix: &Matrix| {
        let share = shares.rounds(matrix.size.into()).min(matrix.rounds.into()).max(1) as u32;
        (0..matrix.rounds).step_by(share as usize).map(|first| (first, matrix.rounds.min(first + share))).collect::<Vec<_>>()
    };
    let all: Vec<Vec<(u32, u32)>> = matrices.iter().map(rounds).collect();
    let most = all.iter().map(Vec::len).max().unwrap_or_default();
    let of = |dispatch: usize| {
        let own = (0..).zip(&all).filter_map(|(number, shares)| Some((number, *shares.get(dispatch)?)));
        own.map(|(matrix, (row, column))| Tile { matrix, row, column }).collect()
    };
    (0..most).map(of).collect()
}

/// The panels of so many columns of each matrix.
pub(super) fn panels(matrices: &[Matrix], panel: u32) -> Vec<Tile> {
    let of = |(matrix, own): (u32, &Matrix)| (0..own.size.div_ceil(panel)).map(move |column| Tile { matrix, row: 0, column });
    (0..).zip(matrices).flat_map(of).collect()
}

/// For each dispatch of renewals, the panels of each matrix from one on, which are made orthogonal to the panel before that one; all panels twice.
pub(super) fn renewals(matrices: &[Matrix], panel: u32) -> Vec<Vec<Tile>> {
    let panels = |matrix: &Matrix| matrix.size.div_ceil(panel);
    let most = 2 * matrices.iter().map(panels).max().unwrap_or_default();
    let of = |dispatch: u32| {
        let own = (0..).zip(matrices).filter(|(_, matrix)| dispatch < 2 * panels(matrix));
        let tiles = |(matrix, own): (u32, &Matrix)| {
            let row = dispatch % panels(own);
            // Before the first there is none, so the others have nothing to do.
            let last = if row == 0 { 1 } else { panels(own) };
            (row..last).map(move |column| Tile { matrix, row, column })
        };
        own.flat_map(tiles).collect()
    };
    (0..most).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In both times, each panel loses what it has of each panel before it once that one is finished, and is finished itself after the last of them.
    #[test]
    fn renewals_make_panels_orthogonal_to_all_before() {
        let sizes = [70, 1, 32, 200];
        let matrices = sizes.map(|size| Matrix { size, ..Matrix::default() });
        let mut lost: Vec<Vec<Vec<u32>>> = sizes.map(|size| vec![Vec::new(); size.div_ceil(32) as usize]).into();
        let mut finished = sizes.map(|_| 0);
        for tiles in renewals(&matrices, 32) {
            let before = finished;
            for Tile { matrix, row, column } in tiles {
                let (matrix, panels) = (matrix as usize, sizes[matrix as usize].div_ceil(32));
                assert_eq!(before[matrix] % panels, row, "matrix {matrix}: panel {column}");
                if row > 0 {
                    lost[matrix][column as usize].push(row - 1);
                }
                finished[matrix] += u32::from(column == row);
            }
        }
        for (matrix, size) in sizes.iter().enumerate() {
            assert_eq!(finished[matrix], 2 * size.div_ceil(32));
            for (panel, lost) in (0..).zip(&lost[matrix]) {
                let once: Vec<u32> = (0..panel).collect();
                assert_eq!(*lost, [once.clone(), once].concat(), "matrix {matrix}: panel {panel}");
            }
        }
    }
}
