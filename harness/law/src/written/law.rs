//! A written law, as the engine takes it.

use nalgebra::{DMatrix, DVector};

use crate::coordinate::Coordinate;
use crate::declaration::Role;
use crate::lanes::Column;
use crate::law::{End, Law, Limit};
use crate::points::Points;
use crate::rows::{Block, Jets, Scratch};
use crate::{FitOptions, LawError, Table};

use super::Written;
use super::frame::Frame;
use super::program::{Program, Scale, Stored};
use super::starts::Starts;

/// A written law around the centre of its data.
pub struct OfEquation {
    frame: Frame,
    /// Of what it predicts.
    program: Program,
    /// What is added to the logarithm of each amplitude.
    shifts: Vec<Option<Program>>,
}

impl OfEquation {
    /// For a table.
    ///
    /// # Errors
    /// If the options bound or start what it does not have.
    pub fn new(
        written: &'static Written,
        table: &Table,
        options: &FitOptions,
    ) -> Result<Self, LawError> {
        let frame = Frame::new(written, table, options)?;
        let tree = frame.centred.tree.clone();
        let predicted = if frame.of_values { tree } else { tree.log() };
        let shifts = frame.centred.shifts.iter().map(|shift| {
            let shift = shift.as_ref()?;
            Some(Program::of(shift, &frame.scales, &[]))
        });
        Ok(OfEquation {
            program: Program::of(&predicted, &frame.scales, &frame.places()),
            shifts: shifts.collect(),
            frame,
        })
    }

    /// What is added to the logarithm of an amplitude, with its derivatives by the coordinates that move.
    fn shift(&self, program: &Program, theta: &[Coordinate]) -> Coordinate {
        let values: Vec<f64> = theta.iter().map(|it| it.value).collect();
        let mut columns = Scratch::default();
        program.run(&values, &nowhere(), &mut columns);
        let count = theta.len();
        let mut shift = Coordinate::constant(program.value(&columns).0[0], count);
        for (index, slope) in program.slopes(&columns) {
            shift.gradient.axpy(slope.0[0], &theta[index].gradient, 1.0);
            shift.hessian += &theta[index].hessian * slope.0[0];
        }
        for ([i, j], bend) in program.bends(&columns) {
            let (a, b) = (&theta[i].gradient, &theta[j].gradient);
            let mut crossed: DMatrix<f64> = a * b.transpose();
            if i != j {
                crossed += b * a.transpose();
            }
            shift.hessian += crossed * bend.0[0];
        }
        shift
    }

    fn shift_alone(&self, index: usize, theta: &[f64]) -> f64 {
        let Some(program) = &self.shifts[index] else {
            return 0.0;
        };
        let mut columns = Scratch::default();
        program.run(theta, &nowhere(), &mut columns);
        program.value(&columns).0[0]
    }
}

/// A block of no variables, for what does not vary.
fn nowhere() -> Block<'static> {
    Block {
        z: &[],
        target: &Column::ZERO,
        weight: &Column::ZERO,
        count: 1,
    }
}

impl Law for OfEquation {
    fn count(&self) -> usize {
        self.frame.scales.len()
    }

    fn jets(&self, theta: &[f64], block: &Block, jets: &mut Jets) {
        let mut columns = std::mem::take(&mut jets.scratch);
        self.program.run(theta, block, &mut columns);
        jets.value = *self.program.value(&columns);
        for (index, slope) in self.program.slopes(&columns) {
            jets.gradient[index] = *slope;
        }
        for ([i, j], bend) in self.program.bends(&columns) {
            jets.hessian[Jets::place(i, j)] = *bend;
        }
        jets.scratch = columns;
    }

    fn values(&self, theta: &[f64], block: &Block) -> Column {
        let mut columns = Scratch::default();
        self.program.run(theta, block, &mut columns);
        *self.program.value(&columns)
    }

