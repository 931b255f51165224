//! Polygons, and which cells of a grid they reach.

use std::ops::Range;

/// A polygon in pixels, x to the right and y down. Its last point is joined with the first. What it
/// winds round is inside, also where it crosses itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<[f64; 2]>);

impl Polygon {
    /// The polygon with these corners, x and y, which are finite numbers.
    #[must_use]
    pub fn new(corners: Vec<[f64; 2]>) -> Self {
        Self(corners)
    }

    /// The cells of `grid` that any part of it lies in or within `margin` pixels of: column and
    /// row, in rows from top to bottom.
    pub(crate) fn cells(&self, grid: &Grid, margin: f64) -> Vec<(u32, u32)> {
        let mut cells = Vec::new();
        for row in 0..grid.count.1 {
            let rows = grow(grid.rows(row), margin);
            let middle = f64::midpoint(rows.0, rows.1);
            let crossing: Vec<_> = self.edges().filter(|edge| edge.has_rows(rows)).collect();
            let winding: Vec<_> = self.edges().filter_map(|edge| edge.turn(middle)).collect();
            if crossing.is_empty() && winding.is_empty() {
                continue;
            }
            for column in 0..grid.count.0 {
                let columns = grow(grid.columns(column), margin);
                let is_crossed = || crossing.iter().any(|edge| edge.enters(columns, rows));
                if winds_round(&winding, f64::midpoint(columns.0, columns.1)) || is_crossed() {
                    cells.push((column, row));
                }
            }
        }
        cells
    }

    fn edges(&self) -> impl Iterator<Item = Edge> {
        let ends = self.0.iter().cycle().skip(1);
        self.0
            .iter()
            .zip(ends)
            .map(|(&from, &to)| Edge { from, to })
    }
}

/// A picture's division into rectangles. What is left over at the right and at the bottom belongs
/// to the last ones.
pub(crate) struct Grid {
    /// Pixels of a cell, across and down.
    pub cell: (u32, u32),
    /// Cells, across and down; at least one.
    pub count: (u32, u32),
    /// Pixels of the picture, across and down.
    pub picture: (u32, u32),
}

impl Grid {
    /// No cell is smaller than `cell`, unless the picture is.
    pub fn of_whole(cell: (u32, u32), picture: (u32, u32)) -> Self {
        let count = ((picture.0 / cell.0).max(1), (picture.1 / cell.1).max(1));
        Self {
            cell,
            count,
            picture,
        }
    }

    /// The pixels of a cell, or whatever else the grid counts in: columns and rows.
    pub fn pixels(&self, (column, row): (u32, u32)) -> (Range<u32>, Range<u32>) {
        let part = |(from, to): (f64, f64)| from as u32..to as u32;
        (part(self.columns(column)), part(self.rows(row)))
    }

    fn columns(&self, column: u32) -> (f64, f64) {
        side(column, self.cell.0, self.count.0, self.picture.0)
    }

    fn rows(&self, row: u32) -> (f64, f64) {
        side(row, self.cell.1, self.count.1, self.picture.1)
    }
}

/// The first and the last edge of the cell `at`, of `count`.
fn side(at: u32, cell: u32, count: u32, picture: u32) -> (f64, f64) {
    let end = if at + 1 == count {
        picture
    } else {
        (at + 1) * cell
    };
    ((at * cell).into(), end.into())
}

fn grow((from, to): (f64, f64), by: f64) -> (f64, f64) {
    (from - by, to + by)
}

/// One edge of a polygon.
#[derive(Clone, Copy)]
struct Edge {
    from: [f64; 2],
    to: [f64; 2],
}

impl Edge {
    /// Whether it has points between two rows.
    fn has_rows(self, (top, bottom): (f64, f64)) -> bool {
        self.from[1].min(self.to[1]) < bottom && self.from[1].max(self.to[1]) > top
            || self.from[1] == self.to[1] && (top..bottom).contains(&self.from[1])
    }

