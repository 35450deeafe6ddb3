//! The forms a law can have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::declaration::{Declaration, Role};
use crate::law::{ByPoint, Law};
use crate::written::OfEquation;
use crate::{Equation, FitOptions, LawError, Table, Written, forms};

/// A law's form. N is parameters, D training tokens, x either or training FLOPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Name", try_from = "Name")]
pub enum Form {
    /// `L = B x^-c`: a straight line on logarithmic axes (Kaplan et al. 2020, arXiv:2001.08361,
    /// eq. 1.1 to 1.3). B is the loss at x = 1, c the exponent.
    Power,
    /// `L = E + B x^-c`: a power law down to a floor E (Henighan et al. 2020, arXiv:2010.14701,
    /// eq. 1.1).
    Offset,
    /// `L = B (1/x + g)^c`: a power law that bends where x reaches 1/g, to a floor of `B g^c`
    /// (M3 of Alabdulmohsin et al. 2022, arXiv:2209.06640).
    Shifted,
    /// `(L - E) / (L0 - L)^a = B x^-c`: between the loss of chance, L0, and a floor E; a is how
    /// slowly the loss leaves L0 (M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640).
    Saturating,
    /// `L = E + B x^-c0 (1 + (x/d)^(1/f))^(-c1 f)`: exponent c0 before the break at d, `c0 + c1`
    /// after it, f the break's width in e-folds (Caballero et al. 2023, arXiv:2210.14891, eq. 1
    /// with one break).
    Broken,
    /// `L = E + A N^-alpha + B D^-beta`: entropy of the text, plus what a model of N parameters
    /// cannot hold, plus what D tokens cannot teach (Hoffmann et al. 2022, arXiv:2203.15556, eq. 2).
    Chinchilla,
    /// `L = ((Nc/N)^(aN/aD) + Dc/D)^aD`: powers of N and D with exponents aN and aD; Nc and Dc are
    /// where either alone would bring the loss to 1 (Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5).
    Kaplan,
    /// Chinchilla's law with effective N and D where tokens repeat: `L = E + A N'^-alpha +
    /// B D'^-beta`, of D tokens seen, U of them unique. R_D and R_N are how many repetitions, and
    /// how many times too many parameters, are worth `1 - 1/e` of their like (Muennighoff et al.
    /// 2023, arXiv:2305.16264, eq. 5 to 7; here all seven are fitted at once).
    DataConstrained,
    /// `L = E + A W^-alpha + B H^-beta + G D^-gamma`: a power each of width W, depth H and tokens D
    /// (as Rosenfeld et al. 2020, arXiv:1909.12673, add powers of size and data, with the size in
    /// its two parts).
    WidthDepth,
    /// An equation that somebody wrote.
    Written(&'static Written),
}

/// A form as it is kept: a built-in one's name, or an equation and which of its names are variables.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Name {
    BuiltIn(String),
    Written { law: String, variables: Vec<String> },
}

impl From<Form> for Name {
    fn from(form: Form) -> Self {
        match form {
            Form::Written(written) => Name::Written {
                law: written.declaration.name.to_owned(),
                variables: form.variables().iter().map(|it| (*it).to_owned()).collect(),
            },
            built_in => Name::BuiltIn(built_in.name().to_owned()),
        }
    }
}

impl TryFrom<Name> for Form {
    type Error = LawError;

    fn try_from(name: Name) -> Result<Self, LawError> {
        match name {
            Name::BuiltIn(name) => name.parse(),
            Name::Written { law, variables } => {
                Equation::read(&law)?.law(&variables).map(Form::Written)
            }
        }
    }
}

impl Form {
    /// Every built-in form.
    pub const ALL: [Form; 9] = [
        Form::Power,
        Form::Offset,
        Form::Shifted,
        Form::Saturating,
        Form::Broken,
        Form::Chinchilla,
        Form::Kaplan,
        Form::DataConstrained,
        Form::WidthDepth,
    ];

