//! One form fitted to several groups of points at once, which share some of its parameters.

use nalgebra::DMatrix;

use crate::coordinate::Coordinate;
use crate::interval::quantile;
use crate::lanes::{Column, ROWS};
use crate::law::{Law, Limit};
use crate::layout::Layout;
use crate::minimize::Problem;
use crate::points::Points;
use crate::rows::{Block, Jets};
use crate::search::{natural, search};
use crate::solved::{Solved, fixed};
use crate::{Fit, FitOptions, Form, Joint, LawError, Objective, Table, possible};

/// Starts at which the shared parameters are those of one group.
const MOST_GROUPS_STARTED_AT: usize = 8;

/// Fits a form to several tables at once: parameters that are `shared` are the same for all, the others each table's own.
/// The fits, in the order of the tables, with the intervals of the joint fit; the bootstrap draws within each table.
///
/// # Errors
/// If a table has fewer points than parameters of its own, all together are too few, the form has no such parameter, or
/// one is an amplitude whose exponent is not shared.
///
/// # Panics
/// If there is no table, or one has another number of variables than the form.
pub fn fit_together(
    form: Form,
    tables: &[&Table],
    shared: &[String],
    options: &FitOptions,
) -> Result<Vec<Fit>, LawError> {
    let layout = Layout::sharing(form, tables.len(), shared)?;
    let mut once: Vec<String> = Vec::new();
    for name in shared {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    let shared = once.as_slice();
    let pooled = Table::pooled(tables);
    let options_alone = FitOptions {
        fixed: Vec::new(),
        ..options.clone()
    };
    possible(form, &pooled, &options_alone)?;
    let is_fixed = |name: &str| options.fixed.iter().any(|(fixed, _)| fixed == name);
    let own = form.parameters().iter().filter(|name| {
        let is_shared = shared.iter().any(|it| it == *name);
        !(is_shared || is_fixed(name))
    });
    let own = own.count();
    for table in tables {
        if table.len() < own.max(1) {
            return Err(LawError::TooFewOfGroup {
                points: table.len(),
                own,
            });
        }
    }
    let free = (0..layout.count()).filter(|at| !is_fixed(layout.name(*at)));
    let free = free.count();
    if pooled.len() <= free {
        return Err(LawError::TooFew {
            points: pooled.len(),
            form: form.name(),
            parameters: free,
            needed: free + 1,
        });
    }
    let centre = pooled.centre();
    let weights = pooled.weights(options.objective)?;
    let alone = form.law(&pooled, options)?;
    let points = Points::new(&pooled, &centre, weights.clone());
    let mut weights = weights.into_iter();
    let parts: Vec<Points> = tables
        .iter()
        .map(|table| Points::new(table, &centre, weights.by_ref().take(table.len()).collect()))
        .collect();
    let of_group = tables.iter().enumerate();
    let groups: Vec<f64> = of_group
        .flat_map(|(group, table)| vec![group as f64; table.len()])
        .collect();
    let points = points.with(groups);
    let mut law = OfGroups {
        law: &*alone,
        layout: &layout,
        starts: Vec::new(),
    };
    let objective = pooled.objective(options.objective);
    law.starts = law.near(&parts, objective, &options.fixed)?;
    law.check(shared, &is_fixed)?;
    let solved = Solved::new(&law, &layout, &points, tables, options)?;
    let joint = Joint {
        shared: shared.to_vec(),
        groups: tables.len(),
        points: pooled.len(),
        units: solved.units,
        free: solved.free,
    };
    let each = tables.iter().zip(&parts).enumerate();
    let fits = each.map(|(group, (table, points))| {
        solved.fit(group, table, points, Some(joint.clone()), None)
    });
    Ok(fits.collect())
}

/// A law of points of which the last variable says to which group they belong.
struct OfGroups<'a> {
    law: &'a dyn Law,
    layout: &'a Layout,
    starts: Vec<Vec<f64>>,
}