    fn natural(&self, theta: &[f64]) -> Vec<f64> {
        let each = theta.iter().zip(&self.frame.scales).enumerate();
        each.map(|(index, (coordinate, scale))| match &self.shifts[index] {
            None => scale.parameter(*coordinate),
            Some(_) => {
                let shift = self.shift_alone(index, theta);
                match scale {
                    Scale::Logarithm => (coordinate - shift).exp(),
                    _ => coordinate * (-shift).exp(),
                }
            }
        })
        .collect()
    }

    fn pin(&self, index: usize, value: f64, theta: &[Coordinate]) -> Coordinate {
        let scale = self.frame.scales[index];
        let Some(program) = &self.shifts[index] else {
            let coordinate = match scale {
                Scale::Logarithm => value,
                other => other.coordinate(value),
            };
            return Coordinate::constant(coordinate, theta.len());
        };
        let shift = self.shift(program, theta);
        if scale == Scale::Logarithm {
            return Coordinate {
                value: value + shift.value,
                ..shift
            };
        }
        // `value exp(shift)`.
        let value = value * shift.value.exp();
        let slopes: &DVector<f64> = &shift.gradient;
        Coordinate {
            value,
            hessian: (&shift.hessian + slopes * slopes.transpose()) * value,
            gradient: shift.gradient * value,
        }
    }

    fn logarithmic(&self, index: usize) -> bool {
        self.frame.scales[index] == Scale::Logarithm
    }