    /// The column at which it crosses the row `y`, and the way: 1 down, -1 up.
    fn turn(self, y: f64) -> Option<(f64, i32)> {
        let ([x1, y1], [x2, y2]) = (self.from, self.to);
        let way = i32::from(y1 <= y && y2 > y) - i32::from(y2 <= y && y1 > y);
        (way != 0).then(|| (x1 + (y - y1) / (y2 - y1) * (x2 - x1), way))
    }

    /// Whether it has points within a rectangle, its edges left out (Liang and Barsky's clipping).
    fn enters(self, columns: (f64, f64), rows: (f64, f64)) -> bool {
        let mut part = (0.0, 1.0);
        for (axis, (least, most)) in [columns, rows].into_iter().enumerate() {
            let (start, way) = (self.from[axis], self.to[axis] - self.from[axis]);
            if way == 0.0 {
                if start <= least || start >= most {
                    return false;
                }
                continue;
            }
            let (one, other) = ((least - start) / way, (most - start) / way);
            part = (one.min(other).max(part.0), one.max(other).min(part.1));
        }
        part.0 < part.1
    }
}

/// Whether a point at the column `x` is wound round, by edges that cross its row.
fn winds_round(turns: &[(f64, i32)], x: f64) -> bool {
    let right = turns.iter().filter(|(column, _)| *column > x);
    right.map(|(_, way)| way).sum::<i32>() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        cell: (10, 10),
        count: (4, 3),
        picture: (45, 30),
    };

    fn cells(corners: &[[f64; 2]], margin: f64) -> Vec<(u32, u32)> {
        Polygon::new(corners.to_vec()).cells(&GRID, margin)
    }

    #[test]
    fn whole_cells_are_taken_and_none_that_is_only_touched() {
        let exact = [[10.0, 10.0], [20.0, 10.0], [20.0, 20.0], [10.0, 20.0]];
        assert_eq!(cells(&exact, 0.0), [(1, 1)]);
        let a_little_more = exact.map(|[x, y]| [if x > 10.0 { x + 0.1 } else { x }, y]);
        assert_eq!(cells(&a_little_more, 0.0), [(1, 1), (2, 1)]);
        assert_eq!(cells(&exact, 1.0).len(), 9);
    }

    #[test]
    fn the_last_column_has_what_is_left_over() {
        let end = [[41.0, 0.0], [44.0, 0.0], [44.0, 5.0]];
        assert_eq!(cells(&end, 0.0), [(3, 0)]);
        let beyond = [[46.0, 0.0], [49.0, 0.0], [49.0, 5.0]];
        assert_eq!(cells(&beyond, 0.0), []);
    }

    #[test]
    fn thin_ones_turned_ones_and_ones_that_hold_a_cell_are_seen() {
        // A line, in whatever direction.
        let line = [[2.0, 15.0], [38.0, 15.0], [2.0, 15.0]];
        assert_eq!(cells(&line, 0.0), [(0, 1), (1, 1), (2, 1), (3, 1)]);
        let triangle = [[0.0, 0.0], [30.0, 30.0], [0.0, 30.0]];
        let expected = [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)];
        assert_eq!(cells(&triangle, 0.0), expected);
        let mut around: Vec<_> = [[-9.0, -9.0], [99.0, -9.0], [99.0, 99.0], [-9.0, 99.0]].into();
        assert_eq!(cells(&around, 0.0).len(), 12);
        around.reverse();
        assert_eq!(cells(&around, 0.0).len(), 12);
    }

    #[test]
    fn what_is_wound_round_twice_is_inside() {
        let once = [[0.0, 0.0], [40.0, 0.0], [40.0, 30.0], [0.0, 30.0]];
        let twice: Vec<_> = once.iter().chain(&once).copied().collect();
        assert_eq!(cells(&twice, 0.0).len(), 12);
    }
}