impl OfGroups<'_> {
    fn theta(&self, group: usize, theta: &[f64]) -> Vec<f64> {
        self.layout.pick(group, theta)
    }

    /// For every group that has rows in a block: the group, and its block without the variable that says so.
    fn each<'b>(&self, block: &Block<'b>, mut see: impl FnMut(usize, Block<'b>, &Column)) {
        let (group, z) = block.z.split_last().expect("a group is a variable");
        let mut seen: Vec<usize> = Vec::new();
        for row in 0..ROWS {
            let here = group.0[row] as usize;
            if !seen.contains(&here) {
                seen.push(here);
                see(here, Block { z, ..*block }, group);
            }
        }
    }

    /// Starts from fits of each group alone: the shared parameters as their median, or as those of one group, with the
    /// others at their best beside them; and from the fit of all points as if they were one group.
    fn near(
        &self,
        parts: &[Points],
        objective: Objective,
        given: &[(String, f64)],
    ) -> Result<Vec<Vec<f64>>, LawError> {
        let alone = Layout::alone(self.layout.form);
        let pins = fixed(self.law, &alone, given)?;
        let problem = |points| {
            let mut problem = Problem::new(self.law, points, objective);
            problem.pins.clone_from(&pins);
            problem
        };
        let problems: Vec<Problem> = parts.iter().map(problem).collect();
        let found: Vec<Vec<f64>> = problems
            .iter()
            .map(|problem| {
                let found = search(problem, self.layout.form)?;
                Ok(found.minima[0].theta.clone())
            })
            .collect::<Result<_, LawError>>()?;
        let values: Vec<Vec<f64>> = found.iter().map(|it| natural(self.law, it)).collect();
        let shared: Vec<usize> = (0..self.law.count())
            .filter(|p| self.layout.coordinates(*p).count() == 1)
            .collect();
        let pinned = |value: f64, parameter: usize| {
            if self.law.logarithmic(parameter) {
                value.ln()
            } else {
                value
            }
        };
        let medians: Vec<f64> = (0..self.law.count())
            .map(|p| {
                let all: Vec<f64> = values.iter().map(|it| pinned(it[p], p)).collect();
                quantile(&all, 0.5).unwrap_or(0.0)
            })
            .collect();
        let of_groups = values.iter().take(MOST_GROUPS_STARTED_AT);
        let of_groups = of_groups.map(|it| (0..it.len()).map(|p| pinned(it[p], p)).collect());
        let tried = std::iter::once(medians).chain(of_groups);
        let start = |values: Vec<f64>| -> Vec<f64> {
            let mut start = vec![0.0; self.layout.count()];
            for (group, problem) in problems.iter().enumerate() {
                let held = shared.iter().fold(problem.again(), |held, p| {
                    if values[*p].is_finite() {
                        held.pinned(*p, values[*p])
                    } else {
                        held
                    }
                });
                let best = held.refine(&found[group]);
                for (parameter, at) in self.layout.of_group(group).iter().enumerate() {
                    start[*at] = best.theta[parameter];
                }
            }
            start
        };
        Ok(tried.map(start).collect())
    }

    /// Refuses a shared parameter that means something else in each group: an amplitude where exponents differ.
    fn check(&self, shared: &[String], is_fixed: &dyn Fn(&str) -> bool) -> Result<(), LawError> {
        let theta = &self.starts[0];
        for name in shared.iter().filter(|name| !is_fixed(name)) {
            let parameter = self.layout.form.parameter(name)?;
            let own = self.theta(0, theta);
            let at = self.law.pin(parameter, 1.0, &Coordinate::all(&own));
            let moves = at.gradient.iter().enumerate();
            let mut with = moves.filter(|(other, slope)| {
                **slope != 0.0
                    && self.layout.coordinates(*other).count() > 1
                    && !is_fixed(self.layout.form.parameters()[*other])
            });
            if let Some((other, _)) = with.next() {
                return Err(LawError::SharedAlone {
                    name: name.clone(),
                    with: self.layout.form.parameters()[other],
                });
            }
        }
        Ok(())
    }
}