    fn bounds(&self, index: usize) -> [f64; 2] {
        match self.frame.scales[index] {
            Scale::Plain | Scale::Logarithm => [f64::NEG_INFINITY, f64::INFINITY],
            Scale::Between(ends) => ends,
            Scale::Above(low) => [low, f64::INFINITY],
            Scale::Below(high) => [f64::NEG_INFINITY, high],
        }
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        /// Powers of e beyond which a scale that is compared with a variable is no scale of it any more.
        const FAR: f64 = 25.0;
        let mut limits = Vec::new();
        for (index, part) in self.frame.written.parts.iter().enumerate() {
            let ends = self.bounds(index);
            let width = ends[1] - ends[0];
            for (above, end) in [(false, ends[0]), (true, ends[1])] {
                let side = if above { -1.0 } else { 1.0 };
                if end.is_finite() {
                    let size = if width.is_finite() {
                        width
                    } else {
                        end.abs().max(1.0)
                    };
                    limits.push(Limit {
                        index,
                        above,
                        from: end + side * 1e-3 * size,
                        held: end + side * 1e-6 * size,
                    });
                }
            }
            if self.frame.scales[index] != Scale::Logarithm {
                continue;
            }
            if part.role == Role::Floor {
                limits.push(Limit::of_floor(index, least));
            } else if part.positive {
                let centres = part.variables.iter().map(|v| match self.frame.stored[*v] {
                    Stored::Logarithm(centre) => centre,
                    Stored::Plain => 0.0,
                });
                // On the scale of a variable, or of its inverse.
                let farthest = centres.fold(0.0, |far: f64, centre| far.max(centre.abs()));
                for (above, side) in [(false, -1.0), (true, 1.0)] {
                    limits.push(Limit {
                        index,
                        above,
                        from: side * (farthest + FAR),
                        held: side * (farthest + 1.5 * FAR),
                    });
                }
            }
        }
        limits
    }

    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let values = |theta: &[f64], block: &Block| self.values(theta, block);
        Starts::new(&self.frame, &values, points).spread(0)
    }

    fn more_starts(&self, points: &Points, round: usize, ends: &[End]) -> Vec<Vec<f64>> {
        let values = |theta: &[f64], block: &Block| self.values(theta, block);
        let starts = Starts::new(&self.frame, &values, points);
        if starts.searched.is_empty() {
            return Vec::new();
        }
        let mut more = starts.around(round, ends);
        more.extend(starts.spread(round));
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;
    use crate::{Equation, library};

    fn equations() -> Vec<(String, Vec<String>)> {
        let of = |text: &str, names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            (text.to_owned(), names.collect())
        };
        let published = library().unwrap().into_iter().filter(|law| !law.built_in);
        published
            .map(|law| {
                let variables = Equation::of(&law).unwrap().variables().unwrap().to_vec();
                (law.equation, variables)
            })
            .chain([
                of(
                    "loss = E + A*N^-a + G*(lr/l0 - 1)^2 + abs(b - N/n0)",
                    &["N", "lr"],
                ),
                of("loss = E + max(A*N^-a, B*D^-b, c)", &["N", "D"]),
                of("loss = E + exp(a - b*log(N)*c) + sqrt(D/d)*e", &["N", "D"]),
                of("loss = (N/n)^-a / (1 + (D/d)^-b)^c + E^f", &["N", "D"]),
                of("loss = a*log2(N + b)^3 + c*log10(D)", &["N", "D"]),
            ])
            .collect()
    }

    /// First and second derivatives against finite differences, which err themselves where a law is steep, at a thousand places for each law: sixteen thetas
    /// around the law's own starts, at sixty-four points.
    #[test]
    fn derivatives_are_those_of_finite_differences() {
        for (text, names) in equations() {
            let written = Equation::read(&text).unwrap().law(&names).unwrap();
            let mut table = Table::new(names.len());
            for i in 0..64u64 {
                let share = |by: u64| ((i + 1) * by % 97) as f64 / 97.0;
                let x: Vec<f64> = (0..names.len() as u64)
                    .map(|v| 0.1 * 3f64.powf(1.0 + share(13 + 8 * v)))
                    .collect();
                table.push(&x, 2.0 + share(7));
            }
            let options = FitOptions::default();
            let law = OfEquation::new(written, &table, &options).unwrap();
            let centre = table.centre();
            let points = Points::new(&table, &centre, vec![1.0; table.len()]);
            let draws: Vec<(usize, f64)> = (0..points.len()).map(|at| (at, 1.0)).collect();
            let rows = Rows::new(&points, &draws);
            let of = |theta: &[f64]| -> Vec<Jets> {
                let mut scratch = Scratch::default();
                let of_block = |block: Block| {
                    let mut jets = Jets::new(law.count());
                    jets.scratch = std::mem::take(&mut scratch);
                    law.jets(theta, &block, &mut jets);
                    scratch = std::mem::take(&mut jets.scratch);
                    jets
                };
                rows.blocks().map(of_block).collect()
            };
            let mut compared = 0;
            let starts = law.starts(&points);
            for (number, start) in starts.iter().cycle().take(16).enumerate() {
                // Away from where a parameter is nothing.
                let by = 0.11 + 0.03 * number as f64;
                let theta: Vec<f64> = start.iter().map(|it| it.clamp(-3.0, 3.0) + by).collect();
                let h = 1e-5;
                let found = of(&theta);
                for i in 0..theta.len() {
                    let [up, down] = [h, -h].map(|by| {
                        let mut moved = theta.clone();
                        moved[i] += by;
                        of(&moved)
                    });
                    for (at, jets) in found.iter().enumerate() {
                        for row in 0..crate::lanes::ROWS {
                            let slope = (up[at].value.0[row] - down[at].value.0[row]) / (2.0 * h);
                            let size = jets.value.0[row].abs() + slope.abs() + 1.0;
                            let error = (jets.gradient[i].0[row] - slope).abs() / size;
                            // Where it is a number at all, and no kink lies between.
                            if error.is_finite() && size < 1e3 {
                                assert!(error < 1e-3, "{text}: slope {i} is off by {error:e}");
                                compared += 1;
                            }
                            for j in 0..=i {
                                let bend = (up[at].gradient[j].0[row]
                                    - down[at].gradient[j].0[row])
                                    / (2.0 * h);
                                let second = jets.hessian[Jets::place(i, j)].0[row];
                                let size = size + jets.gradient[j].0[row].abs() + bend.abs();
                                let error = (second - bend).abs() / size;
                                if error.is_finite() && size < 1e3 {
                                    assert!(
                                        error < 1e-2,
                                        "{text}: bend {i} {j} is off by {error:e}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
            assert!(compared > 1000, "{text}: {compared}");
        }
    }
}
