//! Which coordinate of theta is which parameter of a form, where the form is fitted to one table or to several at once.

use crate::{Form, LawError};

/// A form's parameters in theta.
#[derive(Debug)]
pub struct Layout {
    pub form: Form,
    /// For each group of points, the coordinate of each parameter of the form.
    groups: Vec<Vec<usize>>,
    /// For each coordinate, the first group that has it, and which of the form's parameters it is.
    owners: Vec<(usize, usize)>,
}

impl Layout {
    /// Of one table.
    pub fn alone(form: Form) -> Self {
        Self::of(form, 1, &[])
    }

    /// Of several tables, which share some parameters.
    ///
    /// # Errors
    /// If the form does not have one of these.
    pub fn sharing(form: Form, groups: usize, shared: &[String]) -> Result<Self, LawError> {
        let index = |name: &String| form.parameter(name);
        let shared: Vec<usize> = shared.iter().map(index).collect::<Result<_, _>>()?;
        Ok(Self::of(form, groups, &shared))
    }

    fn of(form: Form, groups: usize, shared: &[usize]) -> Self {
        let mut owners = Vec::new();
        let mut places: Vec<Vec<usize>> = Vec::new();
        for group in 0..groups {
            let mut place = |parameter: usize| {
                if group > 0 && shared.contains(&parameter) {
                    return places[0][parameter];
                }
                owners.push((group, parameter));
                owners.len() - 1
            };
            let of_group = (0..form.parameters().len()).map(&mut place).collect();
            places.push(of_group);
        }
        Layout {
            form,
            groups: places,
            owners,
        }
    }

    /// Coordinates.
    pub fn count(&self) -> usize {
        self.owners.len()
    }

    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The coordinate of each of the form's parameters for a group.
    pub fn of_group(&self, group: usize) -> &[usize] {
        &self.groups[group]
    }

    /// The form's values for a group, from those of all coordinates.
    pub fn pick(&self, group: usize, values: &[f64]) -> Vec<f64> {
        self.groups[group].iter().map(|at| values[*at]).collect()
    }

    /// The first group that has a coordinate, and which of the form's parameters it is.
    pub fn owner(&self, coordinate: usize) -> (usize, usize) {
        self.owners[coordinate]
    }

    /// How many groups have a coordinate.
    pub fn holders(&self, coordinate: usize) -> usize {
        let (_, parameter) = self.owners[coordinate];
        let has = |places: &&Vec<usize>| places[parameter] == coordinate;
        self.groups.iter().filter(has).count()
    }

    /// The form's name of a coordinate.
    pub fn name(&self, coordinate: usize) -> &'static str {
        self.form.parameters()[self.owners[coordinate].1]
    }

    /// The coordinates of a parameter: one, or one for each group.
    pub fn coordinates(&self, parameter: usize) -> impl Iterator<Item = usize> {
        let all = self.owners.iter().enumerate();
        all.filter(move |(_, (_, of))| *of == parameter)
            .map(|(at, _)| at)
    }
}