impl Law for OfGroups<'_> {
    fn count(&self) -> usize {
        self.layout.count()
    }

    fn jets(&self, theta: &[f64], block: &Block, jets: &mut Jets) {
        for column in jets.gradient.iter_mut().chain(&mut jets.hessian) {
            *column = Column::ZERO;
        }
        self.each(block, |group, own, of_row| {
            let mut inner = Jets::new(self.law.count());
            self.law.jets(&self.theta(group, theta), &own, &mut inner);
            let places = self.layout.of_group(group);
            let copy = |from: &Column, to: &mut Column| {
                for row in 0..ROWS {
                    if of_row.0[row] as usize == group {
                        to.0[row] = from.0[row];
                    }
                }
            };
            copy(&inner.value, &mut jets.value);
            for (i, at) in places.iter().enumerate() {
                copy(&inner.gradient[i], &mut jets.gradient[*at]);
                for (j, with) in places[..=i].iter().enumerate() {
                    let place = Jets::place(*at.max(with), *at.min(with));
                    copy(&inner.hessian[Jets::place(i, j)], &mut jets.hessian[place]);
                }
            }
        });
    }

    fn values(&self, theta: &[f64], block: &Block) -> Column {
        let mut values = Column::ZERO;
        self.each(block, |group, own, of_row| {
            let inner = self.law.values(&self.theta(group, theta), &own);
            for row in 0..ROWS {
                if of_row.0[row] as usize == group {
                    values.0[row] = inner.0[row];
                }
            }
        });
        values
    }

    fn natural(&self, theta: &[f64]) -> Vec<f64> {
        let groups = 0..self.layout.groups();
        let of_groups: Vec<Vec<f64>> = groups
            .map(|group| self.law.natural(&self.theta(group, theta)))
            .collect();
        (0..self.layout.count())
            .map(|at| {
                let (group, parameter) = self.layout.owner(at);
                of_groups[group][parameter]
            })
            .collect()
    }

    fn pin(&self, index: usize, value: f64, theta: &[Coordinate]) -> Coordinate {
        let (group, parameter) = self.layout.owner(index);
        let places = self.layout.of_group(group);
        let own: Vec<f64> = places.iter().map(|at| theta[*at].value).collect();
        let inner = self.law.pin(parameter, value, &Coordinate::all(&own));
        // By the chain rule, as the group's coordinates may follow from others themselves.
        let mut outer = Coordinate::constant(inner.value, theta.len());
        for (i, at) in places.iter().enumerate() {
            outer
                .gradient
                .axpy(inner.gradient[i], &theta[*at].gradient, 1.0);
            outer.hessian += &theta[*at].hessian * inner.gradient[i];
            for (j, with) in places.iter().enumerate() {
                if inner.hessian[(i, j)] != 0.0 {
                    let crossed: DMatrix<f64> =
                        &theta[*at].gradient * theta[*with].gradient.transpose();
                    outer.hessian += crossed * inner.hessian[(i, j)];
                }
            }
        }
        outer
    }

    fn logarithmic(&self, index: usize) -> bool {
        self.law.logarithmic(self.layout.owner(index).1)
    }

    fn bounds(&self, index: usize) -> [f64; 2] {
        self.law.bounds(self.layout.owner(index).1)
    }

    fn limits(&self, least: f64) -> Vec<Limit> {
        let limits = self.law.limits(least).into_iter();
        let each = |limit: Limit| {
            let all = self.layout.coordinates(limit.index);
            all.map(move |index| Limit { index, ..limit })
        };
        limits.flat_map(each).collect()
    }

    fn starts(&self, _points: &Points) -> Vec<Vec<f64>> {
        self.starts.clone()
    }
}