    /// All that is declared of the form.
    pub(crate) fn declaration(self) -> &'static Declaration {
        match self {
            Form::Power => &forms::POWER,
            Form::Offset => &forms::OFFSET,
            Form::Shifted => &forms::SHIFTED,
            Form::Saturating => &forms::SATURATING,
            Form::Broken => &forms::BROKEN,
            Form::Chinchilla => &forms::CHINCHILLA,
            Form::Kaplan => &forms::KAPLAN,
            Form::DataConstrained => &forms::DATA_CONSTRAINED,
            Form::WidthDepth => &forms::WIDTH_DEPTH,
            Form::Written(written) => &written.declaration,
        }
    }

    /// The form's name, as on the command line.
    pub fn name(self) -> &'static str {
        self.declaration().name
    }

    /// The form's variables, in the order of a point's: `x`, or `N` parameters, `D` tokens, `U`
    /// unique tokens, `W` width and `H` depth.
    pub fn variables(self) -> &'static [&'static str] {
        self.declaration().variables
    }

    /// The form's parameters, in the order of its equation.
    pub fn parameters(self) -> &'static [&'static str] {
        self.declaration().parameters
    }

    /// Which of its parameters has this name.
    ///
    /// # Errors
    /// If none has.
    pub(crate) fn parameter(self, name: &str) -> Result<usize, LawError> {
        let parameters = self.parameters();
        let index = parameters.iter().position(|it| *it == name);
        index.ok_or_else(|| LawError::NoParameter {
            name: name.to_owned(),
            form: self.name(),
            parameters,
        })
    }

    /// What each parameter is, in the same order.
    pub(crate) fn roles(self) -> &'static [Role] {
        self.declaration().roles
    }

    /// The form's equation, for people.
    pub fn equation(self) -> &'static str {
        self.declaration().equation
    }

    /// The form as the engine takes it, for a table.
    ///
    /// # Errors
    /// If the options bound or start what it does not have.
    pub(crate) fn law(self, table: &Table, options: &FitOptions) -> Result<Box<dyn Law>, LawError> {
        use crate::forms::{Broken, DataConstrained, Kaplan, Powers, Saturating, Shifted};
        let centre = table.centre();
        let all = || centre.clone();
        if let Form::Written(written) = self {
            return Ok(Box::new(OfEquation::new(written, table, options)?));
        }
        if !(options.bounds.is_empty() && options.starts.is_empty()) {
            return Err(LawError::BuiltIn(self.name()));
        }
        Ok(match self {
            Form::Power => Box::new(Powers::new(all(), false)),
            Form::Offset | Form::Chinchilla | Form::WidthDepth => {
                Box::new(Powers::new(all(), true))
            }
            Form::Shifted => Box::new(ByPoint(Shifted { centre: centre[0] })),
            Form::Saturating => Box::new(ByPoint(Saturating { centre: centre[0] })),
            Form::Broken => Box::new(ByPoint(Broken { centre: centre[0] })),
            Form::Kaplan => Box::new(ByPoint(Kaplan {
                centre: [centre[0], centre[1]],
            })),
            Form::DataConstrained => Box::new(ByPoint(DataConstrained {
                centre: [centre[0], centre[1], centre[2]],
            })),
            Form::Written(_) => unreachable!("it has been dealt with"),
        })
    }

    /// The law's loss at a point.
    ///
    /// # Panics
    /// If there are not as many parameters or variables as the form has.
    pub fn loss(self, parameters: &[f64], x: &[f64]) -> f64 {
        let of = self.declaration();
        let counts = (parameters.len(), x.len());
        assert_eq!(
            counts,
            (of.parameters.len(), of.variables.len()),
            "parameters and variables of `{self}`"
        );
        of.loss.at(parameters, x)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Form {
    type Err = LawError;

    fn from_str(name: &str) -> Result<Self, LawError> {
        let found = Form::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or_else(|| LawError::NoForm(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinate::Coordinate;
    use crate::points::Points;
    use crate::rows::{Jets, Rows};

    /// A theta with nothing special about it, in the middle of what each form takes.
    fn somewhere(form: Form) -> Vec<f64> {
        let all: &[f64] = match form {
            Form::Power => &[0.9, 0.3],
            Form::Offset => &[0.4, 0.2, 0.35],
            Form::Shifted => &[0.9, -0.7, 0.4],
            Form::Saturating => &[0.2, 0.8, 0.4, -0.3, 0.6],
            Form::Broken => &[0.1, 0.5, 0.2, 0.35, 0.3, -0.4],
            Form::Chinchilla => &[0.5, 0.2, 0.3, -0.4, 0.4],
            Form::Kaplan => &[0.4, 0.3, 0.5, -1.2],
            Form::DataConstrained => &[0.5, 0.2, 0.3, 0.4, 0.5, 0.6, 1.2],
            Form::WidthDepth => &[0.5, 0.2, 0.3, -0.4, 0.4, 0.1, 0.6],
            Form::Written(_) => &[],
        };
        all.to_vec()
    }

    /// The points' z for N above and below the best for its unique tokens, with and without repeats.
    const PLACES: [[f64; 3]; 4] = [
        [1.3, -0.8, -1.6],
        [-1.1, 0.9, -0.2],
        [3.0, 0.2, 0.4],
        [0.4, 2.2, -1.0],
    ];
    const CENTRE: [f64; 3] = [2.0, 3.0, 2.5];

    /// The form's law around the centre.
    fn law(form: Form) -> Box<dyn Law> {
        let mut table = Table::new(form.variables().len());
        let centre = CENTRE[..form.variables().len()].iter();
        table.push(&centre.map(|c: &f64| c.exp()).collect::<Vec<_>>(), 1.0);
        form.law(&table, &FitOptions::default()).unwrap()
    }

    fn rows(form: Form) -> Rows {
        let variables = form.variables().len();
        let mut table = Table::new(variables);
        for place in PLACES {
            let x: Vec<f64> = (0..variables)
                .map(|v| (place[v] + CENTRE[v]).exp())
                .collect();
            table.push(&x, 1.0);
        }
        let points = Points::new(&table, &CENTRE[..variables], vec![1.0; PLACES.len()]);
        Rows::new(&points, &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)])
    }

    fn jets(law: &dyn Law, theta: &[f64], rows: &Rows) -> Jets {
        let mut jets = Jets::new(law.count());
        let block = rows.blocks().next().unwrap();
        law.jets(theta, &block, &mut jets);
        let values = law.values(theta, &block);
        for row in 0..PLACES.len() {
            assert_close(values.0[row], jets.value.0[row], 1e-14, "the value alone");
        }
        jets
    }

    fn moved(theta: &[f64], index: usize, by: f64) -> Vec<f64> {
        let mut theta = theta.to_vec();
        theta[index] += by;
        theta
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error < tolerance, "{what}: {found} for {expected}");
    }

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let h = 1e-5;
        for form in Form::ALL {
            let (law, theta, rows) = (law(form), somewhere(form), rows(form));
            let law = &*law;
            let found = jets(law, &theta, &rows);
            for i in 0..theta.len() {
                let [up, down] = [h, -h].map(|by| jets(law, &moved(&theta, i, by), &rows));
                for row in 0..PLACES.len() {
                    let slope = (up.value.0[row] - down.value.0[row]) / (2.0 * h);
                    let what = format!("{form} slope {i} at {row}");
                    assert_close(found.gradient[i].0[row], slope, 1e-8, &what);
                    for j in 0..=i {
                        let bend = (up.gradient[j].0[row] - down.gradient[j].0[row]) / (2.0 * h);
                        let what = format!("{form} bend {i} {j} at {row}");
                        let second = found.hessian[Jets::place(i, j)].0[row];
                        assert_close(second, bend, 1e-7, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn coordinates_mean_what_the_equation_says() {
        for form in Form::ALL {
            let (law, theta, rows) = (law(form), somewhere(form), rows(form));
            let natural = law.natural(&theta);
            let found = jets(&*law, &theta, &rows).value;
            for (row, place) in PLACES.iter().enumerate() {
                let variables = 0..form.variables().len();
                let x: Vec<f64> = variables.map(|v| (place[v] + CENTRE[v]).exp()).collect();
                let expected = form.loss(&natural, &x);
                assert_close(found.0[row].exp(), expected, 1e-12, form.name());
            }
        }
    }

    #[test]
    fn a_pinned_parameter_has_its_value() {
        for form in Form::ALL {
            let (law, theta) = (law(form), somewhere(form));
            for index in 0..theta.len() {
                let now = law.natural(&theta)[index];
                let wanted = 1.1 * now;
                let value = if law.logarithmic(index) {
                    wanted.ln()
                } else {
                    wanted
                };
                let pin = |theta: &[f64]| law.pin(index, value, &Coordinate::all(theta));
                let pinned = pin(&theta);
                let mut held = theta.clone();
                held[index] = pinned.value;
                assert_close(law.natural(&held)[index], wanted, 1e-12, form.name());
                // The coordinate's own derivatives by the others.
                for other in (0..theta.len()).filter(|other| *other != index) {
                    let h = 1e-5;
                    let [up, down] = [h, -h].map(|by| pin(&moved(&theta, other, by)));
                    let slope = (up.value - down.value) / (2.0 * h);
                    assert_close(pinned.gradient[other], slope, 1e-8, form.name());
                    let bend = (up.gradient[other] - down.gradient[other]) / (2.0 * h);
                    assert_close(pinned.hessian[(other, other)], bend, 1e-7, form.name());
                }
            }
        }
    }
}
